"""Draws whole networks in plain NumPy and takes their layer statistics, to see how far seeds differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import pairwise

import numpy as np
from scipy.special import erf, expit

SELU_A, SELU_L = np.float32(1.6732632423543772), np.float32(1.0507009873554805)
ROOT_TWO, GAUSS = np.float32(np.sqrt(2)), np.float32(np.sqrt(2 * np.pi))


def _tanh(s):
    z = np.tanh(s)
    return z, 1 - z * z


def _sigmoid(s):
    z = expit(s)
    return z, z * (1 - z)


def _softsign(s):
    t = 1 / (1 + np.abs(s))
    return s * t, t * t


def _rectifier(below):
    def act(s):
        slope = np.where(s > 0, np.float32(1), np.float32(below))
        return s * slope, slope

    return act


def _hard_tanh(s):
    return np.clip(s, -1, 1), (np.abs(s) < 1).astype(s.dtype)


def _exponential(a, scale):
    def act(s):
        grown = a * np.exp(np.minimum(s, 0))
        return scale * np.where(s > 0, s, grown - a), scale * np.where(s > 0, np.float32(1), grown)

    return act


def _gelu(s):
    below = (1 + erf(s / ROOT_TWO)) / 2
    return s * below, below + s * np.exp(-s * s / 2) / GAUSS


def _silu(s):
    p = expit(s)
    return s * p, p * (1 + s * (1 - p))


def _softplus(s):
    return np.logaddexp(s, np.float32(0)), expit(s)


ACTS: dict[str, Callable] = {
    "tanh": _tanh,
    "sigmoid": _sigmoid,
    "softsign": _softsign,
    "relu": _rectifier(0),
    "leaky_relu": _rectifier(0.01),
    "hard_tanh": _hard_tanh,
    "elu": _exponential(np.float32(1), np.float32(1)),
    "selu": _exponential(SELU_A, SELU_L),
    "gelu": _gelu,
    "silu": _silu,
    "softplus": _softplus,
    "sin": lambda s: (np.sin(s), np.cos(s)),
}


def _uniform(rng, fans):
    return (rng.random(fans, np.float32) * 2 - 1) * np.float32(np.sqrt(3))


def _normal(rng, fans):
    return rng.standard_normal(fans, np.float32)


def _truncated(rng, fans):
    drawn = rng.standard_normal(fans, np.float32)
    while (outside := np.abs(drawn) > 2).any():
        drawn[outside] = rng.standard_normal(int(outside.sum()), np.float32)
    return drawn / np.float32(0.87962566103423978)


def _orthogonal(rng, fans):
    tall = rng.standard_normal((max(fans), min(fans)), np.float32)
    q, r = np.linalg.qr(tall)
    q = q * np.sign(np.diag(r))
    return q if fans[0] >= fans[1] else np.ascontiguousarray(q.T)


# How a unit variance is drawn, and the variance of each layer by its fans; `auto` also takes the gain.
LAWS: dict[str, dict[str, Callable[[int, int], float]]] = {
    "uniform": {
        "standard": lambda i, o: 1 / (3 * i),
        "normalized": lambda i, o: 2 / (i + o),
        "normalized, gain auto": lambda i, o: 2 / (i + o),
        "lecun_uniform": lambda i, o: 1 / i,
    },
    "truncated": {"he_normal": lambda i, o: 2 / i},
    "normal": {"normal:std=1": lambda i, o: 1.0},
    "orthogonal": {"orthogonal": lambda i, o: 1.0},
}
DRAW = {"uniform": _uniform, "truncated": _truncated, "normal": _normal, "orthogonal": _orthogonal}


def networks(
    law: str,
    sizes: tuple[int, ...],
    images: np.ndarray,
    labels: np.ndarray,
    gains: Mapping[str, float],
    draws: int,
    seed: int = 0,
    spectra: Callable[[int, str], tuple[int, ...]] = lambda draw, init: (),
) -> Iterator[dict[tuple[str, str], dict[str, np.ndarray]]]:
    """One dictionary per draw: the statistics of `(activation, initializer)`, by name, one per layer.

    The weights of one draw are shared by all that scale them. `gains` names the activations and their gains;
    `spectra(draw, init)` the layers (from 0) of which singular values are taken, at the first image.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    x = np.ascontiguousarray(images, np.float32)
    hot = np.eye(sizes[-1], dtype=np.float32)[labels]
    fans = [*pairwise(sizes)]
    for draw in range(draws):
        weights = [DRAW[law](rng, each) for each in fans]
        first = x @ weights[0]
        yield {
            (act, init): _statistics(
                ACTS[act],
                variance,
                gain if "auto" in init else 1.0,
                weights,
                first,
                x,
                hot,
                spectra(draw, init),
            )
            for init, variance in LAWS[law].items()
            for act, gain in gains.items()
        }


def _statistics(act, variance, gain, weights, first, x, hot, spectra):
    last = len(weights) - 1
    scales = [
        np.float32(np.sqrt(variance(*each.shape)) * (gain if i < last else 1))
        for i, each in enumerate(weights)
    ]
    z, slopes, inputs = x, [], [x]
    for i, (weight, scale) in enumerate(zip(weights, scales, strict=True)):
        s = scale * (first if i == 0 else z @ weight)
        if i < last:
            z, slope = act(s)
            slopes.append(slope)
            inputs.append(z)
    p = np.exp(s - s.max(axis=1, keepdims=True))
    delta = p / p.sum(axis=1, keepdims=True) - hot
    deltas = [delta]
    for weight, scale, slope in zip(weights[:0:-1], scales[:0:-1], slopes[::-1], strict=True):
        delta = (delta @ weight.T) * (scale * slope)
        deltas.append(delta)
    deltas.reverse()
    singular = np.full(last, np.nan)
    for layer in spectra:
        matrix = scales[layer] * weights[layer] * slopes[layer][0]
        gram = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
        singular[layer] = np.sqrt(np.maximum(np.linalg.eigvalsh(gram.astype(np.float64)), 0)).mean()
    return {
        "activation_std": np.array([each.std(dtype=np.float64) for each in inputs[1:]]),
        "backprop_std": np.array([each.std(dtype=np.float64) for each in deltas[:-1]]),
        "weight_gradient_rms": np.array(
            [np.sqrt(np.mean(_mean_square(a) * _mean_square(d))) for a, d in zip(inputs, deltas, strict=True)]
        ),
        "rms_singular_value": np.array(
            [
                np.sqrt(np.sum((scale * weight * slope[0]) ** 2, dtype=np.float64) / min(weight.shape))
                for weight, scale, slope in zip(weights, scales, slopes, strict=False)
            ]
        ),
        "mean_singular_value": singular,
    }


def _mean_square(tensor):
    return np.einsum("ij,ij->i", tensor, tensor).astype(np.float64) / tensor.shape[1]
