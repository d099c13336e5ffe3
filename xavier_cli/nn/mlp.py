"""Defines the multi-layer perceptron: its parameters, first weights and plain forward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import groupby, pairwise
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.nn.initializers import Initializer

from xavier_cli.nn.activations import Activation


class Norm(NamedTuple):
    """What normalizes a layer's pre-activations, each of shape `(fan_out,)`.

    `mean` and `variance` are running averages over batches, which only batch normalization keeps.
    """

    scale: Array
    shift: Array
    mean: Array | None = None
    variance: Array | None = None


class Dense(NamedTuple):
    """One layer: `weight` of shape `(fan_in, fan_out)`, `bias` of shape `(fan_out,)`.

    Of a hidden layer also the activation's learned `slope`, a number, and what normalizes it, where the
    network has them.
    """

    weight: Array
    bias: Array
    slope: Array | None = None
    norm: Norm | None = None


Params = tuple[Dense, ...]
"""All layers from the input up; the last one gives the logits."""


class Taps(NamedTuple):
    """What the forward pass met, one array of shape `(batch, width)` per hidden layer.

    `preactivations` are what the non-linearity is given, `activations` what it makes of them. `affine` are
    z W + b before they are normalized, and `inputs` what enters each layer of weights, the output layer's
    last: in a plain network the pre-activations, and the input and the activations, once more.
    """

    preactivations: tuple[Array, ...]
    activations: tuple[Array, ...]
    affine: tuple[Array, ...]
    inputs: tuple[Array, ...]


def layer_sizes(inputs: int, depth: int, width: int | Sequence[int], classes: int) -> tuple[int, ...]:
    """Units from the input to the logits, `depth + 2` of them; `width` is every hidden layer's, or each's."""
    return (inputs, *([width] * depth if isinstance(width, int) else width), classes)


def init_params(
    key: Array,
    sizes: Sequence[int],
    initializer: Initializer | Sequence[Initializer],
    bias: Callable[[int, tuple[int, int]], Array] | None = None,
) -> Params:
    """First weights by `initializer`, one for all layers or one for each.

    Layer i, counted from 0, is drawn with `fold_in(key, i)`, so that a deeper network starts with the layers
    of a shallower one. Layers of one shape are drawn in one compiled loop: random bits take long to compile.

    **Arguments:** `sizes`, the units from the input to the logits; `bias(i, fans)`, the biases of layer i,
    all 0 without it (section 2.3).
    """
    layers: list[Dense] = []
    every = [initializer] * (len(sizes) - 1) if callable(initializer) else initializer
    for (fans, draw), alike in groupby(zip(pairwise(sizes), every, strict=True)):
        numbers = jnp.arange(len(layers), len(layers) + len(list(alike)))
        keys = jax.vmap(partial(jax.random.fold_in, key))(numbers)
        weights = jax.lax.map(partial(draw, shape=fans, dtype=jnp.float32), keys)
        for weight in weights:
            layers.append(Dense(weight, bias(len(layers), fans) if bias else jnp.zeros(fans[1])))
    return tuple(layers)


def forward(
    params: Params, x: Array, act: Activation, zeros: Sequence[Array] | None = None
) -> tuple[Array, Taps]:
    """Logits `(batch, classes)` of inputs `x` of shape `(batch, inputs)`, and what was met on the way.

    `zeros`, one per hidden layer, are added to the pre-activations: the gradient with respect to them is
    the back-propagated gradient dC/ds.
    """
    preactivations, inputs = [], [x]
    z = x
    for i, layer in enumerate(params[:-1]):
        s = z @ layer.weight + layer.bias
        if zeros is not None:
            s = s + zeros[i]
        z = act(s)
        preactivations.append(s)
        inputs.append(z)
    logits = z @ params[-1].weight + params[-1].bias
    return logits, Taps(tuple(preactivations), tuple(inputs[1:]), tuple(preactivations), tuple(inputs))
