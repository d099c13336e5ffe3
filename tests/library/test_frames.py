"""A run as pandas and xarray have it: tidy, with named dimensions, and the same numbers."""

import builtins

import numpy as np
import pytest

from xavier_cli import read_run
from xavier_cli.errors import MissingPackageError
from xavier_cli.runs import schema
from xavier_cli.runs.counting import counted_by_seed, layers_of
from xavier_cli.runs.store import write_run

pandas = pytest.importorskip("pandas", reason="pandas is not installed")
xarray = pytest.importorskip("xarray", reason="xarray is not installed")


def test_the_long_frame_has_a_row_per_seed_record_layer_and_metric(make):
    run = make(seeds=2)
    frame = run.to_dataframe()

    assert list(frame.columns) == ["seed", "update", "layer", "diverged", "metric", "value"]
    assert not frame.duplicated(["seed", "update", "layer", "metric"]).any()
    counts = frame.metric.value_counts()
    seeds, records = len(run.seeds), len(run.updates)
    assert counts["test_error"] == seeds * records
    assert counts["activation_std"] == seeds * records * 3
    # Weights have the output layer, too.
    assert counts["weight_gradient_std"] == seeds * records * 4
    one = frame.query("seed == 1 and update == @run.updates[2] and metric == 'activation_std' and layer == 3")
    assert one.value.tolist() == [float(run["activation/std"][1, 2, 2])]
    assert frame[frame.metric == "test_error"].layer.isna().all()


@pytest.mark.parametrize(
    ("group", "index", "column", "path"),
    [
        ("curves", ["seed", "update"], "test_error", "curves/test_error"),
        ("activation", ["seed", "update", "layer"], "saturated", "activation/saturated"),
        ("backprop", ["seed", "update", "layer"], "backprop_std", "backprop/std"),
        ("weight_gradient", ["seed", "update", "layer"], "weight_gradient_std", "weight_gradient/std"),
    ],
)
def test_a_group_s_frame_has_a_column_per_metric(make, group, index, column, path):
    run = make(seeds=3)
    frame = run.to_dataframe(group)

    assert list(frame.columns)[: len(index) + 1] == [*index, "diverged"]
    assert np.array_equal(frame[column], run[path].ravel().astype(float), equal_nan=True)
    assert len(frame) == run[path].size
    wanted = np.stack(np.meshgrid(*(run[name] for name in schema.dims(path)), indexing="ij"), -1)
    assert np.array_equal(frame[index].to_numpy(dtype=int), wanted.reshape(-1, len(index)))


@pytest.mark.parametrize("diverged", [(), (1,), (0, 1)], ids=["none-lost", "one-lost", "all-lost"])
def test_what_is_taken_at_fewer_records_has_a_row_for_each_of_its_own(make, diverged):
    run = make(seeds=2, records=20, diverged=diverged)
    taken = run["jacobian_update"].tolist()
    assert 1 < len(taken) < len(run.updates)

    for frame in (run.to_dataframe(), run.to_dataframe("jacobian")):
        if "metric" in frame:
            frame = frame[frame.metric == "end_to_end_mean_singular_value"]
        own = frame[frame.layer.isna()]
        assert own["update"].tolist() == taken * 2
        column = "value" if "value" in frame else "end_to_end_mean_singular_value"
        at = run["final/diverged_at"][:, None]
        lost = (at >= 0) & (run["jacobian_update"] >= at)
        wanted = np.where(lost, np.nan, run["jacobian/end_to_end_mean_singular_value"]).ravel()
        assert np.array_equal(own[column], wanted, equal_nan=True)
    with pytest.raises(KeyError, match=r"no group `jacobians` in this run; it has: .*jacobian"):
        run.to_dataframe("jacobians")


@pytest.mark.parametrize("diverged", [(), (1,), (0, 1)], ids=["none-lost", "one-lost", "all-lost"])
def test_every_array_over_records_is_masked_on_its_own_scale(make, diverged):
    run = make(seeds=2, records=20, diverged=diverged)
    for path in schema.DATASETS:
        dims = schema.dims(path)
        if path in run and dims[0] == "seed" and len(dims) > 1 and dims[1].endswith("update"):
            assert counted_by_seed(run, path).shape == run[path].shape
            assert layers_of(run, path).shape[1:] == run[path].shape[1:]


def test_percentiles_are_metrics_of_their_own(make):
    run = make(seeds=2)
    frame = run.to_dataframe("activation")

    place = run["percentile"].tolist().index(98)
    wanted = run["activation/abs_percentiles"][..., place].ravel().astype(float)
    assert np.array_equal(frame["activation_abs_percentile_98"], wanted)


def test_a_seed_that_diverged_counts_as_in_tables(make):
    run = make(seeds=3, diverged=(1,))
    curves, layers = run.to_dataframe("curves"), run.to_dataframe("activation")
    at = run["final/diverged_at"][1]
    lost = curves[(curves.seed == 1) & (curves["update"] >= at)]

    assert len(lost)
    assert lost.test_error.tolist() == [run.facts.guessing_error] * len(lost)
    assert lost.valid_loss.isna().all()
    assert layers[(layers.seed == 1) & (layers["update"] >= at)].activation_std.isna().all()
    assert curves[curves.diverged].seed.unique().tolist() == [1]


def test_the_tree_is_what_xarray_reads_of_the_file(make, tmp_path):
    pytest.importorskip("h5netcdf", reason="h5netcdf is not installed")
    run = make(seeds=2)
    write_run(tmp_path / "a.h5", run)
    ours, theirs = run.to_xarray(), xarray.open_datatree(tmp_path / "a.h5", engine="h5netcdf")

    assert set(ours.children) == set(theirs.children) >= {"curves", "activation", "backprop", "theory"}
    for group in ours.children:
        assert set(ours[group].data_vars) == set(theirs[group].data_vars), group
        for name, array in ours[group].data_vars.items():
            other = theirs[group][name]
            assert array.dims == other.dims, name
            np.testing.assert_array_equal(array.values, other.values)
            assert array.attrs["long_name"] == other.attrs["long_name"]
    assert ours.attrs["status"] == "complete"


def test_a_group_of_the_tree_has_the_coordinates_of_its_dimensions(make):
    run = make(seeds=2)
    found = run.to_xarray("activation")

    assert found["std"].dims == ("seed", "update", "layer")
    assert found["std"].sel(seed=1, layer=2).values.tolist() == run["activation/std"][1, :, 1].tolist()
    assert {"seed", "update", "layer", "bin", "percentile"} <= set(found.coords)
    assert "weight_layer" not in found.coords


@pytest.mark.parametrize("convert", ["to_dataframe", "to_xarray"])
def test_an_unknown_group_is_answered_with_those_that_there_are(make, convert):
    with pytest.raises(KeyError, match=r"no group `activations` in this run; it has: .*activation"):
        getattr(make(seeds=2), convert)("activations")


@pytest.mark.parametrize(("convert", "package"), [("to_dataframe", "pandas"), ("to_xarray", "xarray")])
def test_a_package_that_is_not_installed_is_named_with_the_command(make, convert, package, monkeypatch):
    def missing(name, *_):
        if name == package:
            raise ImportError(name)
        return importing(name)

    from xavier_cli.library import frames

    importing = frames.import_module
    monkeypatch.setattr(frames, "import_module", missing)
    with pytest.raises(
        MissingPackageError, match=rf"`{convert}` needs the package `{package}`: `pip install {package}`"
    ):
        getattr(make(seeds=2), convert)()
    assert builtins.issubclass(MissingPackageError, ImportError)


def test_a_file_read_in_part_converts_in_part(make, tmp_path):
    write_run(tmp_path / "a.h5", make(seeds=2))
    part = read_run(tmp_path / "a.h5", only=("curves/test_error",))

    assert list(part.to_dataframe("curves").columns) == ["seed", "update", "diverged", "test_error"]
    assert set(part.to_xarray().children) == {"curves"}
