"""Golden run files, read and written again: the same but for when, and by what, they were written."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from xavier_cli.runs.store import read_result, read_run, write_run

GOLDEN = sorted((Path(__file__).parents[1] / "runs" / "golden").glob("schema-*/*.h5.gz"))
OF_THE_WRITING = {"provenance_json", "created_utc"}


def attributes(file: h5py.File, of: h5py.HLObject) -> dict[str, Any]:
    """All attributes in plain numbers and words; what points at datasets as their names."""

    def plain(value: Any) -> Any:
        if isinstance(value, h5py.Reference):
            return file[value].name
        if isinstance(value, np.ndarray | np.void | tuple):
            return [plain(each) for each in value]
        return value.item() if isinstance(value, np.generic) else value

    return {name: plain(value) for name, value in of.attrs.items() if name not in OF_THE_WRITING}


def content(path: Path) -> dict[str, tuple[Any, ...]]:
    """What is in a file, by name: groups, and datasets with type, layout and bytes; each with attributes."""
    found: dict[str, tuple[Any, ...]] = {}
    with h5py.File(path, "r") as file:
        found["/"] = ("group", attributes(file, file))

        def add(name: str, item: h5py.HLObject) -> None:
            if isinstance(item, h5py.Dataset):
                layout = (item.chunks, item.compression, item.shuffle, item.maxshape)
                found[name] = (item.dtype.str, item.shape, layout, item[()].tobytes(), attributes(file, item))
            else:
                found[name] = ("group", attributes(file, item))

        file.visititems(add)
    return found


def test_there_are_golden_files():
    assert len(GOLDEN) >= 5


@pytest.mark.parametrize("packed", GOLDEN, ids=lambda path: f"{path.parent.name}-{path.name[:-6]}")
def test_a_golden_file_is_written_again_as_it_is(packed, tmp_path):
    then, now = tmp_path / packed.name.removesuffix(".gz"), tmp_path / "again.h5"
    then.write_bytes(gzip.decompress(packed.read_bytes()))
    write_run(now, read_result(then, "surface") if packed.name.startswith("surface") else read_run(then))
    before, after = content(then), content(now)

    assert list(after) == list(before)
    assert json.loads(before["/"][1]["digests_json"])
    for name, item in before.items():
        assert after[name] == item, name
