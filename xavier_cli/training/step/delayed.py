"""Delayed updates: SGD that writes the weights only every k updates; equal to plain SGD up to rounding.

At small batch sizes an update is bound by moving the weights through memory. Here W is constant for k updates
and their sum is kept as a low-rank product: W_t = W + Uᵀ V, to which each update adds `batch` rows. The
forward pass is x W + (x Uᵀ) V and the backward pass δ Wᵀ + (δ Vᵀ) U; after k updates one product of k·batch
rows is added to W ("folding"). The fold points depend on k and on the records alone, never on segments, and
every record is one, so that probes see the complete weights.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from xavier_cli.nn.activations import Activation
from xavier_cli.nn.losses import Loss
from xavier_cli.nn.mlp import Dense, Params
from xavier_cli.training.step.member import (
    Batches,
    MemberState,
    MultiStep,
    factored_gradients,
    first_divergence,
)


class Pending(NamedTuple):
    """The change Uᵀ V that is not yet part of the weights, per layer; rows not yet written are 0."""

    inputs: tuple[Array, ...]
    """U, the layer's inputs z, `(k·batch, fan_in)`."""
    changes: tuple[Array, ...]
    """V = −lr δ, `(k·batch, fan_out)`."""


def init_pending(params: Params, rows: int) -> Pending:
    """Nothing pending; `rows` is k·batch."""
    return Pending(
        tuple(jnp.zeros((rows, layer.weight.shape[0])) for layer in params),
        tuple(jnp.zeros((rows, layer.weight.shape[1])) for layer in params),
    )


def make_delayed_multi_step(act: Activation, loss: Loss, every: int) -> MultiStep:
    """Consecutive delayed updates of a plain network by SGD; folds after every `every` = k updates.

    Biases are updated at once. Divergence freezes a member as in `make_sgd_step`.

    **Returns:** a `MultiStep` on states whose `optimizer` is a `Pending`.
    """

    def step(
        state: MemberState, x: Array, labels: Array, lr: Array, update: Array, row: Array
    ) -> MemberState:
        params, pending = state.params, state.optimizer

        def matmul(i: int, z: Array) -> Array:
            return z @ params[i].weight + (z @ pending.inputs[i].T) @ pending.changes[i]

        def matmul_transposed(i: int, delta: Array) -> Array:
            return delta @ params[i].weight.T + (delta @ pending.changes[i].T) @ pending.inputs[i]

        factored = factored_gradients(params, x, labels, lr, act, loss, matmul, matmul_transposed)
        alive = factored.finite & (state.diverged_at < 0)
        inputs = [jnp.where(alive, z, 0.0) for z in factored.inputs]
        changes = [jnp.where(alive, -lr * delta, 0.0) for delta in factored.deltas]

        def written(rows: tuple[Array, ...], new: list[Array]) -> tuple[Array, ...]:
            return tuple(
                jax.lax.dynamic_update_slice_in_dim(old, added, row, 0)
                for old, added in zip(rows, new, strict=True)
            )

        return state._replace(
            params=tuple(
                Dense(layer.weight, layer.bias + jnp.sum(change, axis=0))
                for layer, change in zip(params, changes, strict=True)
            ),
            optimizer=Pending(written(pending.inputs, inputs), written(pending.changes, changes)),
            loss_sum=state.loss_sum + jnp.where(alive, factored.loss, 0.0),
            diverged_at=first_divergence(state.diverged_at, factored.finite, update),
        )

    def multi_step(
        state: MemberState,
        first: Array,
        last: Array,
        batches: Batches,
        lr: Array,
        records: tuple[Array, Array],
    ) -> MemberState:
        before, after = records

        def block(carry: tuple[Array, MemberState]) -> tuple[Array, MemberState]:
            begin, state = carry
            end = jnp.minimum(begin + every - (begin - before) % every, last)

            def update(t: Array, state: MemberState) -> MemberState:
                x, labels = batches(t)
                return step(state, x, labels, lr, t, (t - before) % every * len(x))

            state = jax.lax.fori_loop(begin, end, update, state)
            is_due = ((end - before) % every == 0) | (end == after)
            # A loop of one round or none: of a condition, XLA would copy the weights.
            return end, jax.lax.fori_loop(0, is_due.astype(jnp.int32), lambda _, state: fold(state), state)

        return jax.lax.while_loop(lambda carry: carry[0] < last, block, (first, state))[1]

    return multi_step


def fold(state: MemberState) -> MemberState:
    """The same weights with nothing pending: adds Uᵀ V to each W and sets U and V to 0."""
    pending = state.optimizer
    params = tuple(
        Dense(layer.weight + inputs.T @ changes, layer.bias)
        for layer, inputs, changes in zip(state.params, *pending, strict=True)
    )
    return state._replace(params=params, optimizer=jax.tree.map(jnp.zeros_like, pending))
