"""Predicts the edge of chaos: where the signals of very deep nets converge, and over how many layers.

From Poole et al. 2016 and Schoenholz et al. 2017, for nets of equal widths and equal initializers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jax import Array

from xavier_cli.config.run import RunConfig
from xavier_cli.theory.quadrature import gaussian_moments

# The fixed point is searched below this second moment; so many bisections leave less than 1e-12.
_LARGEST = 1e4
_HALVINGS = 54
_ALIKE = 1e-9


class Edge(NamedTuple):
    """The limit of signals far up in a net, one number per n Var W."""

    second: np.ndarray
    """The limit of the second moment E s² of pre-activations; NaN where it is infinite."""
    slope: np.ndarray
    """χ = n Var W E φ'(s)² there: the factor per layer of the back-propagated variance, and of the squared
    distance of two similar images. Below 1 is order, above 1 chaos, 1 is the edge."""

    @property
    def depth(self) -> np.ndarray:
        """1/|log χ|: the number of layers over which the variance of a gradient changes by a factor of e."""
        with np.errstate(divide="ignore"):
            return np.asarray(1 / np.abs(np.log(self.slope)))


def hidden_variances(config: RunConfig, gain: float) -> tuple[float, float]:
    """n Var W and Var b between the hidden layers of `config`, with weights multiplied by `gain`.

    The first is NaN if the layers differ in Var W.
    """
    width = config.widths[0]
    laws = config.layer_initializers[1:-1]
    variance = laws[0].variance(width, width)
    bias = config.bias_initializer.variance(width, width)
    alike = len({law.name for law in laws}) == 1 and len({*config.widths}) == 1
    return width * variance * gain**2 if alike else math.nan, bias


def measured_log_slope(stds: np.ndarray) -> np.ndarray:
    """Measured log χ, `(S,)`, from the stds of back-propagated gradients, `(S, L)`.

    Measured in the upper half of the net, where the forward signals have converged; the variance changes by χ
    from a layer to the one below it.
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

    The fixed point of q = n Var W E φ(√q u)² + Var b is where the right side falls below the left, found by
    bisection, since iterating the map converges too slowly near the edge. If every q is a fixed point, as for
    a ReLU at n Var W = 2, the lowest is taken.
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
