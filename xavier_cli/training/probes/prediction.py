"""Predicts a configuration's networks at initialization by theory, as arrays of its run file."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import replace
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from xavier_cli.config.run import RunConfig
from xavier_cli.nn.activations import make_activation
from xavier_cli.nn.initializers import make_initializer
from xavier_cli.nn.mlp import layer_sizes
from xavier_cli.theory.gain import resolve_gain
from xavier_cli.theory.jacobian import predict_singular_values
from xavier_cli.theory.sampling import sampling_deviations
from xavier_cli.theory.scope import unpredictable
from xavier_cli.theory.shape import shape_of
from xavier_cli.theory.softmax import cross_entropy_top
from xavier_cli.theory.variance import logits_variance, make_net, predict, run_maps
from xavier_cli.training.probes.evaluation import spread_over
from xavier_cli.vocabulary.entry import Distribution, InitializerEntry

_DRAWS = 100_000
_EXCESS_KURTOSIS: dict[Distribution, float] = {
    "uniform": -1.2,
    "normal": 0.0,
    "truncated normal": -0.6317,
}


def predict_run(
    config: RunConfig, images: np.ndarray, labels: np.ndarray, classes: int
) -> dict[str, np.ndarray]:
    """The `theory/` group of a run: predictions of record 0 by equations (5) to (7) for any activation.

    **Arguments:** `images`, `(examples, inputs)`, the decoded probe images; `labels`, `(examples,)`.

    **Returns:** float64 arrays by path in the run file. Every statistic comes with its standard deviation
    over draws of the weights, `…_sd`, where one is known. Empty where `unpredictable` or the configuration's
    `unpredicted_reason` gives a reason.
    """
    if config.unpredicted_reason:
        return {}
    sizes = layer_sizes(images.shape[1], config.depth, config.width, classes)
    rows, fans = config.layer_initializers, [*pairwise(sizes)]
    of_row = {row: {each for at, each in zip(rows, fans, strict=True) if at == row} for row in rows}
    known = {row: _known(row, shapes) for row, shapes in of_row.items()}
    laws = [known[row] for row in rows]
    bias = _known(config.bias_initializer, {*fans})
    if unpredictable(laws, bias):
        return {}
    act = make_activation(config.activation)
    _, kinks = shape_of(config.activation, act)
    gain = resolve_gain(config.init_gain, act, kinks)
    net = make_net(sizes, laws, gain, bias)
    images = images.astype(np.float64)
    maps = run_maps(act, kinks, net, np.mean(images**2, axis=1))
    expected = predict(net, maps, cross_entropy_top(logits_variance(net, maps), classes))
    # Jacobians are measured on few of the images, and predicted on the same ones.
    few = spread_over(len(images), config.jacobian_examples) if config.jacobian_examples else np.arange(0)
    kurtoses = [_EXCESS_KURTOSIS.get(law.distribution, 0.0) for law in laws]
    of_bias = _EXCESS_KURTOSIS.get(bias.distribution, 0.0)
    deviations = sampling_deviations(act, kinks, net, images, labels, few, kurtoses, of_bias)
    arrays = {
        # Exactly 0 by symmetry, where the quadrature leaves a last digit.
        "activation_mean": np.where(np.abs(expected.activation_mean) < 1e-9, 0.0, expected.activation_mean),
        "activation_std": expected.activation_std,
        "activation_std_sd": deviations.activation_std,
        "backprop_step": np.append(expected.backprop_steps, math.nan),
        "backprop_step_sd": np.append(deviations.backprop_step, math.nan),
    }
    if config.loss == "cross_entropy":
        # Var dC/ds of the logits is known for cross-entropy; the ratios between layers hold for any loss.
        arrays |= {
            "backprop_std": expected.backprop_std,
            "backprop_std_sd": deviations.backprop_std,
            "weight_gradient_rms": expected.weight_gradient_rms,
            "weight_gradient_rms_sd": deviations.weight_gradient_rms,
        }
    if len(few):
        of_few = maps._replace(**{name: values[few] for name, values in maps._asdict().items()})
        for name, values in predict_singular_values(act, kinks, net, of_few)._asdict().items():
            arrays[f"{name}_singular_value"] = values
            if name != "geometric_mean":
                arrays[f"{name}_singular_value_sd"] = deviations.rms_singular_value
    if not all(law.is_independent or law.name == "zeros" for law in laws):
        # The sampling deviations assume independently drawn weights.
        arrays = {name: values for name, values in arrays.items() if not name.endswith("_sd")}
    return {f"theory/{name}": np.asarray(values, np.float64) for name, values in arrays.items()}


def _known(word: InitializerEntry, shapes: Collection[tuple[int, int]]) -> InitializerEntry:
    """`word`; a custom initializer gets its mean and its variance for each two fans measured on draws."""
    if word.distribution != "own":
        return word
    initializer = make_initializer(word, shapes=shapes)
    drawn = {fans: _draws(initializer, fans) for fans in shapes}
    mean = max((_mean(weights, fans[0]) for fans, weights in drawn.items()), key=abs)
    variances = {fans: float(weights.var()) for fans, weights in drawn.items()}
    return replace(word, mean=mean, variance=lambda *fans: variances[fans])


def _draws(initializer: Any, fans: tuple[int, int]) -> np.ndarray:
    """Whole matrices, at least `_DRAWS` weights, drawn under `jit` as in training."""
    keys = jax.random.split(jax.random.key(0), math.ceil(_DRAWS / math.prod(fans)))
    return np.asarray(jax.jit(jax.vmap(lambda key: initializer(key, fans, jnp.float32)))(keys), np.float64)


def _mean(weights: np.ndarray, fan_in: int) -> float:
    """The weights' mean; 0 where it is within chance, or negligible when summed over a unit's inputs."""
    mean, std = float(weights.mean()), float(weights.std())
    is_chance = abs(mean) * math.sqrt(weights.size) < 5 * std
    return 0.0 if is_chance or abs(mean) * math.sqrt(fan_in) < 0.1 * std else mean
