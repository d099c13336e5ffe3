"""Measures the singular values of Jacobians dz(i)/dz(i−1), z(0) = x, and end to end (section 4.2.2).

With J = diag(φ'(s)) Wᵀ each statistic has its own cheapest exact method. The root mean square is a Frobenius
norm, and the geometric mean takes one factorization of W per layer, independent of the examples. The
arithmetic mean and the maximum need the singular values themselves: square roots of eigenvalues of the Gram
matrix, in half an SVD's time or less. LAPACK computes them on the host, without the eigenvectors that XLA
would compute too, in double precision, so that squaring loses little, and while the devices train.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import numpy as np
from jax import Array

from xavier_cli.nn.activations import Activation
from xavier_cli.nn.mlp import Dense, Norm, Params
from xavier_cli.nn.network import EPSILON, Network, with_batch_statistics
from xavier_cli.statistics.singular_values import AVERAGES, averages
from xavier_cli.training.cores import usable_cores


class Factors(NamedTuple):
    """What determines a network's Jacobians: its parameters, and the inputs of its activations."""

    params: Params
    preactivations: tuple[Array, ...]
    """s of each hidden layer, `(examples, width)`."""
    affine: tuple[Array, ...] = ()
    """z W + b of each hidden layer, `(examples, width)`, under layer normalization; else empty."""


@dataclass(frozen=True)
class SingularValues:
    """Singular values of one network's Jacobians, means over the examples."""

    averages: Mapping[str, np.ndarray]
    """`mean`, `rms`, `geometric_mean` and `max`, `(depth,)`, and, with the prefix `end_to_end_`, the same of
    dlogits/dx, `()`."""
    values: np.ndarray | None = None
    """Every singular value, `(depth, index)`, in descending order; NaN past min(fans). None where those
    between layers are not defined, as of custom networks."""


def factors(params: Params, x: Array, network: Network, batch: Array | None = None) -> Factors:
    """The factors of the Jacobians at `x`, `(examples, inputs)`; runs on the device.

    Batch normalization uses the statistics of `batch`, `(n, inputs)`, which replace the running averages in
    the returned parameters; without `batch` it uses the running averages.
    """
    if batch is not None and network.normalization == "batch":
        params = with_batch_statistics(params, network.look(params, batch)[1])
    taps = network.forward(params, x)[1]
    return Factors(params, taps.preactivations, taps.affine if network.normalization == "layer" else ())


class JacobianMeter:
    """Computes singular values of Jacobians on the host's cores, while the devices train.

    Dropout is off. Batch normalization uses the means and variances in the parameters, those of the probe
    batch, as constants: an example's Jacobian leaves out its effect on the statistics. `network` may be the
    activation of a plain one.
    """

    def __init__(self, network: Activation | Network):
        self._network = network if isinstance(network, Network) else Network(network)
        sloped = self._network.sloped
        act = self._network.act if sloped is None else sloped
        self._slope = jax.jit(jax.vmap(jax.grad(act), in_axes=(0,) if sloped is None else (0, None)))
        self._pool = ThreadPoolExecutor(len(usable_cores()))

    def measure(self, grid: Factors, seeds: int, variants: int) -> list[list[Future[SingularValues]]]:
        """Start computing for a grid of `seeds` × `variants`, the leading axes of each array of `grid`."""
        host = self._pool.submit(jax.device_get, grid)
        return [[self._pool.submit(self._member, host, i, j) for j in range(variants)] for i in range(seeds)]

    def _member(self, host: Future[Any], seed: int, variant: int) -> SingularValues:
        # The transfer was submitted first, so a thread that waits for it never keeps it from starting.
        return self.singular(*jax.tree.map(lambda leaf: leaf[seed, variant], host.result()))

    def singular(
        self, params: Params, preactivations: Sequence[np.ndarray], affine: Any = ()
    ) -> SingularValues:
        """The singular values of one network from its `Factors`, as NumPy arrays."""
        params = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params)
        slopes = self.slopes(preactivations, params)
        if self._network.normalization == "batch":
            # The same factor for every example, so part of the weights.
            params = tuple(_folded(layer) for layer in params)
        weights = [np.asarray(layer.weight) for layer in params]
        if self._network.normalization != "layer" and not self._network.residual:
            return singular(weights, slopes)
        layers = []
        for number, (weight, slope) in enumerate(zip(weights, slopes, strict=False)):
            jacobian = np.broadcast_to(weight.T, (len(slope), *weight.T.shape))
            if self._network.normalization == "layer":
                jacobian = layer_norm_jacobians(params[number].norm, np.asarray(affine[number])) @ jacobian
            jacobian = slope[:, :, None] * jacobian
            if self._network.skips(number, params[number]):
                jacobian = jacobian + np.eye(len(weight))
            layers.append(jacobian)
        return singular_of(layers, weights)

    def slopes(self, preactivations: Sequence[np.ndarray], params: Params = ()) -> list[np.ndarray]:
        """φ'(s) of each hidden layer, `(examples, width)`, in float64.

        In float32 slopes of tanh below 6e-8 would be 0, and the geometric mean lost.
        """
        learned = [() if self._network.sloped is None else (layer.slope,) for layer in params[:-1]]
        with jax.enable_x64(True):
            return [
                np.asarray(self._slope(np.asarray(s, np.float64).ravel(), *own)).reshape(s.shape)
                for s, own in zip(preactivations, learned or [()] * len(preactivations), strict=True)
            ]


def _folded(layer: Dense) -> Dense:
    norm = layer.norm
    if norm is None or norm.variance is None:
        return layer
    return layer._replace(weight=layer.weight * (norm.scale / np.sqrt(norm.variance + EPSILON)))


def layer_norm_jacobians(norm: Norm | None, affine: np.ndarray) -> np.ndarray:
    """The Jacobians of layer normalization at `affine`, `(examples, width)`; `(examples, width, width)`.

    scale/σ (1 − 1/n − x xᵀ/n) with x the normalized input and n the width (Ba et al. 2016).
    """
    assert norm is not None
    affine = affine.astype(np.float64)
    width = affine.shape[1]
    sigma = np.sqrt(affine.var(axis=1, keepdims=True) + EPSILON)
    x = (affine - affine.mean(axis=1, keepdims=True)) / sigma
    inner = np.eye(width) - 1 / width - x[:, :, None] * x[:, None, :] / width
    return (np.asarray(norm.scale) / sigma)[:, :, None] * inner


def singular_of(jacobians: Sequence[np.ndarray], weights: Sequence[np.ndarray]) -> SingularValues:
    """Singular values of explicit `jacobians`, `(examples, fan_out, fan_in)` for each hidden layer.

    `weights` are `(fan_in, fan_out)`, the output layer's last. NaN where a number is not finite.
    """
    layers = [_svd(jacobian) for jacobian in jacobians]
    whole = jacobians[0]
    for jacobian in jacobians[1:]:
        whole = jacobian @ whole
    count = min(min(weight.shape) for weight in weights)
    return _as_singular(
        layers, [averages(values) for values in layers], averages(_svd(weights[-1].T @ whole)[:, :count])
    )


def _svd(jacobians: np.ndarray) -> np.ndarray:
    if not np.all(np.isfinite(jacobians)):
        return np.full((len(jacobians), min(jacobians.shape[1:])), np.nan)
    return np.asarray(np.linalg.svd(jacobians, compute_uv=False))


def singular(weights: Sequence[np.ndarray], slopes: Sequence[np.ndarray]) -> SingularValues:
    """Singular values of a plain network's Jacobians.

    **Arguments:** `weights`, `(fan_in, fan_out)`, the output layer's last; `slopes`, φ'(s) of each hidden
    layer, `(examples, fan_out)`. NaN where a number is not finite.
    """
    layers = [layer_values(*layer) for layer in zip(weights, slopes, strict=False)]
    each = [layer_averages(*layer) for layer in zip(weights, slopes, layers, strict=False)]
    return _as_singular(layers, each, end_to_end_averages(weights, slopes))


def _as_singular(
    layers: Sequence[np.ndarray], per_layer: Sequence[Mapping[str, float]], whole: Mapping[str, float]
) -> SingularValues:
    longest = max(values.shape[1] for values in layers)
    padded = [
        np.pad(values.mean(axis=0), (0, longest - values.shape[1]), constant_values=np.nan)
        for values in layers
    ]
    return SingularValues(
        {name: np.array([layer[name] for layer in per_layer]) for name in whole}
        | {f"end_to_end_{name}": np.array(value) for name, value in whole.items()},
        np.stack(padded),
    )


def layer_values(weight: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """All singular values of diag(slopes) weightᵀ in descending order, `(examples, min(fans))`.

    From the smaller of the two Gram matrices; where the layer does not widen, it is that of the weights,
    which each example only scales.
    """
    fan_in, fan_out = weight.shape
    gram = weight.T @ weight if fan_in >= fan_out else None
    squares = np.full((len(slopes), min(fan_in, fan_out)), np.nan)
    for row, slope in zip(squares, slopes, strict=True):
        matrix = (weight * slope**2) @ weight.T if gram is None else slope[:, None] * gram * slope
        if np.all(np.isfinite(matrix)):
            row[:] = np.linalg.eigvalsh(matrix)[::-1]
    # Rounding can make the smallest slightly negative.
    values: np.ndarray = np.sqrt(np.maximum(squares, 0.0))
    return values


def layer_averages(weight: np.ndarray, slopes: np.ndarray, values: np.ndarray) -> dict[str, float]:
    """Averages over the singular values of a layer, then over the examples.

    `values` are those of `layer_values`, for the mean and the maximum.
    """
    count = values.shape[1]
    squared_norm = (slopes**2) @ np.sum(weight**2, axis=0)
    return {
        "mean": float(values.mean()),
        "rms": float(np.mean(np.sqrt(squared_norm / count))),
        "geometric_mean": float(np.mean(np.exp(_log_volume(weight, slopes) / count))),
        "max": float(values[:, 0].mean()),
    }


def _log_volume(weight: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """The sum of the logarithms of the singular values of diag(slopes) weightᵀ, shape `(examples,)`."""
    fan_in, fan_out = weight.shape
    if not (np.all(np.isfinite(weight)) and np.all(np.isfinite(slopes))):
        return np.full(len(slopes), np.nan)
    with np.errstate(divide="ignore"):
        if fan_in < fan_out:
            return 0.5 * np.array([np.linalg.slogdet((weight * s**2) @ weight.T)[1] for s in slopes])
        # The volume of a product with a square factor is the product of volumes; an LU for a square weight.
        square = weight if fan_in == fan_out else np.linalg.qr(weight, mode="r")
        logs: np.ndarray = np.log(np.abs(slopes)).sum(axis=1)
        return logs + np.linalg.slogdet(square)[1]


def end_to_end_averages(weights: Sequence[np.ndarray], slopes: Sequence[np.ndarray]) -> dict[str, float]:
    """The averages of dlogits/dx, over as many singular values as the narrowest layer is wide."""
    jacobian = np.broadcast_to(weights[-1].T, (len(slopes[0]), *weights[-1].T.shape))
    for weight, slope in zip(weights[-2::-1], slopes[::-1], strict=True):
        jacobian = (jacobian * slope[:, None, :]) @ weight.T
    if not np.all(np.isfinite(jacobian)):
        return dict.fromkeys(AVERAGES, np.nan)
    count = min(min(weight.shape) for weight in weights)
    return averages(np.linalg.svd(jacobian, compute_uv=False)[:, :count])
