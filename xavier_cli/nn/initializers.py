"""Initializers of weights: one general law, and its members in one line each.

All have JAX's signature `(key, shape, dtype)` with `shape = (fan_in, fan_out)`. One key gives every
member of a scaled family the same underlying draws, so that two of them differ in scale alone.
"""

from __future__ import annotations

from typing import Any

from jax import Array
from jax.nn.initializers import Initializer, variance_scaling

from xavier_cli.names import INITIALIZERS, find, load


def standard() -> Initializer:
    """U(±1/√fan_in), the heuristic before 2010; n Var W = 1/3 (equations 1 and 15)."""
    return variance_scaling(1 / 3, "fan_in", "uniform")


def normalized() -> Initializer:
    """U(±√6/√(fan_in + fan_out)), Var W = 2/(fan_in + fan_out) (equations 12 and 16)."""
    return variance_scaling(1, "fan_avg", "uniform")


def make_initializer(name: str, gain: float = 1.0) -> Initializer:
    """The initializer called `name`, its weights multiplied by `gain`; raises `UnknownNameError`."""
    initializer: Initializer = load(find("initializer", name, INITIALIZERS).function)()
    if gain == 1:
        return initializer

    def scaled(key: Array, shape: Any, *more: Any, **options: Any) -> Array:
        return initializer(key, shape, *more, **options) * gain

    return scaled
