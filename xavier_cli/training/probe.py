"""What is looked at inside one member: its tensors on the probe examples, as statistics per layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import jax
import jax.numpy as jnp
from jax import Array

from xavier_cli.nn.activations import Activation
from xavier_cli.nn.losses import Loss
from xavier_cli.nn.mlp import Params, forward
from xavier_cli.theory.saturation import DEAD_SLOPE, Regions
from xavier_cli.training.distributions import Bins, moments, percentiles

Observation = dict[str, Array]
"""Statistics under their path in the run file, without the seed and update axes."""


class Probe(Protocol):
    """`(params, x, labels) -> Observation`, with `x` of shape `(examples, inputs)`."""

    def __call__(self, params: Params, x: Array, labels: Array) -> Observation: ...


def make_probe(act: Activation, loss: Loss, regions: Regions, bins: dict[str, Bins]) -> Probe:
    """A probe of one member; `bins` says for which tensors a histogram is taken."""

    def describe(tensor: str, layers: Sequence[Array]) -> Observation:
        observation = _per_layer(f"{tensor}/", moments, layers)
        if tensor in bins:
            observation[f"{tensor}/histogram"] = jnp.stack([bins[tensor].count(layer) for layer in layers])
        return observation

    def probe(params: Params, x: Array, labels: Array) -> Observation:
        examples = len(x)
        zeros = [jnp.zeros((examples, len(layer.bias))) for layer in params[:-1]]

        def total_loss(params: Params, zeros: Sequence[Array]) -> tuple[Array, tuple[tuple[Array, ...], ...]]:
            logits, taps = forward(params, x, act, zeros)
            return jnp.sum(loss(logits, labels)), (taps.preactivations, taps.activations)

        # Of the sum of the examples' losses: one gradient serves both. With respect to the zero taps it is
        # dC/ds of each example's own loss, with respect to the weights `examples` times that of the mean.
        (weight_gradients, backprop), (preactivations, activations) = jax.grad(
            total_loss, argnums=(0, 1), has_aux=True
        )(params, zeros)
        weights = [layer.weight for layer in params]
        from_weights = activations[-1] @ params[-1].weight
        return {
            **describe("activation", activations),
            **_per_layer("activation/", _percentiles, activations),
            **_per_layer("activation/", _regions(act, regions), preactivations),
            **describe("preactivation", preactivations),
            **describe("backprop", backprop),
            **describe("weight_gradient", [layer.weight / examples for layer in weight_gradients]),
            **describe("weight", weights),
            **describe("bias", [layer.bias for layer in params]),
            "logits/from_bias_std": _spread_over_classes(params[-1].bias[None]),
            "logits/from_weights_std": _spread_over_classes(from_weights),
        }

    return probe


def _per_layer(
    prefix: str, statistics: Callable[[Array], Observation], layers: Sequence[Array]
) -> Observation:
    per_layer = [statistics(layer) for layer in layers]
    return {prefix + name: jnp.stack([each[name] for each in per_layer]) for name in per_layer[0]}


def _percentiles(activation: Array) -> Observation:
    signed, magnitude = percentiles(activation)
    return {"percentiles": signed, "abs_percentiles": magnitude}


def _regions(act: Activation, regions: Regions) -> Callable[[Array], Observation]:
    def shares(s: Array) -> Observation:
        _, slope = jax.jvp(act, (s,), (jnp.ones_like(s),))
        return {
            "saturated": jnp.mean((s < regions.saturated_below) | (s > regions.saturated_above)),
            "inactive": jnp.mean((s < regions.inactive_below) | (s > regions.inactive_above)),
            "dead": jnp.mean(jnp.all(jnp.abs(slope) < DEAD_SLOPE, axis=0)),
        }

    return shares


def _spread_over_classes(logits: Array) -> Array:
    """How far a part of the logits tells classes apart: its standard deviation over classes.

    A shift of all logits of an example changes nothing, so each example's mean is taken out.
    """
    return jnp.sqrt(jnp.mean(jnp.var(logits, axis=-1)))
