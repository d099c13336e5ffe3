import numpy as np
import pytest

from xavier_cli.config.run import RunConfig
from xavier_cli.runs import schema
from xavier_cli.runs.dataset import Schema, scale
from xavier_cli.runs.ranges import ANY
from xavier_cli.runs.surface import Surface
from xavier_cli.runs.svm import SupportVectorMachine


def shapes_of(run):
    return {name: array.shape for name, array in run.arrays.items()}


def test_every_axis_has_a_scale():
    for row in schema.DATASETS.values():
        for dim in row.dims:
            assert schema.DATASETS[dim].is_scale, row.path
            # netCDF looks for a dimension in the dataset's own group and above it.
            assert dim.rpartition("/")[0] in ("", row.group), row.path


def test_every_dataset_says_what_it_is_in_ascii():
    for row in schema.DATASETS.values():
        assert row.long_name.isascii()
        assert row.bounds
        assert np.dtype(row.dtype).byteorder in "<|="


@pytest.mark.parametrize(
    "settings",
    [
        {"lr": "0.01,0.03,0.1"},
        {"depth": 1, "width": 2, "updates": 0, "seeds": "7,3"},
        {"data": "mnist", "act": "sigmoid", "init": "standard", "records": "log:7"},
        {"pretrain": "rbm", "depth": 2, "pretrain_updates": 41},
    ],
)
def test_plausible_runs_follow_the_schema(make_run, settings):
    run = make_run(**settings)

    assert schema.problem(run.config, shapes_of(run)) == ""


def test_a_plausible_run_with_a_search_has_every_dataset(make_run):
    run = make_run(lr="0.01,0.03,0.1", updates=100)

    # Slopes are learned by some activations alone, and not every network is pre-trained.
    optional = {"activation/slope", "pretrain_update", "pretraining/reconstruction_error"}
    assert set(run.arrays) == set(schema.DATASETS) - optional
    assert run.lr == 0.03
    assert not run.on_edge


def test_plausible_histograms_count_everything(make_run):
    run = make_run(width=7, depth=2, updates=100)

    for tensor in ("activation", "preactivation", "backprop"):
        assert np.all(run[f"{tensor}/histogram"].sum(axis=-1) == 7 * 300)
    assert run["weight/histogram"].sum(axis=-1)[0, 0].tolist() == [1024 * 7, 49, 7 * 9]


def test_fixed_scales_fit_the_configuration():
    scales = schema.fixed_scales(RunConfig.of(depth=2, seeds="5,1", lr="0.1,0.2", search_seeds=1))

    assert scales["seed"].tolist() == [5, 1]
    assert scales["layer_name"].tolist() == [b"hidden 1", b"hidden 2"]
    assert scales["weight_layer"].tolist() == [1, 2, 3]
    assert scales["search/search_seed"].tolist() == [5]


def test_problems_are_named(make_run):
    run = make_run(depth=2, width=2, updates=10)
    config, shapes = run.config, shapes_of(run)

    def said(**changes):
        changed = {**shapes, **{name.replace("__", "/"): shape for name, shape in changes.items()}}
        return schema.problem(config, {name: shape for name, shape in changed.items() if shape})

    assert said(curves__nonsense=(1,)) == "`curves/nonsense` is no dataset of schema 1"
    assert said(curves__test_error=None) == "`curves/test_error` is missing"
    assert said(update=None) == "`update` is missing"
    assert said(layer_name=None) == "`layer_name` is missing"
    assert said(weight__bin_edge=None) == "`weight/bin_edge` is missing"
    assert said(weight__bin_edge=(3,)) == "`weight/bin_edge` should be one longer than `weight/bin`"
    assert said(curves__test_error=(4, 1)).startswith("`curves/test_error` has shape (4, 1), not (5, ")
    assert said(layer=(3,), layer_name=(3,)) == "`layer` has shape (3,), not (2,)"
    assert "over the bounds" in said(example=(2_000_000,), final__test_correct=(5, 2_000_000))
    assert schema.problem(config, {"seed": (5,)}, partial=True) == ""


def test_what_a_dataset_needs_comes_along():
    assert schema.with_scales({"weight/histogram"}) == {
        *("weight/histogram", "weight/bin", "weight/bin_edge", "seed", "update", "weight_layer")
    }
    assert schema.with_scales({"activation/mean"}) >= {"layer", "layer_name"}
    assert schema.with_scales(()) == set()


def test_files_of_all_kinds_are_tables_of_one_form():
    """Of each, a dataset without its scale, or of another length than the configuration's, is named."""
    for table, path, dim in (
        (schema.SCHEMA, "final/diverged_at", "seed"),
        (Surface.schema, "surface/input", "surface/example"),
        (SupportVectorMachine.schema, "svm/test_correct", "svm/example"),
    ):
        assert table.problem({dim: 3}, {path: (3,), dim: (3,)}, partial=True) == ""
        assert table.problem({dim: 3}, {path: (3,)}, partial=True) == f"`{dim}` is missing"
        assert table.problem({dim: 4}, {path: (3,), dim: (3,)}, partial=True).startswith(
            f"`{path}` has shape"
        )
        assert table.problem({}, {}) == f"`{table.required[0]}` is missing"


def test_companions_are_there_together():
    table = Schema(
        "a test", [scale("bin", "<f8", "", ANY), scale("edge", "<f8", "", ANY, companion_of="bin")]
    )

    assert table.with_scales({"bin"}) == {"bin", "edge"}
    assert table.with_scales({"edge"}) == {"edge"}
    assert table.problem({}, {"bin": (2,)}) == "`edge` is missing"
