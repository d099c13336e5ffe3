"""The gain of an activation: the factor on the weights that makes up for what the activation takes away."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from jax import Array

from xavier_cli.theory.quadrature import gaussian_moments


def derived_gain(act: Callable[[Array], Array], kinks: Sequence[float] = ()) -> float:
    """1/√E φ(u)², u ~ N(0, 1): with it and n Var W = 1 a unit second moment goes through layer after layer.

    √2 for a ReLU (He et al. 2015). Where E φ(u) is not 0 (sigmoid) it keeps the second moment, not the
    variance.
    """
    return float(1 / math.sqrt(gaussian_moments(act, [1.0], kinks).second[0]))


def resolve_gain(init_gain: str | float, act: Callable[[Array], Array], kinks: Sequence[float] = ()) -> float:
    """The number that a configuration's `init_gain` stands for: `paper` is 1, `auto` the activation's own."""
    if init_gain == "paper":
        return 1.0
    return derived_gain(act, kinks) if init_gain == "auto" else float(init_gain)
