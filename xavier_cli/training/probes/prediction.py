"""Predicts a configuration's networks at initialization by theory, as arrays of its run file."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import replace
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from xavier_cli.config.run import RunConfig
from xavier_cli.data.spread import spread_over
from xavier_cli.nn.activations import make_activation
from xavier_cli.nn.initializers import make_initializer
from xavier_cli.nn.losses import LOSSES
from xavier_cli.nn.mlp import layer_sizes
from xavier_cli.theory.gain import resolve_gain
from xavier_cli.theory.jacobian import predict_singular_values
from xavier_cli.theory.scope import unpredictable
from xavier_cli.theory.shape import shape_of
from xavier_cli.theory.softmax import cross_entropy_top
from xavier_cli.theory.variance import backprop_seconds, logits_variance, make_net, predict, run_maps
from xavier_cli.training.probes.drawn_layers import Law
from xavier_cli.training.probes.seed_spread import spread_of_seeds
from xavier_cli.training.probes.simulated_networks import RandomNetwork
from xavier_cli.vocabulary.entry import InitializerEntry

_DRAWS = 100_000
_SPREADS = ("sd", "low", "high")


def predict_run(
    config: RunConfig, images: np.ndarray, labels: np.ndarray, classes: int
) -> dict[str, np.ndarray]:
    """The `theory/` group of a run: predictions of record 0 by equations (5) to (7) for any activation.

    **Arguments:** `images`, `(examples, inputs)`, the decoded probe images; `labels`, `(examples,)`.

    **Returns:** float64 arrays by path in the run file. A statistic comes with its relative standard
    deviation over seeds, `…_sd`, and with bounds that one seed in a million is below, `…_low`, and above,
    `…_high`, as shares of the prediction, where they can be told. Empty where `unpredictable` or the
    configuration's `unpredicted_reason` gives a reason.
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
    top = cross_entropy_top(logits_variance(net, maps), classes)
    expected = predict(net, maps, top)
    # Jacobians are measured on few of the images, and predicted on the same ones.
    few = spread_over(len(images), config.jacobian_examples) if config.jacobian_examples else np.arange(0)
    of_few = maps._replace(**{name: values[few] for name, values in maps._asdict().items()})
    singular = predict_singular_values(act, kinks, net, of_few) if len(few) else None
    arrays = {
        # Exactly 0 by symmetry, where the quadrature leaves a last digit.
        "activation_mean": np.where(np.abs(expected.activation_mean) < 1e-9, 0.0, expected.activation_mean),
        "activation_std": expected.activation_std,
        "backprop_step": np.append(expected.backprop_steps, math.nan),
    }
    if config.loss == "cross_entropy":
        # Var dC/ds of the logits is known for cross-entropy; the ratios between layers hold for any loss.
        arrays |= {
            "backprop_std": expected.backprop_std,
            "weight_gradient_rms": expected.weight_gradient_rms,
        }
    if singular:
        arrays |= {f"{name}_singular_value": values for name, values in singular._asdict().items()}
    network = RandomNetwork(
        act,
        kinks,
        LOSSES[config.loss],
        [
            Law(of, variance, law.distribution, _sampler(row, at, of, gain if at < config.depth else 1.0))
            for at, (row, law, of, variance) in enumerate(
                zip(rows, laws, fans, net.weight_variances, strict=True)
            )
        ],
        (bias.distribution, net.bias_variances),
        maps,
        backprop_seconds(net, maps, top),
        few,
        singular,
    )
    spreads = spread_of_seeds(network, images, labels)
    for name in [*arrays]:
        for what in _SPREADS:
            if (found := spreads.get(f"{name}_{what}")) is not None:
                arrays[f"{name}_{what}"] = found
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


def _sampler(
    word: InitializerEntry, layer: int, fans: tuple[int, int], gain: float
) -> Callable[[int, int], np.ndarray] | None:
    """Draws `(count, fan_in, fan_out)` by the initializer itself, where weights are not of a known kind."""
    if word.distribution not in ("own", "sparse normal"):
        return None
    initializer = make_initializer(word, gain, shapes=(fans,))
    program = jax.jit(jax.vmap(lambda key: initializer(key, fans, jnp.float32)))

    def sample(batch: int, count: int) -> np.ndarray:
        of_batch = jax.random.fold_in(jax.random.fold_in(jax.random.key(0), batch), layer)
        return np.asarray(program(jax.random.split(of_batch, count)))

    return sample


def _draws(initializer: Any, fans: tuple[int, int]) -> np.ndarray:
    """Whole matrices, at least `_DRAWS` weights, drawn under `jit` as in training."""
    keys = jax.random.split(jax.random.key(0), math.ceil(_DRAWS / math.prod(fans)))
    return np.asarray(jax.jit(jax.vmap(lambda key: initializer(key, fans, jnp.float32)))(keys), np.float64)


def _mean(weights: np.ndarray, fan_in: int) -> float:
    """The weights' mean; 0 where it is within chance, or negligible when summed over a unit's inputs."""
    mean, std = float(weights.mean()), float(weights.std())
    is_chance = abs(mean) * math.sqrt(weights.size) < 5 * std
    return 0.0 if is_chance or abs(mean) * math.sqrt(fan_in) < 0.1 * std else mean
