import hashlib
import json
from dataclasses import replace

import h5py
import numpy as np
import pytest
import xarray

from xavier_cli.config.run import RunConfig
from xavier_cli.runs import hdf5, schema
from xavier_cli.runs.errors import RunFileError
from xavier_cli.runs.record import Run
from xavier_cli.runs.store import read_run, write_run

GROUPS = sorted({row.group for row in schema.DATASETS.values()})
ENGINES = ("h5netcdf", "netcdf4")


@pytest.fixture(scope="module")
def full_run(make_run):
    """A run with every dataset of the schema, though no one network has all of them."""
    settings = {"lr": "0.01,0.03,0.1", "depth": 3, "width": 20, "updates": 1000, "seeds": "3,1,2"}
    plain, pretrained = (
        make_run(**settings, pretrain=word, diverged=(1,), test_examples=2000) for word in ("none", "dae")
    )
    slopes = {"activation/slope": 2 * plain["activation/std"]}
    return replace(pretrained, arrays={**plain.arrays, **pretrained.arrays, **slopes})


@pytest.fixture(scope="module")
def full_file(full_run, tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "full.h5"
    write_run(path, full_run)
    return path


def assert_same_arrays(one, other):
    assert set(one) == set(other)
    for name in one:
        assert one[name].dtype == other[name].dtype, name
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


def test_reading_gives_what_was_written(full_run, full_file):
    read = read_run(full_file)

    assert_same_arrays(read.arrays, full_run.arrays)
    assert read.config == full_run.config
    assert read.status == full_run.status
    assert read.created_utc == full_run.created_utc
    assert read.provenance == full_run.provenance
    assert read.path == full_file
    assert read.diverged.tolist() == [False, True, False]


def test_only_what_is_asked_for_is_read_with_its_scales(full_run, full_file):
    curve = read_run(full_file, only=("curves/test_error",))
    nothing = read_run(full_file, only=())

    search = schema.with_scales({"search/lr", "search/valid_error"})
    assert set(curve.arrays) == {"curves/test_error", "seed", "update"} | search
    assert set(nothing.arrays) == search
    assert curve.lr == nothing.lr == full_run.lr


def test_an_optional_dataset_that_was_asked_for_may_be_absent(make_run, tmp_path):
    write_run(tmp_path / "a.h5", make_run(updates=10, width=2, only=("curves",)))

    read = read_run(tmp_path / "a.h5", only=("jacobian/singular_values", "curves/test_error"))

    assert "jacobian/singular_values" not in read
    assert "curves/test_error" in read


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("group", GROUPS)
def test_xarray_reads_every_group(full_run, full_file, group, engine):
    with xarray.open_dataset(full_file, group=group or None, engine=engine) as dataset:
        expected = {path for path, row in schema.DATASETS.items() if row.group == group}
        names = {f"{group}/{name}".lstrip("/") for name in dataset.variables}

        assert expected <= names
        for path in expected:
            variable = dataset[path.rpartition("/")[2]]
            assert variable.dims == tuple(dim.rpartition("/")[2] for dim in schema.dims(path))
            values = variable.values
            # One engine gives text, the other bytes.
            values = values.astype("S24") if values.dtype.kind in "OU" else values
            np.testing.assert_array_equal(values, full_run[path], err_msg=path)
            assert variable.attrs["long_name"] == schema.DATASETS[path].long_name


def test_plain_h5py_finds_the_schema(full_run, full_file):
    with h5py.File(full_file) as file:
        found = set()
        file.visititems(lambda name, item: found.add(name) if isinstance(item, h5py.Dataset) else None)

        assert found == set(full_run.arrays)
        for path, row in schema.DATASETS.items():
            dataset = file[path]
            np.testing.assert_array_equal(dataset[()], full_run[path])
            assert dataset.fletcher32
            assert dataset.dtype == np.dtype(row.dtype)
            assert dataset.is_scale == row.is_scale
            assert np.isnan(dataset.fillvalue) == (dataset.dtype.kind == "f") if row.units else True
            if not row.is_scale:
                attached = [[scale.name for scale in dim.values()] for dim in dataset.dims]
                assert attached == [[f"/{dim}"] for dim in row.dims]


def test_root_attributes_say_what_the_run_is(full_run, full_file):
    with h5py.File(full_file) as file:
        text = {name: value.decode() for name, value in file.attrs.items() if name != "schema_version"}

        assert file.attrs["schema_version"] == 1
        assert text["status"] == "complete"
        assert RunConfig.from_json(text["config_json"]) == full_run.config
        assert text["config_sha256"] == full_run.config.sha256()
        assert json.loads(text["provenance_json"]) == full_run.provenance
        assert set(text) >= {"title", "Conventions", "created_utc"}
        # As any other program would check it.
        for path, digest in json.loads(text["digests_json"]).items():
            assert hashlib.sha256(file[path][()].tobytes()).hexdigest() == digest


def test_equal_runs_have_equal_bytes(full_run, full_file, tmp_path):
    shuffled = dict(sorted(full_run.arrays.items(), reverse=True))

    write_run(tmp_path / "b.h5", replace(full_run, arrays=shuffled))

    assert (tmp_path / "b.h5").read_bytes() == full_file.read_bytes()


def test_a_file_in_the_way_is_replaced_and_nothing_else_stays(make_run, tmp_path):
    old, new = (make_run(updates=10, width=2, seeds=seeds, only=("curves",)) for seeds in ("1", "2,3"))

    write_run(tmp_path / "new folder" / "a.h5", old)
    write_run(tmp_path / "new folder" / "a.h5", new)

    assert read_run(tmp_path / "new folder" / "a.h5").config.seeds == (2, 3)
    assert [path.name for path in (tmp_path / "new folder").iterdir()] == ["a.h5"]


def test_the_time_of_writing_is_filled_in(make_run, tmp_path):
    write_run(tmp_path / "a.h5", make_run(updates=10, width=2, only=("curves",), created_utc=""))

    assert read_run(tmp_path / "a.h5").created_utc.endswith("+00:00")


def test_many_seeds_and_large_arrays_survive(make_run, tmp_path):
    run = make_run(updates=1, width=2, seeds="0,", only=("curves",))
    seeds = np.arange(20_000)
    curves = {name: np.random.default_rng(0).random((20_000, 2)) for name in run.arrays if "curves" in name}
    arrays = {**run.arrays, **curves, "seed": seeds, "final/diverged_at": np.full(20_000, -1)}
    many = Run(run.config.with_(seeds=tuple(seeds.tolist())), arrays, created_utc=run.created_utc)

    write_run(tmp_path / "a.h5", many)

    assert_same_arrays(read_run(tmp_path / "a.h5").arrays, arrays)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"curves/nonsense": np.zeros(3)}, "`curves/nonsense` is no dataset of schema 1"),
        ({"curves/test_error": np.zeros((1, 1))}, "`curves/test_error` has shape"),
        ({"curves/test_error": np.zeros((1, 2), complex)}, "`curves/test_error` is complex128, not float64"),
        ({"seed": np.array([9])}, "`seed` holds other seeds than the configuration"),
        ({"layer": np.array([2**40]), "layer_name": np.array([b"x"])}, "`layer` does not fit int32"),
    ],
)
def test_a_run_outside_the_schema_is_not_written(make_run, tmp_path, change, words):
    run = make_run(updates=1, width=2, depth=1, seeds="0,", only=("curves",))

    with pytest.raises(ValueError, match=words):
        write_run(tmp_path / "a.h5", Run(run.config, {**run.arrays, **change}))
    assert list(tmp_path.iterdir()) == []


def test_numbers_of_the_same_kind_are_stored_as_the_schema_says(make_run, tmp_path):
    run = make_run(updates=1, width=2, depth=1, seeds="0,", test_examples=10, only=("curves", "final"))
    arrays = {
        **run.arrays,
        "curves/test_error": run["curves/test_error"].astype(np.float32),
        "seed": run["seed"].astype(np.int32),
        "final/test_correct": run["final/test_correct"].astype(bool),
    }

    write_run(tmp_path / "a.h5", Run(run.config, arrays))

    read = read_run(tmp_path / "a.h5")
    assert read["curves/test_error"].dtype == np.float64
    assert read["final/test_correct"].tolist() == arrays["final/test_correct"].tolist()


OWN = "Ünlü klasör/übung.py"


@pytest.fixture
def own_run(make_run):
    """A run of a custom function with letters beyond ASCII in its path, and bytes of none in its command."""
    settings = {"act": f"{OWN}:f", "sources": f"{OWN} 0123456789abcdef", "depth": 1, "width": 2}
    run = make_run(**settings, updates=10, records="3", only=("curves",))
    return replace(run, provenance={"command": "xavier train -o caf\udce9.h5", "é": [{"\udcff": 1}]})


def test_texts_are_utf8_and_names_that_are_none_are_escaped(own_run, tmp_path):
    path = tmp_path / "a.h5"
    write_run(path, own_run)
    read = read_run(path)

    assert read.config == own_run.config
    assert read.provenance == {"command": "xavier train -o caf\\udce9.h5", "é": [{"\\udcff": 1}]}
    write_run(tmp_path / "b.h5", own_run)
    assert path.read_bytes() == (tmp_path / "b.h5").read_bytes()


@pytest.mark.parametrize("engine", ["h5py", *ENGINES])
def test_others_read_the_title_as_text(own_run, tmp_path, engine):
    write_run(tmp_path / "a.h5", own_run)
    if engine == "h5py":
        with h5py.File(tmp_path / "a.h5") as file:
            kind = file.attrs.get_id("title").get_type()
            title = file.attrs["title"].decode()
            assert (kind.get_cset(), kind.is_variable_str()) == (h5py.h5t.CSET_UTF8, False)
    else:
        with xarray.open_dataset(tmp_path / "a.h5", engine=engine) as dataset:
            title = dataset.attrs["title"]

    assert title == f"shapeset {OWN}:f normalized 1x2"


def with_attribute(path, name, content, charset):
    """The attribute as another writer, or an older one, would have made it."""
    with h5py.File(path, "r+", libver=hdf5.LIBVER) as file:
        del file.attrs[name]
        file.attrs.create(name, np.bytes_(content), dtype=h5py.string_dtype(charset, len(content)))


def test_texts_of_older_files_are_marked_as_ascii(make_run, tmp_path):
    run = make_run(depth=1, width=2, updates=10, records="3", only=("curves",))
    write_run(tmp_path / "a.h5", run)
    for name in ("title", "status", "config_json", "provenance_json"):
        with h5py.File(tmp_path / "a.h5") as file:
            content = file.attrs[name]
        with_attribute(tmp_path / "a.h5", name, content, "ascii")

    assert read_run(tmp_path / "a.h5").config == run.config


@pytest.mark.parametrize("charset", ["ascii", "utf-8"])
@pytest.mark.parametrize("name", ["title", "Conventions", "provenance_json", "created_utc"])
def test_a_byte_that_is_no_utf8_is_damage(make_run, tmp_path, name, charset):
    write_run(tmp_path / "a.h5", make_run(depth=1, width=2, updates=10, records="3", only=("curves",)))
    with_attribute(tmp_path / "a.h5", name, b"caf\xe9", charset)

    with pytest.raises(RunFileError, match=f"is damaged \\(`{name}` is not UTF-8\\)"):
        read_run(tmp_path / "a.h5")
