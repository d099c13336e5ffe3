"""Reads data sets from a `.npz`: `x` and `y`, or `x_train`, `y_train`, `x_test`, `y_test`.

`x_valid` and `y_valid` may be there too; other usual names stand for these (`data.array_names`). What an `x`
may be is said in `data.pixels`, and a `y` in `data.labels`. The headers are checked before anything is
unpacked, exactly what was checked is loaded, and nothing is unpickled.
"""

from __future__ import annotations

import io
import math
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from xavier_cli.data import labels, pixels
from xavier_cli.data.array_names import ArrayNames, find_arrays
from xavier_cli.data.sets import (
    DataDamagedError,
    DataMissingError,
    Examples,
    FiniteSet,
    refuse_counts,
    refuse_over_memory,
)
from xavier_cli.data.split import held_out, marks

# NumPy's own headers have a few hundred bytes; a forged one may declare gigabytes.
HEADER_BYTES = 2**16
_UNREADABLE = (
    *(OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error),
    # How zipfile refuses what is encrypted, or compressed in a way that it does not know.
    RuntimeError,
    # What NumPy lets pass of a header that is no Python.
    *(SyntaxError, TypeError, KeyError, tokenize.TokenError),
)


def read_arrays(path: Path) -> FiniteSet:
    """The set in the file at `path`; a tenth of each class for each part that the file does not have.

    Raises `DataMissingError` and `DataDamagedError`.
    """
    path = path.expanduser()
    if path.is_dir():
        raise DataMissingError(f"`{path}` is a folder: a folder of images is `images:{path}`")
    if not path.is_file():
        raise DataMissingError(f"no file `{path}`")
    try:
        with zipfile.ZipFile(path) as archive:
            members = _members(path, archive)
            names = find_arrays(members, path)
            shapes = {
                ours: _declared(path, there, ours, archive, members[there])
                for ours, there in names.found.items()
            }
            check_shapes(path, names, {ours: shape for ours, (shape, _) in shapes.items()})
            refuse_over_memory(sum(bytes_ for _, bytes_ in shapes.values()), path)
            arrays = {}
            for ours, there in names.found.items():
                with archive.open(members[there]) as file, warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    arrays[ours] = np.lib.format.read_array(file, allow_pickle=False)
    except _UNREADABLE as error:
        raise DataDamagedError.unreadable(path, error) from None
    return from_arrays(arrays, names, path)


def from_arrays(arrays: Mapping[str, np.ndarray], names: ArrayNames, path: Path) -> FiniteSet:
    """The set in `arrays`, which are given by our names; `path` is what a mistake is told with.

    Raises `DataDamagedError`.
    """
    check_shapes(path, names, {ours: array.shape for ours, array in arrays.items()})
    called = names.found
    x = pixels.read_pixels(path, {called[o]: array for o, array in arrays.items() if o.startswith("x")})
    y = labels.read_labels(path, {called[o]: array for o, array in arrays.items() if o.startswith("y")})
    parts = {
        ours.partition("_")[2]: Examples(x.parts[there], y.parts[called[f"y{ours[1:]}"]])
        for ours, there in called.items()
        if ours.startswith("x")
    }
    train = parts.pop("") if "" in parts else parts.pop("train")
    if "test" not in parts:
        train, parts["test"] = _apart(train)
    if "valid" not in parts:
        train, parts["valid"] = _apart(train)
    notes = (*names.notes, *x.notes, *y.notes)
    return FiniteSet(train, parts["valid"], parts["test"], y.names, x.shape, notes=notes)


def check_shapes(path: Path, names: ArrayNames, shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse what cannot be a set by its arrays' shapes: nothing is counted, sorted or split for that."""
    for ours, there in names.found.items():
        label = names.found[f"y{ours[1:]}"]
        if ours.startswith("x") and shapes[ours][:1] != shapes[f"y{ours[1:]}"][:1]:
            raise DataDamagedError(
                f"`{path}`: `{label}` has shape {shapes[f'y{ours[1:]}']}, where `{there}` has {shapes[ours]}"
            )
    counts = {ours.partition("_")[2]: shape[0] for ours, shape in shapes.items() if ours.startswith("x")}
    refuse_counts(counts, path)


def check_declared(path: Path, there: str, ours: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Refuse an array of a type or shape that its part of the set cannot have."""
    (pixels if ours.startswith("x") else labels).check_declared(path, there, shape, dtype)


def _members(path: Path, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The arrays in `archive` by name; raises `DataDamagedError` where two have the same one."""
    members: dict[str, zipfile.ZipInfo] = {}
    for info in archive.infolist():
        name = info.filename.removesuffix(".npy")
        if name in members:
            both = f"`{members[name].filename}` and `{info.filename}`"
            raise DataDamagedError(f"`{path}` has two arrays `{name}`: {both}")
        members[name] = info
    return members


def _declared(
    path: Path, there: str, ours: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo
) -> tuple[tuple[int, ...], int]:
    """Shape and bytes that an array's header declares; refuses what cannot be, or for objects."""
    with archive.open(info) as file:
        begin = io.BytesIO(file.read(HEADER_BYTES))
    version = np.lib.format.read_magic(begin)
    read = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read is None:
        raise DataDamagedError(f"`{path}`: `{there}` is of an unknown format")
    with warnings.catch_warnings():
        # That Python 2 wrote it.
        warnings.simplefilter("ignore")
        shape, _, dtype = read(begin)
    check_declared(path, there, ours, shape, dtype)
    size = math.prod(shape) * dtype.itemsize
    refuse_over_memory(size, path)
    if info.file_size != begin.tell() + size:
        raise DataDamagedError(f"`{path}`: `{there}` is not as long as it declares")
    return shape, size


def _apart(examples: Examples) -> tuple[Examples, Examples]:
    chosen = held_out(examples.labels, marks(b"%d" % i for i in range(len(examples.labels))))
    x, y = examples
    return Examples(x[~chosen], y[~chosen]), Examples(x[chosen], y[chosen])
