"""Draws what layers of random weights do to a few examples, many networks at a time, in NumPy.

Small layers are drawn weight by weight. In a large one the sums over independent weights are as good as
Gaussian, so that the outputs on the examples are drawn from their joint distribution, whose covariance is
n Var W times the second moments of what enters: that costs as many numbers as there are outputs, not weights.
What is propagated back is drawn likewise, independently of the outputs, which is exact to first order in
1/width (Schoenholz et al. 2017; Yang 2020); the output layer, whose few sums are not Gaussian and whose
gradients depend on its weights, is drawn weight by weight.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from xavier_cli.vocabulary.entry import TRUNCATED_STD, Distribution

EXCESS_KURTOSIS: dict[Distribution, float] = {
    "uniform": -1.2,
    "normal": 0.0,
    "truncated normal": -0.6317,
}
"""Of one weight, by how it is drawn, where weights are independent."""
# The most weights that are drawn one by one; the most outputs of the last layer.
_MOST_WEIGHTS = 2**14
_MOST_OUTPUTS = 64
# Added to correlations, so that nearly equal examples have a Cholesky factor in spite of rounding.
_JITTER = 1e-5


class Law(NamedTuple):
    """How a layer of weights is drawn."""

    fans: tuple[int, int]
    variance: float
    distribution: Distribution
    sample: Callable[[int, int], np.ndarray] | None = None
    """Draws `(count, fan_in, fan_out)` from a number of the batch, where only the initializer itself can."""


class Passed(NamedTuple):
    """What a layer did to the examples of each network of a batch."""

    output: np.ndarray
    """z W, `(networks, examples, fan_out)` in single precision."""
    squared_norms: np.ndarray
    """Σ W² of each output, `(networks, fan_out)`."""
    back: Callable[[np.ndarray], np.ndarray]
    """From dC/d(z W) to dC/dz, both `(networks, examples, units)`."""


def is_known(law: Law) -> bool:
    """Whether layers of this kind can be drawn."""
    known = law.sample is not None or law.variance == 0 or law.distribution == "orthogonal"
    return known or law.distribution in EXCESS_KURTOSIS


def is_weight_by_weight(law: Law, examples: int, is_last: bool = False) -> bool:
    """Whether the weights themselves are drawn for this many examples."""
    if law.sample is not None or law.variance == 0:
        return True
    if law.distribution == "orthogonal":
        # As many random directions as examples must fit in.
        return max(law.fans) < 2 * examples
    return math.prod(law.fans) <= _MOST_WEIGHTS or (is_last and law.fans[1] <= _MOST_OUTPUTS)


def pass_through(
    rng: np.random.Generator,
    law: Law,
    entering: np.ndarray,
    is_last: bool = False,
    batch: int = 0,
    moments: np.ndarray | None = None,
) -> Passed:
    """Draw a layer for each network of a `batch`, a number, given what enters it.

    **Arguments:** `entering`, `(networks, examples, fan_in)`, and its `second_moments` where they are known.
    """
    networks, examples, _ = entering.shape
    if is_weight_by_weight(law, examples, is_last):
        weights = _weights(rng, law, networks, batch)
        return Passed(
            entering @ weights,
            np.einsum("nio,nio->no", weights, weights),
            lambda delta: delta @ weights.transpose(0, 2, 1),
        )
    if law.distribution == "orthogonal":
        size = max(law.fans)
        scale = math.sqrt(size * law.variance)
        norms = _norms(rng, law, networks, 2 * (1 - law.fans[0] / size))
        return Passed(
            scale * _rotated(rng, entering, law.fans[1], size, moments),
            # All of them together are as long as the orthonormal rows.
            norms * (law.fans[0] * law.variance / norms.mean(axis=1, keepdims=True)),
            lambda delta: scale * _rotated(rng, delta, law.fans[0], size),
        )
    std = math.sqrt(law.variance)
    return Passed(
        std * _mixed(rng, entering, law.fans[1], moments),
        _norms(rng, law, networks, 2 + EXCESS_KURTOSIS[law.distribution]),
        lambda delta: std * _mixed(rng, delta, law.fans[0]),
    )


def draw_numbers(
    rng: np.random.Generator, shape: tuple[int, ...], distribution: Distribution, variance: float
) -> np.ndarray:
    """Independent numbers around 0, in single precision."""
    std = np.float32(math.sqrt(variance))
    if distribution == "uniform":
        return np.asarray((rng.random(shape, np.float32) * 2 - 1) * (std * np.float32(math.sqrt(3))))
    numbers = rng.standard_normal(shape, np.float32)
    if distribution == "truncated normal":
        while (outside := np.flatnonzero(np.abs(numbers) > 2)).size:
            numbers.flat[outside] = rng.standard_normal(outside.size, np.float32)
        std /= np.float32(TRUNCATED_STD)
    numbers *= std
    return numbers


def second_moments(values: np.ndarray) -> np.ndarray:
    """Sums over units of products of two examples, `(networks, examples, examples)`, in double precision.

    **Arguments:** `values`, `(networks, examples, units)`.
    """
    # Squares of numbers in single precision overflow and vanish soon; gradients of examples differ by powers.
    scale = np.max(np.abs(values), axis=2, keepdims=True)
    scale[~(scale > 0)] = 1
    unit = values / scale
    products = (unit @ unit.transpose(0, 2, 1)).astype(np.float64)
    products *= scale.astype(np.float64)
    products *= scale.astype(np.float64).transpose(0, 2, 1)
    return products


def _weights(rng: np.random.Generator, law: Law, networks: int, batch: int) -> np.ndarray:
    if law.sample is not None:
        return law.sample(batch, networks)
    if law.variance == 0:
        return np.zeros((networks, *law.fans), np.float32)
    if law.distribution == "orthogonal":
        tall = rng.standard_normal((networks, max(law.fans), min(law.fans)), np.float32)
        q, r = np.linalg.qr(tall)
        q *= np.sign(np.einsum("nii->ni", r))[:, None] * np.float32(math.sqrt(max(law.fans) * law.variance))
        return np.asarray(q if law.fans[0] >= law.fans[1] else q.transpose(0, 2, 1))
    return draw_numbers(rng, (networks, *law.fans), law.distribution, law.variance)


def _norms(rng: np.random.Generator, law: Law, networks: int, spread: float) -> np.ndarray:
    """The squared norms of the columns, whose squared weights add up with a variance of `spread` each."""
    deviation = rng.standard_normal((networks, law.fans[1])) * math.sqrt(spread / law.fans[0])
    return law.fans[0] * law.variance * np.maximum(1 + deviation, 0.0)


def _root(moments: np.ndarray) -> np.ndarray:
    """The lower Cholesky factor of matrices of second moments."""
    raised = moments.copy()
    diagonal = np.einsum("nii->ni", raised)
    diagonal *= 1 + _JITTER
    diagonal += np.finfo(np.float64).tiny
    try:
        return np.linalg.cholesky(raised)
    except np.linalg.LinAlgError:
        # Numbers that are not finite, in some network.
        return np.full_like(moments, np.nan)


def _mixed(
    rng: np.random.Generator, entering: np.ndarray, units: int, moments: np.ndarray | None = None
) -> np.ndarray:
    """`entering` times a matrix of independent unit Gaussians, `(networks, examples, units)`."""
    networks, examples, _ = entering.shape
    drawn = rng.standard_normal((networks, examples, units), np.float32)
    root = _root(second_moments(entering) if moments is None else moments)
    return np.asarray(root.astype(np.float32) @ drawn)


def _rotated(
    rng: np.random.Generator,
    entering: np.ndarray,
    units: int,
    size: int,
    moments: np.ndarray | None = None,
) -> np.ndarray:
    """The first `units` coordinates of `entering` after a random rotation in `size` dimensions."""
    networks, examples, _ = entering.shape
    drawn = rng.standard_normal((networks, examples, size), np.float32)
    # Rows that are orthonormal: a Gaussian matrix, divided by the root of its own second moments.
    inverse = np.linalg.inv(np.linalg.cholesky(second_moments(drawn))).astype(np.float32)
    frame = inverse @ drawn[..., :units]
    root = _root(second_moments(entering) if moments is None else moments)
    return np.asarray(root.astype(np.float32) @ frame.astype(np.float32))
