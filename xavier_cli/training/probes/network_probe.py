"""Measures the layers of any network on the probe examples, in the words of the run file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array

from xavier_cli.nn.activations import Activation, make_activation
from xavier_cli.nn.losses import Loss
from xavier_cli.nn.programs.layers import Use, WeightLayer, in_its_rounds
from xavier_cli.nn.programs.taps import Met, Passed, TappedNetwork, Zeros
from xavier_cli.statistics.tensor_summary import MOST_SORTED, Bins, sampling_stride
from xavier_cli.theory.regions import DEAD_SLOPE, Regions
from xavier_cli.theory.saturation import find_regions
from xavier_cli.training.probes.distributions import count, moments, percentiles
from xavier_cli.training.probes.probe import Observation
from xavier_cli.vocabulary.resolve import find_activation


@dataclass(frozen=True)
class Judged:
    """A recognised activation function, and where it is saturated or inactive."""

    act: Activation
    regions: Regions

    @classmethod
    def named(cls, name: str) -> Judged:
        """The activation of the vocabulary's `name`."""
        word = find_activation(name)
        act = make_activation(word)
        return cls(act, find_regions(act, word.range))


def make_network_probe(
    network: TappedNetwork,
    layers: Sequence[WeightLayer],
    logits_of: Callable[..., Array],
    loss: Loss,
    bins: Mapping[str, Bins],
) -> Callable[..., Observation]:
    """The probe of a network whose program is `network` and whose weight layers are `layers`.

    **Arguments:** `logits_of`, which takes the logits `(examples, classes)` from what the network returns;
    `loss`, `(logits, labels) -> (examples,)`; `bins`, by tensor, where a histogram is taken.

    **Returns:** `probe(labels, *arguments) -> Observation`, of one network, with the paths and shapes of the
    run file without its seed and update axes; `entering/…` and `leaving/…` are of every weight layer. Where a
    layer has no bias, or no activation function that is known, the value is NaN.
    """
    judged = {name: Judged.named(name) for name in {each.function for each in network.applications}}

    def probe(labels: Array, *arguments: object) -> Observation:
        shapes = jax.eval_shape(lambda: network.run(*arguments)[1])
        zeros = {site: jnp.zeros(met.s.shape, met.s.dtype) for site, met in shapes.layers.items()}
        no_change = {
            site: jnp.zeros(met.weight.shape, met.weight.dtype) for site, met in shapes.layers.items()
        }

        def total_loss(zeros: Zeros, no_change: Zeros) -> tuple[Array, Passed]:
            answer, passed = network.run(*arguments, zeros=zeros, weight_zeros=no_change)
            return jnp.sum(loss(logits_of(answer), labels)), passed

        # One gradient serves both, as in the perceptron's probe.
        (backprop, weight_gradients), passed = jax.grad(total_loss, argnums=(0, 1), has_aux=True)(
            zeros, no_change
        )

        def of_uses(layer: WeightLayer, values: Callable[[Use], Array]) -> Array:
            parts = [_single(in_its_rounds(use, values(use), len(use.layer.loops))) for use in layer.uses]
            return parts[0] if len(parts) == 1 else jnp.concatenate([jnp.ravel(part) for part in parts])

        def met(use: Use) -> Met:
            return passed.layers[use.layer.site]

        leaving = [of_uses(layer, lambda use: met(use).s) for layer in layers]
        entering = [of_uses(layer, lambda use: met(use).entering) for layer in layers]
        deltas = [of_uses(layer, lambda use: backprop[use.layer.site]) for layer in layers]
        weights = [_single(_weight(layer.uses[0], met(layer.uses[0]).weight)) for layer in layers]
        gradients = [
            sum(
                (_single(_weight(use, weight_gradients[use.layer.site])) for use in layer.uses),
                jnp.float32(0),
            )
            / len(labels)
            for layer in layers
        ]
        biases = [_bias(layer, passed) for layer in layers]
        tensors: dict[str, Sequence[Array]] = {
            "activation": entering[1:],
            "preactivation": leaving[:-1],
            "backprop": deltas[:-1],
            "weight_gradient": gradients,
            "weight": weights,
            "bias": biases,
            "entering": entering,
            "leaving": leaving,
        }
        observation: Observation = {}
        # Of one weight layer alone there is nothing between layers.
        tensors = {name: values for name, values in tensors.items() if values}
        for name, values in tensors.items():
            described = [moments(each) for each in values]
            for what in ("mean", "std"):
                observation[f"{name}/{what}"] = jnp.stack([each[what] for each in described])
        for name, of in ((name, of) for name, of in bins.items() if name in tensors):
            observation[f"{name}/histogram"] = _each_alike(
                partial(count, of), [sample(each) for each in tensors[name]]
            )
        if len(layers) == 1:
            return observation
        signed, magnitude = _each_alike(percentiles, [sample(each) for each in tensors["activation"]])
        observation |= {"activation/percentiles": signed, "activation/abs_percentiles": magnitude}
        shares = [_shares(layer, passed, judged) for layer in layers[:-1]]
        for at, name in enumerate(("saturated", "inactive", "dead")):
            observation[f"activation/{name}"] = jnp.stack([each[at] for each in shares])
        return observation

    return probe


def sample(values: Array, most: int = MOST_SORTED) -> Array:
    """At most `most` of `values` (any shape), flat: every p-th, see `sampling_stride`."""
    return jnp.ravel(values)[:: sampling_stride(values.shape, most)]


def _each_alike(describe: Callable, values: Sequence[Array]):  # type: ignore[no-untyped-def, type-arg]
    """`describe` of each, stacked; arrays of one length share one compiled loop."""
    lengths: dict[int, list[int]] = {}
    for number, each in enumerate(values):
        lengths.setdefault(each.size, []).append(number)
    described: dict[int, object] = {}
    for numbers in lengths.values():
        together = jax.lax.map(describe, jnp.stack([values[number] for number in numbers]))
        for at, number in enumerate(numbers):
            described[number] = jax.tree.map(lambda each, at=at: each[at], together)
    return jax.tree.map(lambda *parts: jnp.stack(parts), *[described[number] for number in sorted(described)])


def _single(values: Array) -> Array:
    """Numbers in half precision in single: their sums would be rounded to 8 bits."""
    return values.astype(jnp.promote_types(values.dtype, jnp.float32))


def _weight(use: Use, values: Array) -> Array:
    """A weight's part of one layer; it has an axis only for those scans that slice it."""
    return values[use.rounds] if use.rounds else values


def _bias(layer: WeightLayer, passed: Passed) -> Array:
    for use in layer.uses:
        bias = passed.layers[use.layer.site].bias
        if bias is not None:
            return _single(_weight(use, bias))
    return jnp.full((1,), jnp.nan)


def _shares(layer: WeightLayer, passed: Passed, judged: Mapping[str, Judged]) -> tuple[Array, Array, Array]:
    """Shares of saturated and inactive inputs, and of dead units, over the functions behind a layer."""
    counted, units = [], []
    for application, use in layer.applied:
        known = judged[application.function]
        depth = len(application.site) - 1
        values = passed.applied[application.site]
        values = _single(in_its_rounds(use, values, min(depth, len(use.layer.loops))))
        regions = known.regions
        _, slope = jax.jvp(known.act, (values,), (jnp.ones_like(values),))
        first = values.ndim - application.rank
        channels = {first + axis for axis in application.units}
        dead = jnp.all(
            jnp.abs(slope) < DEAD_SLOPE,
            axis=tuple(each for each in range(values.ndim) if each not in channels),
        )
        counted.append(
            (
                jnp.sum((values < regions.saturated_below) | (values > regions.saturated_above)),
                jnp.sum((values < regions.inactive_below) | (values > regions.inactive_above)),
                values.size,
            )
        )
        units.append((jnp.sum(dead), dead.size))
    if not counted:
        nothing = jnp.float32(jnp.nan)
        return nothing, nothing, nothing
    total = sum(size for *_, size in counted)
    none = jnp.zeros(())
    return (
        sum((saturated for saturated, *_ in counted), none) / total,
        sum((inactive for _, inactive, _ in counted), none) / total,
        sum((dead for dead, _ in units), none) / sum(size for _, size in units),
    )
