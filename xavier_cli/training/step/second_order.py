"""A learning rate for each parameter, from the curvature or the gradient noise of the loss along it.

Section 5 of the paper names both methods and gives no settings. Each weight moves by −lr g / (mu + r), where
r is a bias-corrected exponential moving average (with factor `decay`) over updates of

- `diagonal_gauss_newton`: the second derivative, as LeCun et al. 1998b estimate it ("Efficient BackProp",
  section 7): squares are propagated back beside the gradients, h(z) = h(s') W'², h(s) = φ'(s)² h(z) and
  h(W) = z² h(s), means over the batch. It is the diagonal of the Gauss-Newton matrix without the terms
  between units of one layer; for the output layer it is exact.
- `gradient_variance`: the variance over the batch of one example's gradient; r is the square root of its
  average.

Both are sums of outer products, as the gradient is, so that per-example gradients are never materialized.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from xavier_cli.config.run import RunConfig
from xavier_cli.nn.activations import Activation
from xavier_cli.nn.losses import Loss, logits_curvature, logits_gradient
from xavier_cli.nn.mlp import Dense, Params
from xavier_cli.training.step.member import MemberState, Step, freeze_if_diverged
from xavier_cli.training.step.optimizer import Optimizer, apply_updates, with_clip_and_decay


class Running(NamedTuple):
    """An exponential moving average that starts at 0, and what corrects its bias."""

    average: Params
    """Shaped like the parameters."""
    seen: Array
    """1 − decayᵗ after t updates, shape `()`: the average is divided by it."""


class Measured(NamedTuple):
    """What is measured on one batch."""

    loss: Array
    """The mean loss, shape `()`."""
    gradient: Params
    """Of the mean loss."""
    size: Params
    """Curvature, or the variance of one example's gradient, of each parameter."""


Measure = Callable[[Params, Array, Array], Measured]


def begin(params: Params) -> Running:
    """The average before the first update."""
    zeros = jax.tree.map(lambda leaf: leaf * 0, params)
    return Running(zeros, zeros[0].bias[0])


def make_second_order_step(act: Activation, loss: Loss, config: RunConfig) -> Step:
    """The step of `config`, whose optimizer is `diagonal_gauss_newton` or `gradient_variance`.

    For plain networks. The member is frozen where a parameter or an average stops being finite.
    """
    choice = config.optimizer_choice
    mu, decay = choice.values["mu"], choice.values["decay"]
    by_curvature = choice.optimizer.name == "diagonal_gauss_newton"
    measure = make_measure(act, loss, by_curvature)

    def step(state: MemberState, x: Array, labels: Array, lr: Array, update: Array) -> MemberState:
        measured = measure(state.params, x, labels)

        def moved(gradient: Params, running: Running, params: Params, lr: Array) -> tuple[Params, Running]:
            running = averaged(running, measured.size, decay)

            def change(slope: Array, average: Array) -> Array:
                size = average / running.seen
                # Rounding can put a variance a little below 0.
                return -lr * slope / (mu + (size if by_curvature else jnp.sqrt(jnp.maximum(size, 0.0))))

            return jax.tree.map(change, gradient, running.average), running

        rule = with_clip_and_decay(Optimizer(begin, moved), config)
        changes, running = rule.update(measured.gradient, state.optimizer, state.params, lr)
        return freeze_if_diverged(state, apply_updates(state.params, changes), running, measured.loss, update)

    return step


def averaged(running: Running, size: Params, decay: float) -> Running:
    """`running` after one more batch, whose measurement is `size`."""
    average = jax.tree.map(lambda old, new: decay * old + (1 - decay) * new, running.average, size)
    return Running(average, decay * running.seen + (1 - decay))


def make_measure(act: Activation, loss: Loss, by_curvature: bool) -> Measure:
    """`(params, x, labels) -> Measured` of a plain network, for `x` of shape `(batch, inputs)`.

    `size` is the diagonal Gauss-Newton estimate if `by_curvature`, else the variance of the gradient.
    """

    def measure(params: Params, x: Array, labels: Array) -> Measured:
        inputs, slopes = [x], []
        for layer in params[:-1]:
            s = inputs[-1] @ layer.weight + layer.bias
            z, slope = jax.jvp(act, (s,), (jnp.ones_like(s),))
            inputs.append(z)
            slopes.append(slope)
        logits = inputs[-1] @ params[-1].weight + params[-1].bias
        deltas = _back(params, slopes, logits_gradient(loss, logits, labels))
        gradient = _outer(inputs, deltas)
        if by_curvature:
            squares = jax.tree.map(jnp.square, params)
            bends = _back(squares, [slope**2 for slope in slopes], logits_curvature(loss, logits))
            size = _outer([z**2 for z in inputs], bends)
        else:
            second = _outer([z**2 for z in inputs], [delta**2 for delta in deltas])
            size = jax.tree.map(lambda moment, mean: moment - mean**2, second, gradient)
        return Measured(jnp.mean(loss(logits, labels)), gradient, size)

    return measure


def _back(params: Params, slopes: list[Array], top: Array) -> list[Array]:
    """`top`, of shape `(batch, classes)`, propagated back: an array `(batch, fan_out)` per weight layer."""
    backs = [top]
    for layer, slope in zip(reversed(params[1:]), reversed(slopes), strict=True):
        backs.append((backs[-1] @ layer.weight.T) * slope)
    return backs[::-1]


def _outer(inputs: list[Array], deltas: list[Array]) -> Params:
    """Means over the batch of z δᵀ and δ of each layer, shaped like the parameters."""
    return tuple(
        Dense(z.T @ delta / len(z), jnp.mean(delta, axis=0)) for z, delta in zip(inputs, deltas, strict=True)
    )
