"""One member of a population (one network): its state, and one update by plain SGD or any optimizer.

Everything here is written for a single member; `engine.layout` maps it over a population.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

    params: Any
    """`Params` of a perceptron; of a custom network a tuple of arrays."""
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
    moving: Any = ()
    """What training moves beside the parameters, as a custom network's running averages; `()` without."""


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


def init_state(params: Any, optimizer: Any = (), noise: Any = (), moving: Any = ()) -> MemberState:
    """The state before the first update.

    **Arguments:** `params`; `optimizer`, the optimizer's first state; `noise`, the key data for dropout;
    `moving`, what training moves beside the parameters.
    """
    # Computed from a parameter, so that it varies over devices as the parameters do (RELIABILITY §JAX).
    zero = (params[0].bias[0] * 0 if isinstance(params[0], Dense) else _zero_of(params)).astype(jnp.float32)
    return MemberState(params, optimizer, zero, jnp.int32(-1) + zero.astype(jnp.int32), noise, moving=moving)


def _zero_of(params: Sequence[Array]) -> Array:
    """0, computed from one of the numbers, which may be infinite: those of a custom network are anything."""
    first = next(leaf for leaf in params if leaf.size).ravel()[0]
    return jnp.where(jnp.isfinite(first), first, 0) * 0


class Trained(NamedTuple):
    """What the general step trains: a network as functions of its parameters."""

    logits: Callable[[Any, Any, Array, Array | None], tuple[Array, Any]]
    """`(params, moving, x, key) -> (logits, moved)`, as in training."""
    settled: Callable[[Any, Any], tuple[Any, Any]]
    """`(params, moved) -> (params, moving)`: what an update left, with what the pass moved."""
    draws_noise: bool
    """Whether a key is to be drawn for every update."""
    may_be_infinite: bool = False
    """Whether parameters may hold infinities from the beginning, as a mask does."""


def trained_perceptron(network: Network) -> Trained:
    """The perceptron `network`, whose running averages are among its parameters."""

    def settled(params: Params, moved: Params) -> tuple[Params, Any]:
        return with_running_averages(params, moved) if network.normalization == "batch" else params, ()

    return Trained(
        lambda params, moving, x, key: network.train(params, x, key), settled, bool(network.dropout)
    )


def make_gradient_step(network: Network | Trained, loss: Loss, optimizer: Optimizer) -> Step:
    """The general step: `value_and_grad` of the mean loss of the batch, then one update of `optimizer`.

    Works for any network and optimizer; the tests compare every faster step with it. The member is frozen
    where the loss, a parameter or the optimizer's state stops being finite.

    **Arguments:** `loss`, `(logits, labels) -> (batch,)`, each example's own loss.

    **Returns:** a `Step`. Dropout masks of an update are drawn by `fold_in(noise key, update)`.
    """
    trained = trained_perceptron(network) if isinstance(network, Network) else network

    def mean_loss(params: Any, moving: Any, x: Array, labels: Array, key: Array | None) -> tuple[Array, Any]:
        logits, moved = trained.logits(params, moving, x, key)
        return jnp.mean(loss(logits, labels)), moved

    def step(state: MemberState, x: Array, labels: Array, lr: Array, update: Array) -> MemberState:
        key = jax.random.fold_in(as_key(state.noise), update) if trained.draws_noise else None
        (value, moved), gradient = jax.value_and_grad(mean_loss, has_aux=True)(
            state.params, state.moving, x, labels, key
        )
        changes, kept = optimizer.update(gradient, state.optimizer, state.params, lr)
        params, moving = trained.settled(apply_updates(state.params, changes), moved)
        return freeze_if_diverged(
            state, params, kept, value, update, moving, may_be_infinite=trained.may_be_infinite
        )

    return step


def freeze_if_diverged(
    state: MemberState,
    params: Any,
    optimizer: Any,
    value: Array,
    update: Array,
    moving: Any = (),
    may_be_infinite: bool = False,
) -> MemberState:
    """`state` after `update`, or unchanged where a number of it is not finite or it had diverged before.

    **Arguments:** `params`, `optimizer` and `moving`, the state after the update; `value`, the mean loss of
    its batch, shape `()`; `may_be_infinite`, whether numbers that were not finite before may stay so.
    What moves beside the parameters may hold infinities, as a mask does, but no NaN that was a number.
    """
    finite = jnp.isfinite(value)
    pairs = zip(
        jax.tree.leaves((params, optimizer)), jax.tree.leaves((state.params, state.optimizer)), strict=True
    )
    for leaf, old in pairs:
        if jnp.issubdtype(leaf.dtype, jnp.floating):
            known = jnp.isfinite(leaf)
            finite &= jnp.all(known | ~jnp.isfinite(old) if may_be_infinite else known)
    for leaf, old in zip(jax.tree.leaves(moving), jax.tree.leaves(state.moving), strict=True):
        if jnp.issubdtype(leaf.dtype, jnp.floating):
            finite &= jnp.all(~jnp.isnan(leaf) | jnp.isnan(old))
    alive = finite & (state.diverged_at < 0)
    after, before = (params, optimizer, moving), (state.params, state.optimizer, state.moving)
    if may_be_infinite:
        # Not chosen number by number: XLA would take minutes for hundreds of small parameters.
        params, optimizer, moving = jax.lax.cond(alive, lambda: after, lambda: before)
    else:
        params, optimizer, moving = jax.tree.map(lambda new, old: jnp.where(alive, new, old), after, before)
    return state._replace(
        params=params,
        optimizer=optimizer,
        moving=moving,
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


def scheduled(step: Step, factor: Callable[[Array], Array]) -> Step:
    """`step` with its learning rate multiplied by `factor(update)`, `update` counted from 0."""
    return lambda state, x, labels, lr, update: step(state, x, labels, lr * factor(update), update)


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

    # In one array: on a GPU each layer's own test would be a kernel, as long as a small layer's product.
    # Compared one by one: a maximum may pass over a NaN on a CPU.
    factors = jnp.concatenate([*inputs[1:], *(lr * delta for delta in deltas)], axis=1)
    finite = jnp.isfinite(value) & jnp.all(jnp.abs(factors) < LARGEST_FACTOR)
    return FactoredGradients(value, inputs, deltas, finite)


def first_divergence(diverged_at: Array, finite: Array, update: Array) -> Array:
    """`diverged_at` after `update`: the first update that was not `finite`, or -1."""
    return jnp.where((diverged_at < 0) & ~finite, update, diverged_at)
