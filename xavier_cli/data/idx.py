"""Reads the IDX format of MNIST: a magic number, the dimensions, then numbers, mostly bytes."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path
from typing import IO

import numpy as np

from xavier_cli.data.sets import MAX_EXAMPLES, DataDamagedError, refuse_over_memory

# Twice what the largest official file holds; a small archive can unpack to anything.
MAX_BYTES = 100_000_000
BYTES = {8: "u1"}
ALL_TYPES = {**BYTES, 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_LONGEST_HEADER = 4 + 4 * 4


def read_content(path: Path) -> bytes:
    """The bytes of `path`, unpacked where it ends in `.gz`; raises `DataDamagedError`."""
    try:
        with _opened(path) as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataDamagedError.unreadable(path, error) from None
    if len(content) > MAX_BYTES:
        raise DataDamagedError(f"`{path}` unpacks to over {MAX_BYTES} bytes")
    return content


def read_idx(path: Path) -> np.ndarray:
    """The array in the file at `path`, of any type; refused by its header before it is read, where it can be.

    Raises `DataDamagedError`.
    """
    try:
        with _opened(path) as file:
            begin = file.read(_LONGEST_HEADER)
            dtype, shape, header = _header(begin, path, ALL_TYPES, 4)
            size = math.prod(shape) * dtype.itemsize
            refuse_over_memory(size, path)
            if shape[0] > MAX_EXAMPLES:
                raise DataDamagedError(f"`{path}` has {shape[0]} examples, over {MAX_EXAMPLES}")
            content = begin + file.read(max(0, header + size + 1 - len(begin)))
    except (OSError, EOFError, zlib.error) as error:
        raise DataDamagedError.unreadable(path, error) from None
    return _array(content, path, dtype, shape, header)


def parse_idx(content: bytes, path: Path) -> np.ndarray:
    """The array of unsigned bytes in `content`, of the shape it declares; raises `DataDamagedError`."""
    return _array(content, path, *_header(content, path, BYTES, 3))


def _header(
    content: bytes, path: Path, types: dict[int, str], most: int
) -> tuple[np.dtype, tuple[int, ...], int]:
    """Type, shape, and where the numbers begin."""
    known = len(content) > 3 and content[:2] == b"\x00\x00" and content[2] in types
    dimensions = content[3] if known else 0
    header = 4 + 4 * dimensions
    if not 1 <= dimensions <= most or len(content) < header:
        raise DataDamagedError(f"`{path}` is not an IDX file" + " of bytes" * (types is BYTES))
    shape = tuple(int(n) for n in np.frombuffer(content[4:header], ">u4"))
    return np.dtype(types[content[2]]), shape, header


def _array(content: bytes, path: Path, dtype: np.dtype, shape: tuple[int, ...], header: int) -> np.ndarray:
    if len(content) - header != math.prod(shape) * dtype.itemsize:
        raise DataDamagedError(f"`{path}` holds {len(content) - header} bytes where it declares {shape}")
    return np.frombuffer(content, dtype, offset=header).reshape(shape)


def _opened(path: Path) -> IO[bytes]:
    # GzipFile is no IO[bytes] for a type checker, and all of one that is used here.
    return gzip.open(path) if path.suffix == ".gz" else path.open("rb")  # type: ignore[return-value]
