"""One member of a population: its state, and one update of it, written for that member alone."""

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
from xavier_cli.training.step.optimizer import Optimizer, apply_updates, plain_sgd

# An update whose factors stay below this cannot make a weight infinite, so testing the factors
# (batch × width numbers) is enough and the weights (width × width) need not be read again.
LARGEST_FACTOR = 1e15


class MemberState(NamedTuple):
    """Everything of a member that training changes."""

    params: Params
    optimizer: Any
    """What the optimizer keeps; nothing for plain SGD."""
    loss_sum: Array
    """Sum of the mini-batch losses since the last record."""
    diverged_at: Array
    """The first update that was not finite, counted from 0, or -1."""
    noise: Any = ()
    """What the member's own noise is drawn by, a key's numbers; nothing where there is no noise."""
    pretraining: Any = ()
    """What its pre-training keeps besides the weights; nothing where there is none."""


Step = Callable[[MemberState, Array, Array, Array, Array], MemberState]
"""`(state, x, labels, lr, update) -> state` with `x` of shape `(batch, inputs)`."""

Batches = Callable[[Array], tuple[Array, Array]]
"""`update -> (x, labels)`: the batch of an update."""

MultiStep = Callable[[MemberState, Array, Array, Batches, Array, tuple[Array, Array]], MemberState]
"""`(state, first, last, batches, lr, records) -> state`: consecutive updates of one member.

From update `first` up to, but without, `last`; both lie between two neighbouring `records`.
"""


def init_state(params: Params, optimizer: Any = (), noise: Any = ()) -> MemberState:
    """The state before the first update."""
    zero = params[0].bias[0] * 0
    return MemberState(params, optimizer, zero, jnp.int32(-1) + zero.astype(jnp.int32), noise)


def make_gradient_step(network: Network, loss: Loss, optimizer: Optimizer) -> Step:
    """The obvious step, of any network and optimizer: `value_and_grad` of the mean loss, all numbers tested.

    Its simplest case is what every faster step is compared with.
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


def make_reference_step(act: Activation, loss: Loss) -> Step:
    """Plain SGD of a plain network the obvious way."""
    return make_gradient_step(Network(act), loss, plain_sgd())


def freeze_if_diverged(
    state: MemberState, params: Params, optimizer: Any, value: Array, update: Array
) -> MemberState:
    """`state` with new `params` and optimizer, or frozen as it is where one of these is not finite."""
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
    """Plain SGD with backprop by hand, which keeps each weight gradient as its two thin factors.

    The gradient of a layer is zᵀ δ with z and δ of `batch` rows. Zeroing the factors of a bad step freezes
    the member at its last finite weights without a second copy of them.
    """

    def step(state: MemberState, x: Array, labels: Array, lr: Array, update: Array) -> MemberState:
        params = state.params
        thin = factored_gradients(
            params,
            x,
            labels,
            lr,
            act,
            loss,
            lambda i, z: z @ params[i].weight,
            lambda i, delta: delta @ params[i].weight.T,
        )
        alive = thin.finite & (state.diverged_at < 0)

        def updated(layer: Dense, z: Array, delta: Array) -> Dense:
            z, delta = jnp.where(alive, z, 0.0), jnp.where(alive, delta, 0.0)
            # Scaling after the product, not before: XLA's CPU code for W + zᵀδ is a quarter slower.
            return Dense(layer.weight - lr * (z.T @ delta), layer.bias - lr * jnp.sum(delta, axis=0))

        return state._replace(
            params=tuple(map(updated, params, thin.inputs, thin.deltas)),
            loss_sum=state.loss_sum + jnp.where(alive, thin.loss, 0.0),
            diverged_at=first_divergence(state.diverged_at, thin.finite, update),
        )

    return step


def make_multi_step(step: Step) -> MultiStep:
    """`step` again and again."""

    def stretch(
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

    return stretch


class FactoredGradients(NamedTuple):
    """The mean loss, and every layer's weight gradient zᵀ δ as its two factors of `batch` rows."""

    loss: Array
    inputs: list[Array]
    """z of each layer, the network's input first."""
    deltas: list[Array]
    """dC/ds of each layer, of the mean loss."""
    finite: Array
    """Whether the weights stay finite after an update of these."""


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
    """Backprop by hand; `matmul(i, z)` is z W and `matmul_transposed(i, delta)` is δ Wᵀ of layer i."""
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
    """The first bad update, now that `update` was `finite` or not; -1 where there is none."""
    return jnp.where((diverged_at < 0) & ~finite, update, diverged_at)
