"""The IDX format of MNIST: a magic number, the dimensions, then bytes."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from xavier_cli.data.sets import DataDamagedError

# Twice what the largest official file holds; a small archive can unpack to anything.
MAX_BYTES = 100_000_000


def read_content(path: Path) -> bytes:
    """The bytes of `path`, unpacked where it ends in `.gz`; raises `DataDamagedError`."""
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            content: bytes = file.read(MAX_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise DataDamagedError.unreadable(path, error) from None
    if len(content) > MAX_BYTES:
        raise DataDamagedError(f"`{path}` unpacks to over {MAX_BYTES} bytes")
    return content


def parse_idx(content: bytes, path: Path) -> np.ndarray:
    """The array of unsigned bytes in `content`, of the shape it declares; raises `DataDamagedError`."""
    dimensions = content[3] if content[:3] == b"\x00\x00\x08" and len(content) > 3 else 0
    header = 4 + 4 * dimensions
    if not 1 <= dimensions <= 3 or len(content) < header:
        raise DataDamagedError(f"`{path}` is not an IDX file of bytes")
    shape = tuple(int(n) for n in np.frombuffer(content[4:header], ">u4"))
    if len(content) - header != math.prod(shape):
        raise DataDamagedError(f"`{path}` holds {len(content) - header} bytes where it declares {shape}")
    return np.frombuffer(content, np.uint8, offset=header).reshape(shape)
