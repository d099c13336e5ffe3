"""Pre-trains the hidden layers in turn: each learns to reconstruct its input, the layers below being fixed.

Every layer is trained for `pretrain_updates` batches of unlabelled images, which pass through the layers
below by the network's own activation. Training then starts from the weights and hidden biases; the output
layer stays as initialized.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xavier_cli.config.run import RunConfig
from xavier_cli.nn.activations import Activation
from xavier_cli.nn.mlp import Dense, Params
from xavier_cli.training.pretraining.autoencoder import autoencoder_gradient, masked
from xavier_cli.training.pretraining.boltzmann import divergence
from xavier_cli.training.pretraining.units import FactoredGradient, Units
from xavier_cli.training.step.member import LARGEST_FACTOR, MemberState, first_divergence


class Pretraining(NamedTuple):
    """The state of pre-training besides the weights."""

    visible: tuple[Array, ...]
    """The biases of the reconstruction of each hidden layer's input, `(fan_in,)` each."""
    errors: Array
    """Sums of the reconstruction errors between two records, `(depth, records)`."""


Gradient = Callable[[Dense, Array, Array, Array], FactoredGradient]
"""`(layer, visible, x, key) -> gradient` of one layer for a batch `x` of its inputs, `(batch, fan_in)`."""

Pretrain = Callable[[MemberState, Array, Array, Array, Callable[[Array], Array], Array, Array], MemberState]
"""`(state, layer, first, last, batch_start, x, key) -> state`: consecutive updates of one hidden layer.

Updates `first` to `last − 1`, counted through all layers. `x` are the images of a chunk, `(examples,
inputs)`; `batch_start(update)` is the index of the first image of an update's batch.
"""


def begin_pretraining(params: Params, records: int) -> Pretraining:
    """The state before the first update; `records` is the number of reconstruction errors of each layer."""
    # Computed from the weights, so that it varies over devices as they do.
    visible = tuple(layer.weight[:, 0] * 0 for layer in params[:-1])
    return Pretraining(visible, jnp.zeros((len(visible), records)) + visible[0][0])


def units_below(config: RunConfig, number: int, range_: tuple[float, float]) -> Units:
    """The units in which hidden layer `number`, counted from 0, reconstructs its input.

    Binary, of the two ends of the range of the input (the coding, or the activation below), or Gaussian where
    that is unbounded, as for standardized images. A Boltzmann machine's are also Gaussian for images not
    coded to [0, 1], whose greys are no probabilities, unless `visible=binary`.
    """
    if number:
        return Units(*range_)
    asked = config.pretraining.parameter_values.get("visible", "binary")
    is_gaussian = asked == "gaussian" or (asked == "auto" and config.coding != (0.0, 1.0))
    return Units() if is_gaussian or isinstance(config.coding, str) else Units(*config.pixel_range)


def make_gradient(config: RunConfig, act: Activation, range_: tuple[float, float], number: int) -> Gradient:
    """The gradient of hidden layer `number`, counted from 0; `range_` is that of the activation."""
    settings, units = config.pretraining.parameter_values, units_below(config, number, range_)
    if "noise" in settings:
        noise = float(settings["noise"])
        return lambda layer, visible, x, key: autoencoder_gradient(
            layer, visible, masked(key, x, noise), x, act, units
        )
    # For the range of the sigmoid or tanh the mean of a binary unit is that activation.
    hidden = Units(*range_) if math.isfinite(range_[1] - range_[0]) else Units(0.0, 1.0)
    steps = int(settings["steps"])
    return lambda layer, visible, x, key: divergence(layer, visible, x, key, units, hidden, steps)


def make_pretraining(config: RunConfig, act: Activation, range_: tuple[float, float]) -> Pretrain:
    """Consecutive pre-training updates of one member; `range_` is the closure of the range of `act`."""
    every, rate, batch = config.pretrain_every, config.pretrain_lr, config.batch_size

    def make_multi_step(number: int) -> Callable[..., MemberState]:
        gradient = make_gradient(config, act, range_, number)

        def multi_step(
            state: MemberState,
            first: Array,
            last: Array,
            batch_start: Callable[[Array], Array],
            x: Array,
            key: Array,
        ) -> MemberState:
            # The whole chunk at once, since the layers below are fixed.
            for below in state.params[:number]:
                x = act(x @ below.weight + below.bias)
            kept = state.pretraining

            def update(
                t: Array, carry: tuple[Dense, Array, Array, Array]
            ) -> tuple[Dense, Array, Array, Array]:
                layer, visible, errors, diverged_at = carry
                given = jax.lax.dynamic_slice_in_dim(x, batch_start(t), batch)
                factored = gradient(layer, visible, given, jax.random.fold_in(key, t))
                finite = jnp.all(jnp.abs(factored.left) < LARGEST_FACTOR)
                finite &= jnp.all(rate * jnp.abs(factored.right) < LARGEST_FACTOR)
                alive = finite & (diverged_at < 0)
                left, right, down, up = (jnp.where(alive, each, 0.0) for each in factored[:4])
                at = (t - number * config.pretrain_updates) // every
                return (
                    Dense(layer.weight - rate * (left.T @ right), layer.bias - rate * down),
                    visible - rate * up,
                    errors.at[at].add(jnp.where(alive, factored.error, jnp.nan)),
                    # As if in training's first update: a network whose pre-training diverged is not trained.
                    first_divergence(diverged_at, finite, jnp.zeros_like(diverged_at)),
                )

            begun = state.params[number], kept.visible[number], kept.errors[number], state.diverged_at
            layer, visible, errors, diverged_at = jax.lax.fori_loop(first, last, update, begun)
            return state._replace(
                params=(*state.params[:number], layer, *state.params[number + 1 :]),
                diverged_at=diverged_at,
                pretraining=Pretraining(
                    (*kept.visible[:number], visible, *kept.visible[number + 1 :]),
                    kept.errors.at[number].set(errors),
                ),
            )

        return multi_step

    stretches = [make_multi_step(number) for number in range(config.depth)]

    def pretrain(
        state: MemberState,
        layer: Array,
        first: Array,
        last: Array,
        batch_start: Callable[[Array], Array],
        x: Array,
        key: Array,
    ) -> MemberState:
        branches = [
            lambda state, multi_step=multi_step: multi_step(state, first, last, batch_start, x, key)
            for multi_step in stretches
        ]
        return jax.lax.switch(layer, branches, state)

    return pretrain


def mean_errors(config: RunConfig, sums: np.ndarray) -> np.ndarray:
    """Mean errors over the updates since the record before, from their `sums`, `(..., depth, records)`."""
    return np.asarray(sums / np.diff(config.pretrain_records(), prepend=0))
