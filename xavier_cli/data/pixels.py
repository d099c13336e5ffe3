"""Converts inputs of any usual shape and scale to rows of bytes or float32.

One example may be a row, an image, or an image with a channel axis. Bytes and floats are kept, and other
whole numbers and truth values are scaled by the value of white.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from xavier_cli.data.sets import DataDamagedError

LARGEST = 1e6
BYTE, WORD = 255, 65_535


class Pixels(NamedTuple):
    """Inputs by part, `(n, inputs)`; how to draw one; and what was done, a line each."""

    parts: dict[str, np.ndarray]
    shape: tuple[int, ...]
    notes: tuple[str, ...]


def check_declared(path: Path, name: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Refuse inputs that cannot be any, by what their header says."""
    if dtype.kind not in "iufb":
        remedy = (
            f": it is a pickle and never loaded; `np.stack({name})` makes one array"
            if dtype.kind == "O"
            else ""
        )
        raise DataDamagedError(f"`{path}`: `{name}` holds {dtype}, not bytes (uint8) or floats{remedy}")
    channels = {1, 3} & {shape[1], shape[3]} if len(shape) == 4 else {1}
    if len(shape) not in (2, 3, 4) or 0 in shape or not channels:
        kind = (
            " (a fourth channel is transparency: leave it out)" if len(shape) == 4 and 4 in shape[1:] else ""
        )
        raise DataDamagedError(
            f"`{path}`: `{name}` has shape {shape}, not (n, inputs), (n, height, width) or with 1 or 3 "
            f"channels{kind}"
        )


def read_pixels(path: Path, given: Mapping[str, np.ndarray]) -> Pixels:
    """The inputs `given` by the name of their array, which are of one set; raises `DataDamagedError`."""
    notes: dict[str, None] = {}
    drawn = {}
    for name, x in given.items():
        check_declared(path, name, x.shape, x.dtype)
        drawn[name] = _planes(x, notes)
    first = next(iter(drawn))
    for name, x in drawn.items():
        if x.shape[1:] != drawn[first].shape[1:]:
            raise DataDamagedError(
                f"`{path}`: one example of `{name}` has shape {given[name].shape[1:]}, of `{first}` "
                f"{given[first].shape[1:]}"
            )
    scaled = _scaled(path, drawn, notes)
    rows = {name: np.ascontiguousarray(x.reshape(len(x), -1)) for name, x in scaled.items()}
    return Pixels(rows, _image_shape(drawn[first].shape[1:]), tuple(notes))


def _planes(x: np.ndarray, notes: dict[str, None]) -> np.ndarray:
    """`x` with planes of red, green and blue where it has colour, and without an axis for one channel."""
    if x.ndim != 4:
        return x
    if 3 in (x.shape[1], x.shape[3]):
        # Where both axes could be colours, the first is.
        first = x.shape[1] == 3
        where = "first" if first else "last"
        notes[f"one example has shape {x.shape[1:]}, three channels {where}: red, green and blue"] = None
        return x if first else x.transpose(0, 3, 1, 2)
    notes[f"one example has shape {x.shape[1:]}, one channel: a grey picture"] = None
    return x[..., 0] if x.shape[3] == 1 else x[:, 0]


def _scaled(path: Path, given: dict[str, np.ndarray], notes: dict[str, None]) -> dict[str, np.ndarray]:
    scaled = dict(given)
    whole = {}
    for name, x in given.items():
        if x.dtype.kind == "f":
            # Also false for what is not a number.
            if not (np.isfinite(x).all() and max(-float(x.min()), float(x.max())) <= LARGEST):
                raise DataDamagedError(
                    f"`{path}`: `{name}` holds a number that is not finite, or is over 1e6"
                )
            scaled[name] = x.astype(np.float32)
        elif x.dtype.kind == "b":
            notes["inputs are truth values: false is black, true is white"] = None
            scaled[name] = x.astype(np.uint8) * np.uint8(BYTE)
        elif x.dtype != np.uint8:
            whole[name] = x
    if whole:
        black, white = _full_scale(path, whole, beside_bytes=len(whole) < len(given))
        for name, x in whole.items():
            notes[f"inputs are {x.dtype.name}: {black} is black, {white} is white"] = None
            if white - black == BYTE:
                scaled[name] = (x.astype(np.int16) - black).astype(np.uint8)
            else:
                scaled[name] = ((x.astype(np.float64) - black) / (white - black)).astype(np.float32)
    return scaled


def _full_scale(path: Path, whole: dict[str, np.ndarray], beside_bytes: bool) -> tuple[int, int]:
    """What black and white are in whole numbers: those of bytes where they fit, or those of their type.

    White is never what their type cannot hold, unless other parts of the set are bytes.
    """
    low = min(int(x.min()) for x in whole.values())
    high = max(int(x.max()) for x in whole.values())
    widest = max((x.dtype for x in whole.values()), key=lambda dtype: (dtype.itemsize, dtype.kind))
    if low >= 0 and high <= WORD:
        white = BYTE if high <= BYTE else WORD
        return 0, white if beside_bytes else min(white, int(np.iinfo(widest).max))
    limits = np.iinfo(widest)
    if widest.itemsize <= 2 and low < 0:
        return int(limits.min), int(limits.max)
    if widest.itemsize == 4 and low >= 0:
        return 0, int(limits.max)
    quoted = " and ".join(f"`{name}`" for name in whole)
    raise DataDamagedError(
        f"`{path}`: {quoted} holds {widest.name} from {low} to {high}, whose black and white nothing tells: "
        "store floats from 0 to 1"
    )


def _image_shape(shape: tuple[int, ...]) -> tuple[int, ...]:
    """How to draw an example: a row of numbers as a square where it is one."""
    if len(shape) > 1:
        return shape
    side = math.isqrt(shape[0])
    return (side, side) if side * side == shape[0] else (1, shape[0])
