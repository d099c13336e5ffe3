"""Arrays out of a `.npz`: `x` and `y`, or `x_train`, `y_train`, `x_test`, `y_test`.

`x_valid` and `y_valid` may be there too. An `x` has one example per row, bytes or floats, of shape
`(n, inputs)`, `(n, height, width)`, `(n, 3, height, width)` or `(n, height, width, 3)`; a `y` has whole
numbers from 0. Floats stay as they are where the coding is [0, 1]. What a file declares is looked at before
anything is unpacked, and nothing is unpickled.
"""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path

import numpy as np

from xavier_cli.data.sets import (
    MAX_CLASSES,
    DataDamagedError,
    DataMissingError,
    Examples,
    FiniteSet,
    refuse_over_memory,
)
from xavier_cli.data.split import held_out, marks

WHOLE = ("x", "y")
SPLIT = ("x_train", "y_train", "x_test", "y_test")
VALID = ("x_valid", "y_valid")
LARGEST = 1e6


def read_arrays(path: Path) -> FiniteSet:
    """The set in the file at `path`; a tenth of each class for each part that the file does not have.

    Raises `DataMissingError` and `DataDamagedError`.
    """
    path = path.expanduser()
    if not path.is_file():
        raise DataMissingError(f"no file `{path}`")
    return from_arrays(_loaded(path), path)


def from_arrays(arrays: Mapping[str, np.ndarray], path: Path) -> FiniteSet:
    """The set in `arrays` named as in a file; `path` is what a mistake is told with.

    Raises `DataDamagedError`.
    """
    parts = {}
    for part in ("", "_train", "_valid", "_test"):
        if f"x{part}" in arrays:
            parts[part[1:]] = _examples(path, part, arrays[f"x{part}"], arrays[f"y{part}"])
    shapes = {name: shape for name, (_, shape) in parts.items()}
    first = next(iter(shapes))
    for name, shape in shapes.items():
        if shape != shapes[first]:
            raise DataDamagedError(
                f"`{path}`: one example of `x_{name}` has shape {shape}, of `x_{first}` {shapes[first]}"
            )
    examples = {name: part for name, (part, _) in parts.items()}
    train = examples.pop("") if "" in examples else examples.pop("train")
    if "test" not in examples:
        train, examples["test"] = _apart(train)
    if "valid" not in examples:
        train, examples["valid"] = _apart(train)
    classes = 1 + max(int(part.labels.max()) for part in (train, *examples.values()))
    labels = tuple(map(str, range(classes)))
    return FiniteSet(train, examples["valid"], examples["test"], labels, _image_shape(shapes[first]))


def wanted_names(there: Collection[str], path: Path) -> tuple[str, ...]:
    """Which of the arrays that are `there` make up the set; raises `DataDamagedError`."""
    wanted: tuple[str, ...] = WHOLE if "x" in there else SPLIT
    wanted += VALID if set(there) & set(VALID) else ()
    for name in wanted:
        if name not in there:
            raise DataDamagedError(f"`{path}` has no `{name}`: it should hold x and y, or {', '.join(SPLIT)}")
    return wanted


def check_type(path: Path, name: str, dtype: np.dtype) -> None:
    """Refuse pixels and labels of other types than bytes, floats and whole numbers."""
    if name.startswith("x") and not (dtype == np.uint8 or dtype.kind == "f"):
        raise DataDamagedError(f"`{path}`: `{name}` holds {dtype}, not bytes (uint8) or floats")
    if name.startswith("y") and dtype.kind not in "iu":
        raise DataDamagedError(f"`{path}`: `{name}` holds {dtype}, not whole numbers")


def _loaded(path: Path) -> dict[str, np.ndarray]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            wanted = wanted_names(members, path)
            for name in wanted:
                _check_declared(path, name, archive, members[name])
        with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
            return {name: file[name] for name in wanted}
    # The last is how zipfile refuses what is encrypted, or compressed in a way that it does not know.
    except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error, RuntimeError) as error:
        raise DataDamagedError.unreadable(path, error) from None


def _check_declared(path: Path, name: str, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    """Refuse an array whose header asks for more than there can be, or for objects."""
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if read is None:
            raise DataDamagedError(f"`{path}`: `{name}` is of an unknown format")
        shape, _, dtype = read(file)
        header = file.tell()
    check_type(path, name, dtype)
    refuse_over_memory(1, math.prod(shape), dtype.itemsize, path)
    if info.file_size != header + math.prod(shape) * dtype.itemsize:
        raise DataDamagedError(f"`{path}`: `{name}` is not as long as it declares")


def _examples(path: Path, part: str, x: np.ndarray, y: np.ndarray) -> tuple[Examples, tuple[int, ...]]:
    """The examples of one part, and the shape of one of them."""
    if x.ndim not in (2, 3, 4) or 0 in x.shape or (x.ndim == 4 and 3 not in (x.shape[1], x.shape[3])):
        raise DataDamagedError(
            f"`{path}`: `x{part}` has shape {x.shape}, not (n, inputs), (n, height, width) or with 3 colours"
        )
    if y.shape != x.shape[:1]:
        raise DataDamagedError(f"`{path}`: `y{part}` has shape {y.shape}, where `x{part}` has {x.shape}")
    if int(y.min()) < 0 or int(y.max()) >= MAX_CLASSES:
        raise DataDamagedError(
            f"`{path}`: `y{part}` runs from {y.min()} to {y.max()}; labels run from 0, below {MAX_CLASSES}"
        )
    if x.dtype != np.uint8:
        # Also false for what is not a number.
        if not (np.isfinite(x).all() and float(np.abs(x).max()) <= LARGEST):
            raise DataDamagedError(f"`{path}`: `x{part}` holds a number that is not finite, or is over 1e6")
        x = x.astype(np.float32)
    if x.ndim == 4 and x.shape[1] != 3:
        x = x.transpose(0, 3, 1, 2)
    return Examples(np.ascontiguousarray(x.reshape(len(x), -1)), y.astype(np.int32)), x.shape[1:]


def _apart(examples: Examples) -> tuple[Examples, Examples]:
    chosen = held_out(examples.labels, marks(b"%d" % i for i in range(len(examples.labels))))
    pixels, labels = examples
    return Examples(pixels[~chosen], labels[~chosen]), Examples(pixels[chosen], labels[chosen])


def _image_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """How to draw an example: a row of numbers as a square where it is one."""
    if len(shape) > 1:
        return shape
    side = math.isqrt(shape[0])
    return (side, side) if side * side == shape[0] else (1, shape[0])
