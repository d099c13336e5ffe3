"""Writes a convolution as patches times a matrix.

XLA's convolutions on a CPU are about as fast as others outside a loop, and many times slower within a `scan`,
where a training step is; products of matrices are equally fast in both. The answer differs by rounding alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Any

import jax.numpy as jnp
from jax import Array, lax


def can_be_product(params: dict[str, Any]) -> bool:
    """Whether a convolution of these parameters is written as a product; groups of examples are not."""
    return params["batch_group_count"] == 1


def convolve(lhs: Array, rhs: Array, params: dict[str, Any]) -> Array:
    """What `conv_general_dilated` gives for `lhs`, `rhs` and its parameters, as a product."""
    numbers = params["dimension_numbers"]
    batch, feature, *space = numbers.lhs_spec
    out, into, *kernel_space = numbers.rhs_spec
    x = jnp.transpose(lhs, (batch, *space, feature))
    w = jnp.transpose(rhs, (*kernel_space, into, out))
    y = _convolve(
        x,
        w,
        tuple(params["window_strides"]),
        tuple(map(tuple, params["padding"])),
        tuple(params["lhs_dilation"]),
        tuple(params["rhs_dilation"]),
        params["feature_group_count"],
        params["precision"],
    )
    wanted = params["preferred_element_type"]
    y = y if wanted is None else y.astype(wanted)
    out_batch, out_feature, *out_space = numbers.out_spec
    places = [0] * y.ndim
    for at, axis in enumerate((out_batch, *out_space, out_feature)):
        places[axis] = at
    return jnp.transpose(y, places)


def _convolve(
    x: Array,
    w: Array,
    strides: Sequence[int],
    padding: Sequence[tuple[int, int]],
    x_dilation: Sequence[int],
    w_dilation: Sequence[int],
    groups: int,
    precision: Any,
) -> Array:
    """`x` `(examples, *space, channels)` by `w` `(*window, channels of a group, units)`."""
    window, per_group, units = w.shape[:-2], w.shape[-2], w.shape[-1]
    edges = [(low, high, dilation - 1) for (low, high), dilation in zip(padding, x_dilation, strict=True)]
    if any(any(edge) for edge in edges):
        x = lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *edges, (0, 0, 0)])
    sizes = [
        (size - (span - 1) * dilation - 1) // stride + 1
        for size, span, dilation, stride in zip(x.shape[1:-1], window, w_dilation, strides, strict=True)
    ]
    parts = []
    for at in product(*map(range, window)):
        starts = [index * dilation for index, dilation in zip(at, w_dilation, strict=True)]
        limits = [
            start + (size - 1) * stride + 1
            for start, size, stride in zip(starts, sizes, strides, strict=True)
        ]
        parts.append(lax.slice(x, (0, *starts, 0), (x.shape[0], *limits, x.shape[-1]), (1, *strides, 1)))
    if per_group == 1 and units == groups:  # each channel by itself: nothing to sum but the window
        weights = w.reshape(math.prod(window), units)
        scaled = (part * weights[number] for number, part in enumerate(parts))
        return sum(scaled, start=jnp.zeros((), x.dtype))
    if groups == 1:
        patches = parts[0] if len(parts) == 1 else jnp.concatenate(parts, axis=-1)
        return jnp.matmul(patches, w.reshape(-1, units), precision=precision)
    patches = jnp.stack([part.reshape(*part.shape[:-1], groups, per_group) for part in parts], axis=-2)
    weights = w.reshape(math.prod(window), per_group, groups, units // groups)
    y = jnp.einsum("...gki,kigo->...go", patches, weights, precision=precision)
    return y.reshape(*y.shape[:-2], units)
