"""Singular values of a member's Jacobians: layer by layer, dz(i)/dz(i−1) with z(0) = x, and end to end.

With J = diag(φ'(s)) Wᵀ each statistic has its own cheapest exact route. The root mean square is a Frobenius
norm, and the geometric mean one factorization of W per layer, whatever the examples. The arithmetic mean
needs the singular values themselves, which bring the largest along: square roots of eigenvalues of the Gram
matrix, at half an SVD's time or less. LAPACK computes them on the host, without the eigenvectors that XLA
would bring along, in double precision, so that squaring costs little, and while the devices go on.
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
from xavier_cli.training.devices import usable_cores


class Factors(NamedTuple):
    """What a member's Jacobians are made of: its parameters, and what its hidden layers met.

    `preactivations`, and what they were before layer normalization, `affine`, hold one array of shape
    `(examples, width)` per hidden layer; of other networks there are no `affine`.
    """

    params: Params
    preactivations: tuple[Array, ...]
    affine: tuple[Array, ...] = ()


@dataclass(frozen=True)
class SingularValues:
    """Singular values of one member's Jacobians, means over the examples.

    `averages` has `mean`, `rms`, `geometric_mean` and `max` of shape `(depth,)`, and the same of the whole
    network, dlogits/dx, of shape `()` behind `end_to_end_`. `values`, `(depth, index)`, falls along a layer;
    NaN past min(fans).
    """

    averages: Mapping[str, np.ndarray]
    values: np.ndarray


def factors(params: Params, x: Array, network: Network, batch: Array | None = None) -> Factors:
    """The factors of the Jacobians at `x` of shape `(examples, inputs)`; for the device.

    Batch normalization is by the statistics of `batch`, such examples too, which take the place of the
    running averages in the parameters; without one it is by the averages.
    """
    if batch is not None and network.normalization == "batch":
        params = with_batch_statistics(params, network.look(params, batch)[1])
    taps = network.forward(params, x)[1]
    return Factors(params, taps.preactivations, taps.affine if network.normalization == "layer" else ())


class JacobianMeter:
    """Measures Jacobians on the host's cores, beside the devices' own work.

    Nothing is dropped, and batch normalization is by the means and variances in a member's parameters, those
    of the probe batch, held fixed: an example's own Jacobian leaves out what it does to the others through
    them. `network` may be the activation of a plain one.
    """

    def __init__(self, network: Activation | Network):
        self._network = network if isinstance(network, Network) else Network(network)
        sloped = self._network.sloped
        act = self._network.act if sloped is None else sloped
        self._slope = jax.jit(jax.vmap(jax.grad(act), in_axes=(0,) if sloped is None else (0, None)))
        self._pool = ThreadPoolExecutor(usable_cores())

    def measure(self, grid: Factors, seeds: int, variants: int) -> list[list[Future[SingularValues]]]:
        """Start on the members of a grid of `seeds` × `variants`, the leading axes of each leaf of `grid`."""
        host = self._pool.submit(jax.device_get, grid)
        return [[self._pool.submit(self._member, host, i, j) for j in range(variants)] for i in range(seeds)]

    def _member(self, host: Future[Any], seed: int, variant: int) -> SingularValues:
        # The transfer was submitted first, so a thread that waits for it never keeps it from starting.
        return self.singular(*jax.tree.map(lambda leaf: leaf[seed, variant], host.result()))

    def singular(
        self, params: Params, preactivations: Sequence[np.ndarray], affine: Any = ()
    ) -> SingularValues:
        """Of one member's factors, on the host."""
        params = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), params)
        slopes = self.slopes(preactivations, params)
        if self._network.normalization == "batch":
            # A unit's factor, whatever the example: one with the weights.
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
        """φ'(s), in double precision: in single, a slope of tanh below 6e-8 would be 0, and its log lost."""
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
    """Of layer normalization at `affine` of shape `(examples, width)`; shape `(examples, width, width)`.

    scale/σ (1 − 1/n − x xᵀ/n), where x is what is scaled: mean and length pass nothing on.
    """
    assert norm is not None
    affine = affine.astype(np.float64)
    width = affine.shape[1]
    sigma = np.sqrt(affine.var(axis=1, keepdims=True) + EPSILON)
    x = (affine - affine.mean(axis=1, keepdims=True)) / sigma
    inner = np.eye(width) - 1 / width - x[:, :, None] * x[:, None, :] / width
    return (np.asarray(norm.scale) / sigma)[:, :, None] * inner


def singular_of(jacobians: Sequence[np.ndarray], weights: Sequence[np.ndarray]) -> SingularValues:
    """Singular values of explicit `jacobians`, one array of shape `(examples, fan_out, fan_in)` per layer.

    `weights` end with the output layer's. NaN where a number is not finite.
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


def averages(values: np.ndarray) -> dict[str, float]:
    """Averages over singular values, `(examples, index)` and falling, and then over the examples."""
    with np.errstate(divide="ignore"):
        logs = np.log(values).mean(axis=1)
    return {
        "mean": float(values.mean()),
        "rms": float(np.sqrt((values**2).mean(axis=1)).mean()),
        "geometric_mean": float(np.exp(logs).mean()),
        "max": float(values[:, 0].mean()),
    }


def singular(weights: Sequence[np.ndarray], slopes: Sequence[np.ndarray]) -> SingularValues:
    """Singular values from `weights`, `(fan_in, fan_out)` each, the output layer's last, and `slopes` φ'(s).

    `slopes` holds `(examples, fan_out)` for each hidden layer. NaN where a number is not finite.
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
    """All singular values of diag(slopes) weightᵀ, falling, shape `(examples, min(fans))`.

    From the smaller Gram matrix; where the layer does not widen, it is one of the weights alone that each
    example only scales.
    """
    fan_in, fan_out = weight.shape
    gram = weight.T @ weight if fan_in >= fan_out else None
    squares = np.full((len(slopes), min(fan_in, fan_out)), np.nan)
    for row, slope in zip(squares, slopes, strict=True):
        matrix = (weight * slope**2) @ weight.T if gram is None else slope[:, None] * gram * slope
        if np.all(np.isfinite(matrix)):
            row[:] = np.linalg.eigvalsh(matrix)[::-1]
    # Rounding can put the smallest a little below 0.
    values: np.ndarray = np.sqrt(np.maximum(squares, 0.0))
    return values


def layer_averages(weight: np.ndarray, slopes: np.ndarray, values: np.ndarray) -> dict[str, float]:
    """Averages over the singular values of a layer, and then over the examples.

    `values` are those of `layer_values`; the mean and the largest are read off them.
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
    """The same averages of dlogits/dx, over as many singular values as its narrowest layer lets through."""
    jacobian = np.broadcast_to(weights[-1].T, (len(slopes[0]), *weights[-1].T.shape))
    for weight, slope in zip(weights[-2::-1], slopes[::-1], strict=True):
        jacobian = (jacobian * slope[:, None, :]) @ weight.T
    if not np.all(np.isfinite(jacobian)):
        return dict.fromkeys(("mean", "rms", "geometric_mean", "max"), np.nan)
    count = min(min(weight.shape) for weight in weights)
    return averages(np.linalg.svd(jacobian, compute_uv=False)[:, :count])
