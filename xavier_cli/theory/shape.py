"""Finds range and kinks of an activation: from its row, or numerically for user functions."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import jax
import numpy as np
from jax import Array

from xavier_cli.vocabulary.entry import ActivationEntry
from xavier_cli.vocabulary.user_functions import is_user_function

# How far out limits are evaluated, and the grid for kinks and for extremes in between.
_FAR = 1e9
_NEAR = np.linspace(-20.0, 20.0, 40_001)
_MOST_KINKS = 8


def shape_of(
    word: ActivationEntry, act: Callable[[Array], Array]
) -> tuple[tuple[float, float], tuple[float, ...]]:
    """Range and kinks of `act`, the function of `word`; found numerically if it is a user function."""
    return (find_range(act), find_kinks(act)) if is_user_function(word.name) else (word.range, word.kinks)


def find_range(act: Callable[[Array], Array]) -> tuple[float, float]:
    """The closure of the range of `act`, infinite on sides where it is unbounded.

    Evaluated on a grid of 40,001 points within ±20 and 4,096 on either side out to ±1e9, so that a spike
    between two points is missed. It counts as unbounded if it is more than twice as large out there as within
    ±1000, as a logarithm is.
    """
    far = np.geomspace(20.0, _FAR, 4096)
    points = np.concatenate([-far[::-1], _NEAR, far])
    values, _ = _value_and_slope(act, points)
    near, known = np.abs(points) <= 1e3, ~np.isnan(values)
    largest = 2 * float(np.max(np.abs(values[near & known]))) + 1e-6
    low, high = float(np.min(values[known])), float(np.max(values[known]))
    return (_rounded(low) if -low <= largest else -math.inf, _rounded(high) if high <= largest else math.inf)


def find_kinks(act: Callable[[Array], Array]) -> tuple[float, ...]:
    """Where the slope of `act` is discontinuous, within ±20; higher derivatives are not examined.

    The change of a smooth slope between two points is proportional to their distance; that of a jump does not
    decrease as they approach each other.
    """
    left, right, jumps = _NEAR[:-1], _NEAR[1:], np.abs(np.diff(_value_and_slope(act, _NEAR)[1]))
    steepest = float(np.max(np.abs(_value_and_slope(act, _NEAR)[1])))
    here = np.flatnonzero(jumps > 1e-3 * max(steepest, 1e-12))
    if len(here) > 500:
        return ()
    found: list[float] = []
    for at in here:
        low, high = _closed_in(act, float(left[at]), float(right[at]))
        slopes = _value_and_slope(act, np.array([low, high]))[1]
        if abs(slopes[1] - slopes[0]) > 0.5 * jumps[at]:
            kink = _rounded((low + high) / 2)
            if not found or abs(kink - found[-1]) > 1e-6:
                found.append(kink)
    return tuple(found[:_MOST_KINKS])


def _closed_in(act: Callable[[Array], Array], low: float, high: float) -> tuple[float, float]:
    """Bisect repeatedly, keeping the half with the larger change of the slope."""
    for _ in range(20):
        middle = (low + high) / 2
        slopes = _value_and_slope(act, np.array([low, middle, high]))[1]
        if abs(slopes[1] - slopes[0]) > abs(slopes[2] - slopes[1]):
            high = middle
        else:
            low = middle
    return low, high


def _value_and_slope(act: Callable[[Array], Array], points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    with jax.enable_x64(True):
        value, slope = _compiled(act)(points)
        return np.asarray(value, np.float64), np.asarray(slope, np.float64)


@cache
def _compiled(act: Callable[[Array], Array]) -> Callable[[np.ndarray], tuple[Array, Array]]:
    return jax.jit(jax.vmap(jax.value_and_grad(act)))


def _rounded(value: float) -> float:
    """`value` without its last digits, which are rounding errors."""
    nearest = round(value, 6)
    return nearest + 0.0 if abs(nearest - value) < 1e-6 else value
