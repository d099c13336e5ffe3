"""One member of a population (one network): its state, and one update by plain SGD or any optimizer.

Everything here is written for a single member; `engine.layout` maps it over a population.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from xavier_cli.nn.activations import Activation
from xavier_cli.nn.losses import Loss, logits_gradient
from xavier_cli.nn.mlp import Dense, Params
from xavier_cli.nn.network import Network, with_running_averages
from xavier_cli.training.keys import as_key
from xavier_cli.training.step.optimizer import Optimizer, apply_updates

# An update whose factors stay below this cannot make a weight infinite, so testing the factors
# (batch × width numbers) is enough and the weights (width × width) need not be read again.
LARGEST_FACTOR = 1e15


class MemberState(NamedTuple):
    """Everything of a member that training changes."""

    params: Params
    optimizer: Any
    """The optimizer's state; `()` for plain SGD, a `Pending` for delayed updates."""
    loss_sum: Array
    """Sum of the mini-batch losses since the last record, shape `()`."""
    diverged_at: Array
    """The first update that was not finite, counted from 0, or -1; int32, shape `()`."""
    noise: Any = ()
    """`jax.random.key_data` of the key of the dropout masks; `()` without dropout."""
    pretraining: Any = ()
    """The `Pretraining` state; `()` without pre-training."""


Step = Callable[[MemberState, Array, Array, Array, Array], MemberState]
"""`(state, x, labels, lr, update) -> state`: one update.

`x` has shape `(batch, inputs)` and `labels` shape `(batch,)`, int32 class numbers; `lr` and `update`, counted
from 0, are scalars.
"""

Batches = Callable[[Array], tuple[Array, Array]]
"""`update -> (x, labels)`: the batch of an update, of shapes `(batch, inputs)` and `(batch,)`."""

MultiStep = Callable[[MemberState, Array, Array, Batches, Array, tuple[Array, Array]], MemberState]
"""`(state, first, last, batches, lr, records) -> state`: consecutive updates of one member.

Updates `first` to `last − 1`. `records` are two consecutive records with `records[0] ≤ first` and
`last ≤ records[1]`.
"""


def init_state(params: Params, optimizer: Any = (), noise: Any = ()) -> MemberState:
    """The state before the first update.

    **Arguments:** `params`; `optimizer`, the optimizer's first state; `noise`, the key data for dropout.
    """
    # Computed from a parameter, so that it varies over devices as the parameters do (RELIABILITY §JAX).
    zero = params[0].bias[0] * 0
    return MemberState(params, optimizer, zero, jnp.int32(-1) + zero.astype(jnp.int32), noise)


def make_gradient_step(network: Network, loss: Loss, optimizer: Optimizer) -> Step:
    """The general step: `value_and_grad` of the mean loss of the batch, then one update of `optimizer`.

    Works for any network and optimizer; the tests compare every faster step with it. The member is frozen
    where the loss, a parameter or the optimizer's state stops being finite.

    **Arguments:** `loss`, `(logits, labels) -> (batch,)`, each example's own loss.

    **Returns:** a `Step`. Dropout masks of an update are drawn by `fold_in(noise key, update)`.
    """

    def mean_loss(params: Params, x: Array, labels: Array, key: Array | None) -> tuple[Array, Params]:
        logits, moved = network.train(params, x, key)
        return jnp.mean(loss(logits, labels)), moved

    def step(state: MemberState, x: Array, labels: Array, lr: Array, update: Array) -> MemberState:
        key = jax.random.fold_in(as_key(state.noise), update) if network.dropout else None
        (value, moved), gradient = jax.value_and_grad(mean_loss, has_aux=True)(state.params, x, labels, key)
        changes, kept = optimizer.update(gradient, state.optimizer, state.params, lr)
        params = apply_updates(state.params, changes)
        if network.normalization == "batch":
            params = with_running_averages(params, moved)
        return freeze_if_diverged(state, params, kept, value, update)

    return step


def freeze_if_diverged(
    state: MemberState, params: Params, optimizer: Any, value: Array, update: Array
) -> MemberState:
    """`state` after `update`, or unchanged where a number of it is not finite or it had diverged before.

    **Arguments:** `params` and `optimizer`, the state after the update; `value`, the mean loss of its batch,
    shape `()`.
    """
    finite = jnp.isfinite(value)
    for leaf in jax.tree.leaves((params, optimizer)):
        if jnp.issubdtype(leaf.dtype, jnp.floating):
            finite &= jnp.all(jnp.isfinite(leaf))
    alive = finite & (state.diverged_at < 0)
    params, optimizer = jax.tree.map(
        lambda new, old: jnp.where(alive, new, old), (params, optimizer), (state.params, state.optimizer)
    )
    return state._replace(
        params=params,
        optimizer=optimizer,
        loss_sum=state.loss_sum + jnp.where(alive, value, 0.0),
        diverged_at=first_divergence(state.diverged_at, finite, update),
    )


def make_sgd_step(act: Activation, loss: Loss) -> Step:
    """Plain SGD of a plain network, with each weight gradient kept as its two factors.

    The gradient of a layer is dC/dW = zᵀ δ (the paper's equation (3)), with z of shape `(batch, fan_in)` and
    δ = dC/ds of shape `(batch, fan_out)`. Setting both to zero after a step that is not finite freezes the
    member at its last finite weights without a second copy of them.
    """

    def step(state: MemberState, x: Array, labels: Array, lr: Array, update: Array) -> MemberState:
        params = state.params
        factored = factored_gradients(
            params,
            x,
            labels,
            lr,
            act,
            loss,
            lambda i, z: z @ params[i].weight,
            lambda i, delta: delta @ params[i].weight.T,
        )
        alive = factored.finite & (state.diverged_at < 0)

        def updated(layer: Dense, z: Array, delta: Array) -> Dense:
            z, delta = jnp.where(alive, z, 0.0), jnp.where(alive, delta, 0.0)
            # Scaling after the product, not before: XLA's CPU code for W + zᵀδ is a quarter slower.
            return Dense(layer.weight - lr * (z.T @ delta), layer.bias - lr * jnp.sum(delta, axis=0))

        return state._replace(
            params=tuple(map(updated, params, factored.inputs, factored.deltas)),
            loss_sum=state.loss_sum + jnp.where(alive, factored.loss, 0.0),
            diverged_at=first_divergence(state.diverged_at, factored.finite, update),
        )

    return step


def make_multi_step(step: Step) -> MultiStep:
    """Consecutive updates by `step`, in one compiled loop."""

    def multi_step(
        state: MemberState,
        first: Array,
        last: Array,
        batches: Batches,
        lr: Array,
        records: tuple[Array, Array],
    ) -> MemberState:
        def update(t: Array, state: MemberState) -> MemberState:
            return step(state, *batches(t), lr, t)

        return jax.lax.fori_loop(first, last, update, state)

    return multi_step


class FactoredGradients(NamedTuple):
    """The mean loss of a batch, and the weight gradient zᵀ δ of each of `depth + 1` layers as two factors."""

    loss: Array
    """Shape `()`."""
    inputs: list[Array]
    """z, the input of each layer, `(batch, fan_in)`; the images come first."""
    deltas: list[Array]
    """δ = dC/ds of each layer, of the mean loss (so divided by the batch size), `(batch, fan_out)`."""
    finite: Array
    """Whether the weights stay finite after an update by this gradient; bool, shape `()`."""


def factored_gradients(
    params: Params,
    x: Array,
    labels: Array,
    lr: Array,
    act: Activation,
    loss: Loss,
    matmul: Callable[[int, Array], Array],
    matmul_transposed: Callable[[int, Array], Array],
) -> FactoredGradients:
    """Backpropagation through a plain network: the paper's equations (2) and (3), for any widths.

    **Arguments:** `x`, `(batch, inputs)`; `labels`, `(batch,)`; `lr`, which only decides what counts as
    finite; `matmul(i, z)` is z W of layer i, `(batch, fan_out)`, and `matmul_transposed(i, delta)` is δ Wᵀ,
    `(batch, fan_in)`, so that weights need not exist as one matrix.
    """
    inputs, slopes = [x], []
    for i, layer in enumerate(params[:-1]):
        z, slope = jax.vjp(act, matmul(i, inputs[-1]) + layer.bias)
        inputs.append(z)
        slopes.append(slope)
    last = len(params) - 1
    logits = matmul(last, inputs[-1]) + params[last].bias
    value = jnp.mean(loss(logits, labels))
    delta = logits_gradient(loss, logits, labels) / len(x)
    deltas = [delta]
    for i, slope in zip(range(last, 0, -1), reversed(slopes), strict=True):
        (delta,) = slope(matmul_transposed(i, delta))
        deltas.append(delta)
    deltas.reverse()

    finite = jnp.isfinite(value)
    # Compared one by one: a maximum may pass over a NaN on a CPU.
    for z in inputs[1:]:
        finite &= jnp.all(jnp.abs(z) < LARGEST_FACTOR)
    for delta in deltas:
        finite &= jnp.all(lr * jnp.abs(delta) < LARGEST_FACTOR)
    return FactoredGradients(value, inputs, deltas, finite)


def first_divergence(diverged_at: Array, finite: Array, update: Array) -> Array:
    """`diverged_at` after `update`: the first update that was not `finite`, or -1."""
    return jnp.where((diverged_at < 0) & ~finite, update, diverged_at)
