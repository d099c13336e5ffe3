"""Reads custom IDX files, such as EMNIST's: an images file is named, and its labels lie beside it.

The labels' name is that of the images with `labels` for `images` and `idx1` for `idx3`. Beside a file with
`train` in its name, files with `test` or `t10k` there are the test part, those with `valid` or `val` for
validation.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from xavier_cli.data.array_names import ArrayNames
from xavier_cli.data.arrays import from_arrays
from xavier_cli.data.idx import read_idx
from xavier_cli.data.sets import DataMissingError, FiniteSet

PARTS = {"test": ("test", "t10k"), "valid": ("valid", "val", "validation")}


def read_pair(path: Path) -> FiniteSet:
    """The set of the images at `path` and of what belongs to them.

    Raises `DataMissingError` and `DataDamagedError`.
    """
    path = path.expanduser()
    if path.is_dir():
        raise DataMissingError(f"`{path}` is a folder: a folder of images is `images:{path}`")
    if not path.is_file():
        raise DataMissingError(f"no file `{path}`")
    if "images" not in path.name:
        raise DataMissingError(f"`{path}`: name the file of images, with `images` in its name")
    test = _twin(path, PARTS["test"])
    # A part for validation alone would leave it open what to test on; it is left unread then.
    twins = {"train": path, "test": test, "valid": _twin(path, PARTS["valid"])} if test else {"": path}
    found, arrays = {}, {}
    for part, images in twins.items():
        if images:
            ending = f"_{part}" if part else ""
            for kind, file in (("x", images), ("y", _labels(images))):
                found[kind + ending] = file.name
                arrays[kind + ending] = read_idx(file)
    return from_arrays(arrays, ArrayNames(found, ()), path)


def _labels(images: Path) -> Path:
    name = images.name.replace("images", "labels").replace("idx3", "idx1").replace("idx4", "idx1")
    labels = next((file for file in _spellings(images.with_name(name)) if file.is_file()), None)
    if labels is None:
        raise DataMissingError(f"`{images}` has no labels beside it: no file `{images.with_name(name).name}`")
    return labels


def _twin(train: Path, words: tuple[str, ...]) -> Path | None:
    """The file of images called like `train`, but for one of `words`."""
    if "train" not in train.name:
        return None
    names = (train.with_name(train.name.replace("train", word)) for word in words)
    return next((file for name in names for file in _spellings(name) if file.is_file()), None)


def _spellings(path: Path) -> Iterator[Path]:
    """`path` packed and unpacked, with `-idx` and `.idx`."""
    plain = path.name.removesuffix(".gz")
    endings = (".gz", "") if path.suffix == ".gz" else ("", ".gz")
    for name in (plain, re.sub(r"[.-]idx", "-idx", plain), re.sub(r"[.-]idx", ".idx", plain)):
        for ending in endings:
            yield path.with_name(name + ending)
