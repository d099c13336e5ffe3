"""Derives from a JAX function where it is saturated or inactive; `theory.regions` says what that is."""

from __future__ import annotations

from collections.abc import Callable

import jax
import numpy as np
from jax import Array

from xavier_cli.theory.regions import Regions, regions_of


def find_regions(act: Callable[[Array], Array], range_: tuple[float, float]) -> Regions:
    """The regions of `act`, whose values span `range_` (infinite where it is unbounded)."""
    with jax.enable_x64(True):
        value_and_slope = jax.jit(jax.vmap(jax.value_and_grad(act)))

        def evaluate(s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            values, slopes = value_and_slope(s)
            return np.asarray(values), np.asarray(slopes)

        return regions_of(evaluate, range_)


def slope_at_zero(act: Callable[[Array], Array]) -> float:
    """φ'(0); at a kink the value of JAX's derivative."""
    with jax.enable_x64(True):
        return float(jax.grad(act)(0.0))
