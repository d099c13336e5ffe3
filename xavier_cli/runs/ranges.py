"""Defines the ranges of datasets, and checks them: the same check on reading and before writing.

A digest says that numbers are those that were written, not that they are possible.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import numpy as np

ROUNDING = 1e-6
"""Numbers of 32 bits may miss their bounds, and each other, by so much."""


class Range(NamedTuple):
    """What the numbers of a dataset can be: from `low` to `high`, and perhaps NaN or infinite.

    What has an `order` rises or falls along its last axis; whole numbers and scales never stand still.
    """

    low: float = -math.inf
    high: float = math.inf
    nan: bool = False
    infinite: bool = False
    order: Literal["", "up", "down"] = ""


# A network that diverges ends in any of them, and is recorded as it is.
ANY = Range(nan=True, infinite=True)
SIZE = Range(low=0, nan=True, infinite=True)
SHARE = Range(low=0, high=1)
UPDATES = Range(low=0, high=10**10, order="up")


def out_of_range(can_be: Range, array: np.ndarray, is_scale: bool = False) -> str:
    """What of `array` cannot be, in a few words; empty if nothing. Text always can."""
    if array.dtype.kind not in "fi":
        return ""
    is_float = array.dtype.kind == "f"
    if is_float and not (can_be.nan and can_be.infinite):
        if not can_be.nan and np.isnan(array).any():
            return "holds NaN"
        if not can_be.infinite and np.isinf(array).any():
            return "holds an infinite number"
    slack = ROUNDING if is_float else 0
    # A bound that the type of `array` cannot hold is an infinite one.
    with np.errstate(over="ignore"):
        beyond = array < can_be.low - slack, array > can_be.high + slack
    for outside in beyond:
        if outside.any():
            number = array[outside].flat[0]
            return (
                f"holds {number:.6g}, {_bounds(can_be)}" if is_float else f"holds {number}, {_bounds(can_be)}"
            )
    if can_be.order and not is_ordered(array, can_be.order, strictly=is_scale or not is_float):
        return "does not rise" if can_be.order == "up" else "does not fall"
    return ""


def is_ordered(array: np.ndarray, order: Literal["up", "down"], strictly: bool = False) -> bool:
    """Whether `array` rises or falls along its last axis; where not `strictly`, up to rounding."""
    first, second = array[..., :-1], array[..., 1:]
    if order == "down":
        first, second = second, first
    if strictly:
        return bool((first < second).all())
    size = np.maximum(np.abs(first), np.abs(second))
    with np.errstate(invalid="ignore", over="ignore"):
        # Where one of two is NaN, or both are the same infinity, nothing is out of order.
        return not (first - second > ROUNDING * np.where(np.isfinite(size), size, 0)).any()


def _bounds(can_be: Range) -> str:
    if math.isinf(can_be.high):
        return f"below {can_be.low:g}"
    return f"outside {can_be.low:g} to {can_be.high:.12g}"
