"""The edge of chaos: where a very deep net's signals settle, and over how many layers they get there.

Poole et al. 2016 and Schoenholz et al. 2017, for nets of one width whose layers are drawn alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jax import Array

from xavier_cli.config.run import RunConfig
from xavier_cli.theory.quadrature import gaussian_moments

# Second moments up to here are looked through; halving it so often leaves less than 1e-12.
_LARGEST = 1e4
_HALVINGS = 54
_ALIKE = 1e-9


class Edge(NamedTuple):
    """What becomes of signals far up in a net, one number per n Var W."""

    second: np.ndarray
    """The second moment E s² at which pre-activations settle; NaN where they grow without end."""
    slope: np.ndarray
    """χ = n Var W E φ'(s)² there: what a layer does to the back-propagated variance, and to how far two
    images that are almost alike are apart. Below 1 order, above 1 chaos, at 1 the edge between them."""

    @property
    def depth(self) -> np.ndarray:
        """1/|log χ|: over so many layers the variance of a gradient changes by a factor of e."""
        with np.errstate(divide="ignore"):
            return np.asarray(1 / np.abs(np.log(self.slope)))


def hidden_variances(config: RunConfig, gain: float) -> tuple[float, float]:
    """n Var W and Var b between the hidden layers of `config`, whose weights are multiplied by `gain`.

    NaN for the first where the layers have no one Var W.
    """
    width = config.widths[0]
    laws = config.layer_initializers[1:-1]
    variance = laws[0].variance(width, width)
    bias = config.bias_initializer.variance(width, width)
    alike = len({law.name for law in laws}) == 1 and len({*config.widths}) == 1
    return width * variance * gain**2 if alike else math.nan, bias


def measured_log_slope(stds: np.ndarray) -> np.ndarray:
    """log χ as it was seen, shape `(S,)`, from the std `(S, L)` of back-propagated gradients.

    From the upper half of the net, where the signals that came up have settled; the variance falls by χ from
    a layer to the one below it.
    """
    settled = stds[:, (stds.shape[1] - 1) // 2 :].astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(-np.diff(np.log(settled**2), axis=1).mean(axis=1))


def find_edge(
    act: Callable[[Array], Array],
    kinks: Sequence[float],
    weight_scales: Sequence[float] | np.ndarray,
    bias_variance: float = 0.0,
) -> Edge:
    """`Edge` for each n Var W in `weight_scales`, shape `(W,)`, with biases of `bias_variance`.

    The fixed point of q = n Var W E φ(√q u)² + Var b is the place where the right side falls below the left
    one, found by halving: repeating the map takes for ever near the edge. Where every q is one, as for a ReLU
    at n Var W = 2, it is the lowest.
    """
    scales = np.asarray(weight_scales, np.float64)
    low, high = np.zeros(len(scales)), np.full(len(scales), _LARGEST)

    def grows(q: np.ndarray) -> np.ndarray:
        after = scales * gaussian_moments(act, np.sqrt(q), kinks).second + bias_variance
        return np.asarray(after > q * (1 + _ALIKE))

    endless = grows(high)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        up = grows(middle)
        low, high = np.where(up, middle, low), np.where(up, high, middle)
    slope = scales * gaussian_moments(act, np.sqrt(low), kinks).slope_second
    return Edge(np.where(endless, np.nan, low), np.where(endless, np.nan, slope))
