"""Defines where an activation is saturated or inactive, and finds it from values and slopes of the function.

A pre-activation s is *saturated* if the activation has a finite limit L on its side, stays within 0.05 R of
it from s outwards (R is sup - inf of a bounded activation, else 1), and has at most 0.2 of its steepest slope
there. Where an unbounded activation is exactly flat it is *inactive* instead, as for half of a ReLU's inputs,
which is normal.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

CLOSE_TO_LIMIT = 0.05
FLAT = 0.2
DEAD_SLOPE = 1e-6
"""A unit is dead if its slope is below this on every probe example."""

Evaluate = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""An activation's values and slopes at points `(n,)`, in float64."""


@dataclass(frozen=True)
class Regions:
    """Bounds: pre-activations below `saturated_below` or above `saturated_above` are saturated, and so on."""

    saturated_below: float = -math.inf
    saturated_above: float = math.inf
    inactive_below: float = -math.inf
    inactive_above: float = math.inf


def regions_of(value_and_slope: Evaluate, range_: tuple[float, float]) -> Regions:
    """The regions of an activation whose values span `range_` (infinite where it is unbounded)."""
    below, flat_below = _edge(value_and_slope, range_, side=-1)
    above, flat_above = _edge(value_and_slope, range_, side=1)
    bounded = all(map(math.isfinite, range_))
    inactive_below, inactive_above = flat_below and not bounded, flat_above and not bounded
    return Regions(
        saturated_below=-math.inf if inactive_below else -below,
        saturated_above=math.inf if inactive_above else above,
        inactive_below=-below if inactive_below else -math.inf,
        inactive_above=above if inactive_above else math.inf,
    )


# One length for every grid, so that all share one compiled program.
_POINTS = 4096


def _edge(value_and_slope: Evaluate, range_: tuple[float, float], side: int) -> tuple[float, bool]:
    """The least |s| beyond which a side is saturated, inf for none, and whether it is exactly flat."""
    ends, _ = value_and_slope(side * np.geomspace(1e6, 1e9, _POINTS))
    if not np.all(np.isfinite(ends)) or np.ptp(ends) > 1e-4:
        return math.inf, False
    limit = float(ends[-1])
    low, high = range_
    span = high - low if math.isfinite(high - low) else 1.0
    _, slopes = value_and_slope(np.linspace(-10.0, 10.0, _POINTS))
    steepest = float(np.max(np.abs(slopes)))

    # Begin on the other side, end far out on this one, then refine around the edge.
    grid = np.concatenate([np.linspace(-10.0, 100.0, _POINTS - 96), np.geomspace(101.0, 1e6, 96)])
    for _ in range(5):
        values, slopes = value_and_slope(side * grid)
        flat = (np.abs(values - limit) < CLOSE_TO_LIMIT * span) & (np.abs(slopes) <= FLAT * steepest)
        edge = int(np.flatnonzero(~flat)[-1]) if not flat.all() else 0
        inner, outer = grid[edge], grid[min(edge + 1, _POINTS - 1)]
        grid = np.linspace(inner, outer, _POINTS)
    _, beyond = value_and_slope(side * (outer + np.geomspace(1e-9, 1e3, _POINTS)))
    # Round, since the limit is only an evaluation far out.
    return round(float(outer), 6), bool(np.all(beyond == 0.0))
