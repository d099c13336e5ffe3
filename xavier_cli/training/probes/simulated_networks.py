"""Simulates networks at initialization on some probe images, and compares them with their prediction."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xavier_cli.nn.losses import Loss, logits_gradient
from xavier_cli.theory.jacobian import PredictedSingularValues, Response, respond_to_slopes, spread_of_mean
from xavier_cli.theory.variance import Maps
from xavier_cli.training.probes.drawn_layers import (
    EXCESS_KURTOSIS,
    Law,
    draw_numbers,
    is_known,
    pass_through,
)
from xavier_cli.vocabulary.entry import Distribution


@dataclass(frozen=True)
class RandomNetwork:
    """A configuration's network before it is drawn, and what theory predicts of it.

    `laws` are those of the layers of weights, the output's last; `bias` says how biases are drawn, with their
    variances. `backprop` is E (dC/ds)² of each image up to a factor, `(images, depth + 1)`; `singular_values`
    are of the images `few`, by their indices.
    """

    act: Callable[[Array], Array]
    kinks: Sequence[float]
    loss: Loss
    laws: Sequence[Law]
    bias: tuple[Distribution, Sequence[float]]
    maps: Maps
    backprop: np.ndarray
    few: np.ndarray
    singular_values: PredictedSingularValues | None

    @property
    def depth(self) -> int:
        """The number of hidden layers."""
        return len(self.laws) - 1

    @property
    def is_known(self) -> bool:
        """Whether all that is random can be drawn."""
        of_bias = not any(self.bias[1]) or self.bias[0] in EXCESS_KURTOSIS
        return of_bias and all(map(is_known, self.laws))

    @cached_property
    def responses(self) -> list[Response | None]:
        """How each hidden layer's mean singular value depends on slopes; None where weights are dependent."""
        return [
            respond_to_slopes(
                self.act,
                self.kinks,
                law.fans[1] / law.fans[0],
                np.sqrt(self.maps.preactivation_second[self.few, layer]),
            )
            if law.distribution in EXCESS_KURTOSIS
            else None
            for layer, law in enumerate(self.laws[:-1])
        ]


class Passes(NamedTuple):
    """Mean squares and means over units of a batch of networks, `(networks, layers, examples)` each."""

    inputs: np.ndarray
    """Mean squares of x and of z, one layer per layer of weights."""
    means: np.ndarray
    """Of z; hidden layers."""
    backprop: np.ndarray
    """Mean squares of dC/ds, the logits' last."""
    backprop_means: np.ndarray
    """Of dC/ds; hidden layers."""
    singular: dict[str, np.ndarray]
    """Singular values of each Jacobian, relative to what is predicted of all, by name of the statistic."""


def draw_networks(
    rng: np.random.Generator,
    network: RandomNetwork,
    x: np.ndarray,
    moments: np.ndarray,
    labels: np.ndarray,
    of_few: np.ndarray,
    batch: int,
) -> Passes:
    """Draw a batch of networks.

    **Arguments:** `x`, `(networks, examples, inputs)` in single precision, whose last examples are those of
    Jacobians: the images `network.few[of_few]`, `of_few` of shape `(networks, jacobians)`; `moments`, the
    `second_moments` of `x`; `labels` of the others, `(networks, examples)`; `batch`, the batch's number.
    """
    examples, last = labels.shape[1], network.depth
    z, means, slopes, layers = x, [], [], []
    inputs = [np.einsum("nii->ni", moments)[:, :examples] / x.shape[2]]
    singular: dict[str, list[np.ndarray]] = {}
    for i, law in enumerate(network.laws):
        passed = pass_through(rng, law, z, i == last, batch, None if i else moments)
        s, variance = passed.output, network.bias[1][i] if network.bias[1] else 0.0
        if variance:
            s = s + draw_numbers(rng, (len(z), 1, law.fans[1]), network.bias[0], variance)
        layers.append(passed)
        if i == last:
            break
        z, slope = (np.asarray(part) for part in _value_and_slope(network.act)(s))
        inputs.append(_mean_squares(z[:, :examples]))
        means.append(z[:, :examples].mean(axis=2, dtype=np.float64))
        slopes.append(slope[:, :examples])
        if of_few.shape[1]:
            of_layer = _singular_values(
                rng, network, i, np.abs(slope[:, examples:]), passed.squared_norms, of_few
            )
            for name, values in of_layer.items():
                singular.setdefault(name, []).append(values)
        if i == last - 1:
            z = z[:, :examples]
    delta = np.asarray(_top(network.loss)(s, labels))
    backprop, backprop_means = [_mean_squares(delta)], []
    for passed, slope in zip(layers[:0:-1], slopes[::-1], strict=True):
        delta = passed.back(delta) * slope
        backprop.append(_mean_squares(delta))
        backprop_means.append(delta.mean(axis=2, dtype=np.float64))
    return Passes(
        np.stack(inputs, axis=1),
        np.stack(means, axis=1),
        np.stack(backprop[::-1], axis=1),
        np.stack(backprop_means[::-1], axis=1),
        {name: np.stack(values, axis=1) for name, values in singular.items()},
    )


def together(parts: Sequence[Passes]) -> Passes:
    """Batches of networks as one."""
    return jax.tree.map(lambda *arrays: np.concatenate(arrays), *parts)


def log_ratios(
    network: RandomNetwork, passes: Passes, chosen: np.ndarray, group: slice, few_group: slice
) -> dict[str, np.ndarray]:
    """Logarithms of the statistics over their predictions, `(networks, layers)`, by name.

    Only the examples of `group` are used, and the Jacobians of `few_group`. `chosen` are the images of the
    examples, `(networks, examples)`. Both statistic and prediction are of the same images, so that it matters
    little which ones they are.
    """
    images = len(network.maps.inputs)
    at = chosen[:, group]

    def of_images(predicted: np.ndarray) -> np.ndarray:
        return predicted[at].transpose(0, 2, 1)

    def centred(squares: np.ndarray, means: np.ndarray) -> np.ndarray:
        """The variance over units and all images, from those of the examples."""
        count = means.shape[2]
        own = np.mean(means**2, axis=2)
        pairs = (np.sum(means, axis=2) ** 2 - count * own) / max(count * (count - 1), 1)
        return np.mean(squares, axis=2) - own / images - pairs * (1 - 1 / images)

    inputs, backprop = passes.inputs[..., group], passes.backprop[..., group]
    expected_inputs = of_images(np.column_stack([network.maps.inputs, network.maps.second]))
    expected_backprop = of_images(network.backprop)
    ratios = {
        "activation_std": centred(inputs[:, 1:], passes.means[..., group])
        / centred(expected_inputs[:, 1:], of_images(network.maps.mean)),
        "backprop_std": centred(backprop[:, :-1], passes.backprop_means[..., group])
        / np.mean(expected_backprop[:, :-1], axis=2),
        "weight_gradient_rms": np.mean(inputs * backprop, axis=2)
        / np.mean(expected_inputs * expected_backprop, axis=2),
    }
    logs = {name: np.log(ratio) / 2 for name, ratio in ratios.items()}
    logs["backprop_step"] = np.diff(logs["backprop_std"], axis=1, append=math.nan)
    for name, values in passes.singular.items():
        logs[name] = np.log(np.mean(values[..., few_group], axis=2))
    return logs


def _singular_values(
    rng: np.random.Generator,
    network: RandomNetwork,
    layer: int,
    slopes: np.ndarray,
    squared_norms: np.ndarray,
    of_few: np.ndarray,
) -> dict[str, np.ndarray]:
    """RMS and mean singular value of a layer's Jacobians over what is predicted, `(networks, jacobians)`.

    **Arguments:** `slopes`, |φ'|, `(networks, jacobians, units)`; `squared_norms`, of each unit's weights.
    The mean follows from the slopes to first order, and has a spread of its own from the weights.
    """
    law, predicted = network.laws[layer], network.singular_values
    assert predicted is not None
    fans, smaller = law.fans, min(law.fans)
    squares = np.einsum("nio,no->ni", slopes.astype(np.float64) ** 2, squared_norms)
    values = {"rms_singular_value": np.sqrt(squares / smaller) / predicted.rms[layer]}
    if law.distribution == "orthogonal" and fans[1] <= fans[0]:
        # With orthonormal weights the slopes are the singular values.
        mean = math.sqrt(fans[0] * law.variance) * slopes.mean(axis=2, dtype=np.float64)
        values["mean_singular_value"] = mean / predicted.mean[layer]
        return values
    response = network.responses[layer]
    if response is None:
        values["mean_singular_value"] = np.full(of_few.shape, math.nan)
        return values
    place = slopes * np.float32(
        (len(response.slopes) - 1) / max(response.slopes[-1], np.finfo(np.float32).tiny)
    )
    below = np.minimum(place.astype(np.int32), len(response.slopes) - 2)
    left, right = (response.influence[of_few[..., None], below + i] for i in (0, 1))
    seen = np.mean(left + (right - left) * (place - below), axis=2)
    kurtosis = EXCESS_KURTOSIS[law.distribution]
    own = math.sqrt(spread_of_mean(smaller / max(fans), kurtosis)) / smaller
    weights = 1 + own * rng.standard_normal((len(slopes), 1))
    # To first order no unit would still be some.
    values["mean_singular_value"] = np.where(
        np.any(slopes > 0, axis=2), response.share[of_few] * np.maximum(1 + seen, 0.0) * weights, 0.0
    )
    return values


def _mean_squares(values: np.ndarray) -> np.ndarray:
    """Over units, in double precision; `values` is `(networks, examples, units)`."""
    # Squares of numbers in single precision overflow and vanish soon.
    scale = np.max(np.abs(values), axis=(1, 2))
    scale[~(scale > 0)] = 1
    unit = values / scale[:, None, None]
    squares = np.einsum("neu,neu->ne", unit, unit).astype(np.float64) / values.shape[2]
    return np.asarray(squares * scale.astype(np.float64)[:, None] ** 2)


@cache
def _value_and_slope(act: Callable[[Array], Array]) -> Callable[[np.ndarray], tuple[Array, Array]]:
    return jax.jit(lambda s: jax.jvp(act, (s,), (jnp.ones_like(s),)))


@cache
def _top(loss: Loss) -> Callable[[np.ndarray, np.ndarray], Array]:
    """dC/dlogits of batches of networks, `(networks, examples, classes)`."""
    return jax.jit(jax.vmap(partial(logits_gradient, loss)))
