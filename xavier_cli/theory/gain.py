"""Derives the gain of an activation, the factor on the weights that preserves the second moment."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from jax import Array

from xavier_cli.theory.quadrature import gaussian_moments


def derived_gain(act: Callable[[Array], Array], kinks: Sequence[float] = ()) -> float:
    """1/√E φ(u)², u ~ N(0, 1): with this gain and n Var W = 1 all layers preserve a unit second moment.

    √2 for a ReLU (He et al. 2015). If E φ(u) is not 0, as for the sigmoid, it preserves the second moment,
    not the variance.
    """
    return float(1 / math.sqrt(gaussian_moments(act, [1.0], kinks).second[0]))


def resolve_gain(init_gain: str | float, act: Callable[[Array], Array], kinks: Sequence[float] = ()) -> float:
    """The number for the setting `init_gain`: `paper` is 1, `auto` the gain of the activation."""
    if init_gain == "paper":
        return 1.0
    return derived_gain(act, kinks) if init_gain == "auto" else float(init_gain)
