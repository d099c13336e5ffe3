"""Predicts singular values of the layer-to-layer Jacobians dz(i)/dz(i-1) by random-matrix theory.

At initialization they are random matrices whose rows are scaled by φ', so that their squared singular values
follow Marchenko and Pastur. If all slopes were equal, the mean of a square one would be
(8/3π)·√(n Var W E φ'²), the paper's 0.8 and 0.5. They are not (the error is 2.5 % for tanh, normalized, layer
2, and 8 % in a layer a third as wide as its input), so the mean is computed with the distribution of slopes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import NamedTuple

import numpy as np
from jax import Array

from xavier_cli.theory.quadrature import gauss_legendre, over_stds, value_and_slope
from xavier_cli.theory.variance import Maps, Net
from xavier_cli.vocabulary.entry import INDEPENDENT

_TRANSFORM = np.geomspace(1e-6, 1e8, 300)
_GRID = 400


class PredictedSingularValues(NamedTuple):
    """Predicted averages over singular values and then over the probe images, `(depth,)` each.

    A Jacobian has min(fan_in, fan_out) singular values.
    """

    mean: np.ndarray
    rms: np.ndarray
    geometric_mean: np.ndarray


def predict_singular_values(
    act: Callable[[Array], Array], kinks: Sequence[float], net: Net, maps: Maps
) -> PredictedSingularValues:
    """The averages of layers 1 to depth; layer 1 maps the input and is not square. `maps` are of this net.

    If weights are not independent, only the root mean square is known, except for orthogonal layers that are
    not wider than their input.
    """
    columns = []
    for layer in range(net.depth):
        fans, variance = net.sizes[layer : layer + 2], net.weight_variances[layer]
        ratio = min(fans) / max(fans)
        weight_rms = math.sqrt(max(fans) * variance)
        slope_rms = np.sqrt(maps.slope_second[:, layer])
        # A determinant is a product, so the geometric mean of the slopes enters it, unless the layer is
        # wider than its input, which mixes the slopes.
        slope = slope_rms if fans[1] > fans[0] else np.exp(maps.log_slope[:, layer])
        stds = np.sqrt(maps.preactivation_second[:, layer])
        rms = weight_rms * slope_rms.mean()
        how = net.distributions[layer] if net.distributions else "normal"
        if how == "orthogonal" and fans[1] <= fans[0]:
            # With orthonormal weights the slopes are the singular values.
            mean = over_stds(partial(_mean_slope, act, kinks), stds)[:, 0].mean()
            columns.append((weight_rms * mean, rms, weight_rms * np.exp(maps.log_slope[:, layer]).mean()))
        elif how not in INDEPENDENT:
            columns.append((math.nan, rms, math.nan))
        else:
            roots = partial(_mean_root_of_slopes, act, kinks, fans[1] / fans[0])
            columns.append(
                (
                    math.sqrt(fans[0] * variance) * fans[0] / min(fans) * over_stds(roots, stds)[:, 0].mean(),
                    rms,
                    weight_rms * math.exp(mean_log(ratio) / 2) * slope.mean(),
                )
            )
    return PredictedSingularValues(*(np.array(column) for column in zip(*columns, strict=True)))


def _mean_slope(act: Callable[[Array], Array], kinks: Sequence[float], stds: np.ndarray) -> np.ndarray:
    """E |φ'(σu)| for each σ, shape `(len(stds), 1)`."""
    u, weights = gauss_legendre(stds, kinks)
    _, slope = value_and_slope(act, stds[:, None] * u)
    return np.sum(weights * np.abs(slope), axis=1)[:, None]


def _mean_root_of_slopes(
    act: Callable[[Array], Array], kinks: Sequence[float], ratio: float, stds: np.ndarray
) -> np.ndarray:
    """E √λ over the fan_in eigenvalues λ of JᵀJ/(fan_in Var W), for each σ; shape `(len(stds), 1)`.

    `ratio` is fan_out/fan_in and t = φ'². Left of 0 the Stieltjes transform m of the eigenvalues is explicit
    (Marchenko & Pastur 1967): at −s, s m = 1 − h with h = ratio · E tm/(1 + tm). Then use
    √λ = (2/π) ∫ λ/(λ + s) d√s, where h is the mean of the integrand over the eigenvalues.
    """
    companion = _companion(act, kinks, ratio, stds)
    h, root = companion.h, companion.root
    within = np.sum((h[1:] + h[:-1]) / 2 * (root[:-1] - root[1:]), axis=0)
    # For large s, h is ratio · E t/s.
    return (2 / math.pi * (within + ratio * companion.mean / root[0]))[:, None]


class _Companion(NamedTuple):
    """The transform of the eigenvalues on a grid of m, `(grid, stds)` each."""

    transform: np.ndarray
    h: np.ndarray
    root: np.ndarray
    """√s."""
    mean: np.ndarray
    """E t, `(stds,)`."""
    steepest: float
    """The largest |φ'|."""


def _companion(
    act: Callable[[Array], Array], kinks: Sequence[float], ratio: float, stds: np.ndarray
) -> _Companion:
    u, weights = gauss_legendre(stds, kinks)
    _, slope = value_and_slope(act, stds[:, None] * u)
    t = slope**2
    mean = np.sum(weights * t, axis=1)
    scale = np.where(mean > 0, mean, 1.0)
    transform = _TRANSFORM[:, None] / scale
    h = np.stack([np.sum(weights * (t * m[:, None] / (1 + t * m[:, None])), axis=1) for m in transform])
    h = np.minimum(ratio * h, 1.0)
    return _Companion(transform, h, np.sqrt((1 - h) / transform), mean, float(np.abs(slope).max()))


class Response(NamedTuple):
    """How a layer's mean singular value depends on the slopes that its units happen to have.

    To first order it is 1 + mean over units of `influence` at |φ'| times the expected one.
    """

    share: np.ndarray
    """The expected mean singular value of each image over that of all, `(images,)`."""
    slopes: np.ndarray
    """|φ'|, `(grid,)`."""
    influence: np.ndarray
    """`(images, grid)`; its expectation is 0."""


def respond_to_slopes(
    act: Callable[[Array], Array], kinks: Sequence[float], ratio: float, stds: np.ndarray
) -> Response:
    """The response of images whose pre-activations have the given `stds`, `(images,)`.

    `ratio` is fan_out/fan_in. By the calculus of variations in the distribution of t = φ'², on the integral
    of `_mean_root_of_slopes`: dE √λ = (2/π) ∫ dh √s/(2m) dm.
    """
    companion = _companion(act, kinks, ratio, stds)
    m, root = companion.transform, companion.root
    steps = np.diff(np.log(_TRANSFORM))[:, None]

    def summed(h: np.ndarray, slope: np.ndarray | float) -> np.ndarray:
        integrand = h * root / 2
        # Below the grid √s is 1/√m.
        inner = np.sum((integrand[1:] + integrand[:-1]) / 2 * steps, axis=0)
        return np.asarray(2 / math.pi * (inner + ratio * slope * np.sqrt(m[0])))

    slopes = np.linspace(0, companion.steepest, _GRID)
    each = [summed(ratio * t * m / (1 + t * m), t) for t in slopes**2]
    centred = np.column_stack(each) - summed(companion.h, companion.mean)[:, None]
    expected = _mean_root_of_slopes(act, kinks, ratio, stds)
    with np.errstate(divide="ignore", invalid="ignore"):
        return Response(expected[:, 0] / expected.mean(), slopes, centred / expected)


@cache
def spread_of_mean(ratio: float, excess_kurtosis: float) -> float:
    """The relative variance of the mean singular value of a random matrix with independent entries, times the
    square of its smaller side.

    `ratio`, of the smaller side to the larger one. From the variance of a linear statistic of the eigenvalues
    1 + ratio + 2 √ratio cos θ: with Σ a_k cos kθ that of the singular values it is ½ Σ k a_k², and a quarter
    of the excess kurtosis times a_1² (Bai & Silverstein 2004; Lytova & Pastur 2009).
    """
    nodes = 4096
    theta = (np.arange(nodes) + 0.5) * math.pi / nodes
    root = np.sqrt(1 + ratio + 2 * math.sqrt(ratio) * np.cos(theta))
    k = np.arange(1, nodes // 8)
    a = 2 / nodes * np.cos(k[:, None] * theta) @ root
    # Over the mean by the density of Marchenko and Pastur, in terms of θ.
    density = 2 / math.pi * np.sin(theta) ** 2 / (1 + ratio + 2 * math.sqrt(ratio) * np.cos(theta))
    mean = np.sum(density * root) * math.pi / nodes
    return float((np.sum(k * a**2) / 2 + excess_kurtosis * a[0] ** 2 / 4) / mean**2)


def mean_log(ratio: float) -> float:
    """E log λ for the Marchenko-Pastur distribution of this ratio (0 to 1) and mean 1; -1 at ratio 1."""
    return -1.0 if ratio == 1 else -1 - (1 / ratio - 1) * math.log1p(-ratio)
