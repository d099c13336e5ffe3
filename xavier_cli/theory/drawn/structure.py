"""Recognises arrays whose numbers depend on each other: identities, deltas, orthogonal matrices, copies."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from typing import Literal, NamedTuple

import numpy as np

_SOME = 64
_GATES = (1, 4, 3, 2)
_ONE = 1e-3


class Structure(NamedTuple):
    """A structured array: its name, and the standard deviation of its numbers."""

    name: str
    std: float


def find_structure(draw: np.ndarray, grain: float = 0.0) -> Structure | None:
    """The structure of `draw`, of rank 2 or more, with the units on its last axis or on its first.

    `grain` is the relative rounding of its numbers.
    """
    if draw.ndim < 2 or min(draw.shape[0], draw.shape[-1]) < 2:
        return None
    name = _diagonal(draw) or _orthogonal(draw, 2e-4 + 8 * grain)
    return Structure(name, float(np.std(draw, dtype=np.float64))) if name else None


def _diagonal(draw: np.ndarray) -> str:
    nonzero = np.count_nonzero(draw)
    for matrix in _centers(draw) if draw.ndim > 2 else [draw]:
        if 1 < nonzero == min(matrix.shape):
            gain = float(matrix.flat[0])
            if np.array_equal(matrix, gain * np.eye(*matrix.shape, dtype=matrix.dtype)):
                kind = "identity" if draw.ndim == 2 else "delta"
                return kind if gain == 1 else f"{kind}:gain={gain:.3g}"
    return ""


def _centers(draw: np.ndarray) -> Iterator[np.ndarray]:
    """The matrix in the middle of a kernel's window, which is in front of the channels or behind them."""
    for space, at in ((draw.shape[:-2], 0), (draw.shape[2:], 2)):
        middle: list[int | slice] = [slice(None)] * draw.ndim
        middle[at : at + len(space)] = [size // 2 for size in space]
        yield draw[tuple(middle)]


def _orthogonal(draw: np.ndarray, tolerance: float) -> str:
    if draw.ndim > 2:
        for center in _centers(draw):
            if min(center.shape) > 1 and np.count_nonzero(draw) == np.count_nonzero(center):
                gain = _gain(center, tolerance)
                return _with_gain("delta_orthogonal", gain) if gain else ""
    # Matrices of gain 1 side by side are one of another gain, too.
    found = sorted(_blockwise(draw, tolerance), key=lambda each: (abs(each[1] - 1) >= _ONE, each[0]))
    if found and found[0][0] == 1:
        return _with_gain("orthogonal", found[0][1])
    if draw.ndim == 3 and all(_gain(each, tolerance) for each in draw):
        return _with_gain("orthogonal per slice", _gain(draw[0], tolerance))
    return _with_gain(f"orthogonal in {found[0][0]} blocks", found[0][1]) if found else ""


def _blockwise(draw: np.ndarray, tolerance: float) -> Iterator[tuple[int, float]]:
    """In how many blocks, on either side, `draw` as a matrix is orthogonal, with their gain."""
    layouts = [draw.reshape(-1, draw.shape[-1])]
    if draw.ndim > 2:
        layouts.append(draw.reshape(draw.shape[0], -1))
    for gates, layout, axis in product(_GATES, layouts, (1, 0)):
        size = layout.shape[axis] // gates
        if layout.shape[axis] % gates or min(size, layout.shape[1 - axis]) < 2:
            continue
        blocks = np.split(layout, gates, axis)
        gain = _gain(blocks[0], tolerance)
        if gain and all(abs(_gain(block, tolerance) - gain) <= tolerance * gain for block in blocks[1:]):
            yield gates, gain


def _gain(matrix: np.ndarray, tolerance: float) -> float:
    """The length of rows or columns, whichever are fewer, where they are orthogonal and equally long; else 0.

    A few of them tell: those of a random matrix differ in length by about 1/√(2n).
    """
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    some = tall[:, :_SOME].astype(np.float64)
    squares = np.einsum("ij,ij->j", some, some)
    scale = float(squares.mean())
    if not scale or np.max(np.abs(squares / scale - 1)) > tolerance:
        return 0.0
    gram = some.T @ some / scale
    return math.sqrt(scale) if np.max(np.abs(gram - np.eye(len(gram)))) <= tolerance else 0.0


def _with_gain(name: str, gain: float) -> str:
    return name if abs(gain - 1) < _ONE else f"{name}:gain={gain:.3g}"


Repeat = Literal["", "first axis", "last axis"]


def without_copies(draw: np.ndarray) -> tuple[np.ndarray, Repeat]:
    """One of the slices of `draw` along an axis on which all are the same; `draw` itself where there is none.

    Along the last axis these are units that are all alike.
    """
    if draw.ndim < 2:
        return draw, ""
    for axis, name in ((draw.ndim - 1, "last axis"), (0, "first axis")):
        one = np.take(draw, [0], axis)
        if draw.shape[axis] > 1 and np.array_equal(one, np.take(draw, [1], axis)) and np.all(draw == one):
            return one, "last axis" if name == "last axis" else "first axis"
    return draw, ""
