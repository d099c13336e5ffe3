"""Measures the tensors inside one network on the probe examples, as statistics per layer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby
from typing import Protocol

import jax
import jax.numpy as jnp
from jax import Array

from xavier_cli.nn.activations import Activation
from xavier_cli.nn.losses import Loss, logits_gradient
from xavier_cli.nn.mlp import Dense, Params, Taps
from xavier_cli.nn.network import Network, normalized_by_batch
from xavier_cli.statistics.tensor_summary import Bins
from xavier_cli.theory.regions import DEAD_SLOPE, Regions
from xavier_cli.training.probes.distributions import count, moments, percentiles

Observation = dict[str, Array]
"""Statistics under their path in the run file, without the seed and update axes."""


class Probe(Protocol):
    """`(params, x, labels) -> Observation`, with `x` of shape `(examples, inputs)`."""

    def __call__(self, params: Params, x: Array, labels: Array) -> Observation:
        """The statistics of one network on the examples `x` of classes `labels`, shape `(examples,)`."""


def make_probe(network: Activation | Network, loss: Loss, regions: Regions, bins: dict[str, Bins]) -> Probe:
    """The probe of a network: moments, percentiles, histograms and shares of its tensors, by layer.

    Measured are z, s, dC/ds of each example's own loss, dC/dW of the mean loss, W and b, as DESIGN §3 defines
    them, and what the logits owe to the biases and to the weights of the output layer.

    **Arguments:** `network`, or the activation of a plain one; `loss`, `(logits, labels) -> (examples,)`;
    `regions`, where the activation counts as saturated or inactive; `bins`, by tensor, where a histogram is
    taken.

    **Returns:** a `Probe`, whose arrays have the shapes of the run file without its seed and update axes.

    Dropout is off. Batch normalization uses the statistics of the probe batch, as in training, so that an
    example's loss depends on the others: dC/ds is then that of the summed loss, and an example's weight
    gradient its contribution to that of the sum.
    """
    network = network if isinstance(network, Network) else Network(network)

    def probe(params: Params, x: Array, labels: Array) -> Observation:
        examples = len(x)
        zeros = [jnp.zeros((examples, len(layer.bias))) for layer in params[:-1]]

        def total_loss(params: Params, zeros: Sequence[Array]) -> tuple[Array, tuple[Array, Taps]]:
            logits, taps = network.look(params, x, zeros)
            return jnp.sum(loss(logits, labels)), (logits, taps)

        # One gradient of the summed loss serves both: with respect to zeros added to s it is dC/ds of each
        # example's own loss (of the sum, under batch normalization), and with respect to the weights it is
        # `examples` times that of the mean loss.
        (weight_gradients, backprop), (logits, taps) = jax.grad(total_loss, argnums=(0, 1), has_aux=True)(
            params, zeros
        )
        tensors = {
            "activation": taps.activations,
            "preactivation": taps.preactivations,
            "backprop": backprop,
            "weight_gradient": [layer.weight / examples for layer in weight_gradients],
            "weight": [layer.weight for layer in params],
            "bias": [layer.bias for layer in params],
        }
        statistics: dict[str, list[Callable[[Array], Observation]]] = {
            tensor: [moments] for tensor in tensors
        }
        for tensor in bins:
            statistics[tensor].append(partial(_histogram, bins[tensor]))
        statistics["activation"].append(_percentiles)
        observation = {
            f"{tensor}/{name}": value
            for tensor, layers in tensors.items()
            for name, value in _per_layer(statistics[tensor], layers).items()
        }
        shares = _all_shares(network, regions, params, taps.preactivations)
        if network.sloped is not None:
            observation["activation/slope"] = jnp.stack([jnp.asarray(at.slope) for at in params[:-1]])
        return {
            **observation,
            **{f"activation/{name}": value for name, value in shares.items()},
            "weight_gradient/example_rms": _example_rms(
                taps.inputs, [*_at_the_sums(params, taps, backprop), logits_gradient(loss, logits, labels)]
            ),
            "logits/from_bias_std": _spread_over_classes(params[-1].bias[None]),
            "logits/from_weights_std": _spread_over_classes(taps.inputs[-1] @ params[-1].weight),
        }

    return probe


def _per_layer(statistics: Sequence[Callable[[Array], Observation]], layers: Sequence[Array]) -> Observation:
    """All `statistics` of each layer, stacked over layers.

    Layers of equal shape share one compiled loop, since compiling costs more than running here.
    """

    def describe(layer: Array) -> Observation:
        return {name: value for each in statistics for name, value in each(layer).items()}

    described: list[Observation] = []
    for _, alike in groupby(layers, key=jnp.shape):
        described.append(jax.lax.map(describe, jnp.stack(list(alike))))
    return jax.tree.map(lambda *parts: jnp.concatenate(parts), *described)


def _histogram(bins: Bins, values: Array) -> Observation:
    return {"histogram": count(bins, values)}


def _percentiles(activation: Array) -> Observation:
    signed, magnitude = percentiles(activation)
    return {"percentiles": signed, "abs_percentiles": magnitude}


def _all_shares(network: Network, regions: Regions, params: Params, layers: Sequence[Array]) -> Observation:
    if network.sloped is None:
        return _per_layer([partial(_shares, network.act, regions)], layers)
    # Each layer has its own slope.
    each = [_shares(network.act_of(of), regions, s) for of, s in zip(params, layers, strict=False)]
    return jax.tree.map(lambda *parts: jnp.stack(parts), *each)


def _at_the_sums(params: Params, taps: Taps, backprop: Sequence[Array]) -> list[Array]:
    """dC/d(z W + b) of each hidden layer: dC/ds propagated back through the normalization, if any."""

    def through(layer: Dense, entering: Array, delta: Array) -> Array:
        if layer.norm is None:
            return delta
        return jax.vjp(partial(normalized_by_batch, layer.norm), entering)[1](delta)[0]

    return [through(*each) for each in zip(params, taps.affine, backprop, strict=False)]


def _shares(act: Activation, regions: Regions, s: Array) -> Observation:
    _, slope = jax.jvp(act, (s,), (jnp.ones_like(s),))
    return {
        "saturated": jnp.mean((s < regions.saturated_below) | (s > regions.saturated_above)),
        "inactive": jnp.mean((s < regions.inactive_below) | (s > regions.inactive_above)),
        "dead": jnp.mean(jnp.all(jnp.abs(slope) < DEAD_SLOPE, axis=0)),
    }


def _example_rms(inputs: Sequence[Array], deltas: Sequence[Array]) -> Array:
    """Root mean square of each example's own weight gradient, shape `(depth + 1,)`.

    One example's gradient is the outer product of z and dC/d(z W + b), so that its mean square is the product
    of their mean squares (what equation (7) predicts), and no matrix is formed.
    """
    # Fused with what made them, they are summed in an order that depends on how many members a device has.
    inputs, deltas = jax.lax.optimization_barrier((list(inputs), list(deltas)))

    def mean_square(tensor: Array) -> Array:
        return jnp.mean(tensor**2, axis=1)

    return jnp.stack(
        [
            jnp.sqrt(jnp.mean(mean_square(z) * mean_square(delta)))
            for z, delta in zip(inputs, deltas, strict=True)
        ]
    )


def _spread_over_classes(logits: Array) -> Array:
    """Standard deviation over classes of a part of the logits, `(examples, classes)`; root mean square.

    Each example's mean is subtracted, since softmax ignores a shift of all its logits.
    """
    return jnp.sqrt(jnp.mean(jnp.var(logits, axis=-1)))
