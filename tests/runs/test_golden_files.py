"""Files of every released schema version stay readable for ever, and say what they said when written."""

import gzip
import json
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from xavier_cli.runs import content, schema
from xavier_cli.runs.errors import RunFileError
from xavier_cli.runs.store import read_result, read_run

RELEASED_DATASETS = 96
GOLDEN = sorted(Path(__file__).parent.glob("golden/schema-*/*.h5.gz"))


def unpacked(packed, folder):
    path = folder / packed.name.removesuffix(".gz")
    path.write_bytes(gzip.decompress(packed.read_bytes()))
    return path


def read(path):
    return read_result(path, "surface") if path.name.startswith("surface") else read_run(path)


def written(packed):
    """What lay beside the file when it was written: plain JSON, which HDF5 never touched."""
    return json.loads(packed.with_name(packed.name.replace(".h5.gz", ".json")).read_text())


@pytest.mark.parametrize("packed", GOLDEN, ids=lambda path: f"{path.parent.name}-{path.name[:-6]}")
def test_a_golden_file_says_what_it_said_when_it_was_written(packed, tmp_path):
    run, then = read(unpacked(packed, tmp_path)), written(packed)

    assert run.config.to_json() == then["config_json"]
    assert (run.status, run.created_utc, run.provenance) == (
        then["status"],
        then["created_utc"],
        then["provenance"],
    )
    data = getattr(run, "data", None)
    assert (None if data is None else json.loads(data.to_json())) == then["data"]
    assert set(run.arrays) == set(then["arrays"])
    for name, array in run.arrays.items():
        expected = then["arrays"][name]
        values = np.array(expected["values"], expected["dtype"]).reshape(expected["shape"])
        assert array.dtype == values.dtype, name
        np.testing.assert_array_equal(array, values, err_msg=name)


def test_the_golden_files_of_schema_1_are_all_there_and_hold_every_dataset_it_was_released_with():
    folder = [path for path in GOLDEN if path.parent.name == "schema-1"]
    held = {name for path in folder for name in written(path)["arrays"]}

    names = sorted(path.name.removesuffix(".h5.gz") for path in folder)
    assert names == ["probe", "run", "search", "surface", "surface-around"]
    assert len(held) == RELEASED_DATASETS
    # A dataset may be added to a schema; one that was released is never taken away.
    assert held <= set(content.ROWS)


def test_control_a_schema_that_means_something_else_is_noticed(tmp_path, monkeypatch):
    path = unpacked(GOLDEN[1], tmp_path)
    row = schema.DATASETS["curves/test_error"]
    monkeypatch.setitem(content.ROWS, row.path, replace(row, dtype="<f4"))

    with pytest.raises(RunFileError, match="is not of type float32"):
        read_run(path)


def test_a_golden_file_of_a_newer_schema_is_refused_with_words(tmp_path):
    path = unpacked(GOLDEN[1], tmp_path)
    with h5py.File(path, "r+") as file:
        file.attrs["schema_version"] = np.int64(schema.VERSION + 1)

    with pytest.raises(RunFileError, match=r"run\.h5`: was written by a newer xavier .*: upgrade xavier"):
        read_run(path)
