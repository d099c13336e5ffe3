"""Derives where an activation is saturated or inactive from the function itself.

A pre-activation s is *saturated* if the activation has a finite limit L on its side, stays within 0.05 R of
it from s outwards (R is sup - inf of a bounded activation, else 1), and has at most 0.2 of its steepest slope
there. Where an unbounded activation is exactly flat it is *inactive* instead, as for half of a ReLU's inputs,
which is normal.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

CLOSE_TO_LIMIT = 0.05
FLAT = 0.2
DEAD_SLOPE = 1e-6
"""A unit is dead if its slope is below this on every probe example."""


@dataclass(frozen=True)
class Regions:
    """Bounds: pre-activations below `saturated_below` or above `saturated_above` are saturated, and so on."""

    saturated_below: float = -math.inf
    saturated_above: float = math.inf
    inactive_below: float = -math.inf
    inactive_above: float = math.inf


def find_regions(act: Callable[[Array], Array], range_: tuple[float, float]) -> Regions:
    """The regions of `act`, whose values span `range_` (infinite where it is unbounded)."""
    with jax.enable_x64(True):
        value_and_slope = jax.jit(jax.vmap(jax.value_and_grad(act)))
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


def slope_at_zero(act: Callable[[Array], Array]) -> float:
    """φ'(0); at a kink the value of JAX's derivative."""
    with jax.enable_x64(True):
        return float(jax.grad(act)(0.0))


# One length for every grid, so that all share one compiled program.
_POINTS = 4096


def _edge(
    value_and_slope: Callable[[np.ndarray], tuple[Array, Array]], range_: tuple[float, float], side: int
) -> tuple[float, bool]:
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
        flat = np.asarray(jnp.abs(values - limit) < CLOSE_TO_LIMIT * span) & np.asarray(
            jnp.abs(slopes) <= FLAT * steepest
        )
        edge = int(np.flatnonzero(~flat)[-1]) if not flat.all() else 0
        inner, outer = grid[edge], grid[min(edge + 1, _POINTS - 1)]
        grid = np.linspace(inner, outer, _POINTS)
    _, beyond = value_and_slope(side * (outer + np.geomspace(1e-9, 1e3, _POINTS)))
    # Round, since the limit is only an evaluation far out.
    return round(float(outer), 6), bool(np.all(np.asarray(beyond) == 0.0))
