"""Scales first weights to unit variance on a batch of data: layer-sequential unit variance (LSUV)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

from xavier_cli.nn.mlp import Params
from xavier_cli.nn.network import Network, normalized_in_training
from xavier_cli.vocabulary.entry import InitializerEntry


class UnitVariance(NamedTuple):
    """What one layer's weights are scaled to.

    The variance of z W + b over the first `examples` and all units is to be `variance` up to a share of
    `tolerance`, in at most `rounds` divisions.
    """

    examples: int
    tolerance: float
    rounds: int
    variance: float = 1.0


def find_unit_variances(
    words: Sequence[InitializerEntry], gain: float = 1.0
) -> tuple[UnitVariance | None, ...]:
    """The rule of every layer, by its initializer's row in `words`; None where data has no say.

    `gain` is of the hidden layers' weights, as everywhere: it makes their variance its square.
    """
    rules: list[UnitVariance | None] = []
    for number, word in enumerate(words, start=1):
        if word.distribution != "from data":
            rules.append(None)
            continue
        of = {key: float(value) for key, value in word.parameter_values.items()}
        variance = gain**2 if number < len(words) else 1.0
        rules.append(UnitVariance(int(of["examples"]), of["tolerance"], int(of["rounds"]), variance))
    return tuple(rules)


def scale_to_data(network: Network, params: Params, x: Array, rules: Sequence[UnitVariance | None]) -> Params:
    """`params` with the weights that have a rule scaled, from the input up, on `x` `(examples, inputs)`.

    The network is the one that is trained: with skips, and batch normalization by this batch.
    """
    z, scaled = x, []
    for number, (layer, rule) in enumerate(zip(network.add_extra_params(params), rules, strict=True)):
        drawn = z @ layer.weight
        factor = jnp.float32(1)
        if rule:
            factor = _factor(drawn[: rule.examples], layer.bias, rule)
        scaled.append(params[number]._replace(weight=params[number].weight * factor))
        if number == len(params) - 1:
            break
        s, _ = normalized_in_training(layer.norm, drawn * factor + layer.bias)
        out = network.act_of(layer)(s)
        z = out + z if network.skips(number, layer) else out
    return tuple(scaled)


def _factor(drawn: Array, bias: Array, rule: UnitVariance) -> Array:
    """What the weights are multiplied by, where `drawn` is z W; a layer whose output is 0 is left as it is.

    Without biases the first round is exact.
    """

    def again(_: int, factor: Array) -> Array:
        share = jnp.var(drawn * factor + bias) / rule.variance
        off = (jnp.abs(share - 1) >= rule.tolerance) & (share > 0)
        return jnp.where(off, factor / jnp.sqrt(jnp.where(off, share, 1.0)), factor)

    return jax.lax.fori_loop(0, rule.rounds, again, jnp.float32(1))
