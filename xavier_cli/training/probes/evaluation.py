"""Computes the loss and the error of one network on many examples, block by block."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xavier_cli.data.coding import decode
from xavier_cli.nn.losses import Loss

BLOCK = 500


class Evaluation(NamedTuple):
    """The performance of one network on the examples that were evaluated."""

    loss: Array
    """Mean loss, shape `()`."""
    error: Array
    """Fraction classified wrongly, 0..1, shape `()`."""
    correct: Array
    """`(n,)` uint8: 1 classified correctly, 0 wrongly or not evaluated."""


def evaluate(
    pixels: Array,
    labels: Array,
    examples: Array,
    logits_of: Callable[[Array], Array],
    loss: Loss,
    coding: tuple[float, float],
) -> Evaluation:
    """Evaluate a network on the first `examples` of n, or on all n where those are fewer.

    **Arguments:** `pixels`, `(n, inputs)`, bytes or floats; `labels`, `(n,)`, int32; `examples`, int32, `()`,
    traced; `logits_of`, which gives the logits of inputs `(block, inputs)`; `coding`, what `decode` maps
    pixels to.
    """
    size = min(BLOCK, len(labels))
    last = len(labels) - size
    examples = jnp.minimum(examples, len(labels))

    def block(i: Array, so_far: tuple[Array, Array]) -> tuple[Array, Array]:
        loss_sum, correct = so_far
        begin = i * size
        # Where n is no multiple, the last block begins earlier, and examples already counted are left out.
        first = jnp.minimum(begin, last) if len(labels) % size else begin
        x = decode(jax.lax.dynamic_slice_in_dim(pixels, first, size), coding)
        truth = jax.lax.dynamic_slice_in_dim(labels, first, size)
        logits = logits_of(x)
        index = first + jnp.arange(size)
        wanted = (index >= begin) & (index < examples)
        right = (wanted & (jnp.argmax(logits, axis=-1) == truth)).astype(jnp.uint8)
        loss_sum += jnp.sum(jnp.where(wanted, loss(logits, truth), 0.0))
        right |= jax.lax.dynamic_slice_in_dim(correct, first, size)
        return loss_sum, jax.lax.dynamic_update_slice_in_dim(correct, right, first, 0)

    start = jnp.float32(0), jnp.zeros(len(labels), jnp.uint8)
    loss_sum, correct = jax.lax.fori_loop(0, -(-examples // size), block, start)
    error = 1 - jnp.sum(correct, dtype=jnp.int32) / examples
    return Evaluation(loss_sum / examples, error, correct)


def exact_share(share: np.ndarray, examples: int) -> np.ndarray:
    """`share`, a float32 fraction of `examples`, rounded to the exact fraction in float64 (any shape).

    393 of 10,000 are .0393, which float32 cannot represent.
    """
    # NaN stays NaN.
    return np.asarray(np.rint(share.astype(np.float64) * examples) / examples)
