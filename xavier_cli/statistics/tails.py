"""Extrapolates the tails of a simulated distribution, to bounds that healthy networks hardly ever cross.

The excesses of the draws beyond their 90th percentile are taken as exponential (peaks over a threshold, with
shape 0; Pickands 1975). Of logarithms that is a power law, heavier than the tails of a normal, a lognormal or
a χ² distribution, so that the bounds lie too far out rather than too near.
"""

from __future__ import annotations

import math

import numpy as np

LEVEL = 1e-6
"""The probability of one draw beyond one of `bounds`."""
_TAIL = 0.1


def bounds(draws: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The values below and above which one draw in a million lies, of each column of `(draws, columns)`.

    Where any draw of a column is infinite on one side, that bound is, too; NaN where any draw is NaN.
    """
    return -_upper(-draws), _upper(draws)


def _upper(draws: np.ndarray) -> np.ndarray:
    count = math.ceil(_TAIL * len(draws))
    # NaN is sorted to the end.
    ordered = np.sort(draws, axis=0)
    threshold, largest = ordered[-count - 1], ordered[-1]
    with np.errstate(invalid="ignore"):
        excess = np.mean(ordered[-count:] - threshold, axis=0)
        bound = threshold + excess * math.log(_TAIL / LEVEL)
    return np.where(np.isposinf(largest), math.inf, bound)


def reach(tests: int, level: float) -> float:
    """How far the distance of `bounds` must be stretched for `tests` comparisons with both of them.

    One comparison in all is beyond with a probability of `level` at most, by Bonferroni; 1 where `bounds` are
    wide enough already.
    """
    wanted = level / (2 * max(tests, 1))
    return max(1.0, math.log(_TAIL / wanted) / math.log(_TAIL / LEVEL))
