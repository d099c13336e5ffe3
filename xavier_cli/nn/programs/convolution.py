"""Evaluates a convolution in a form that is fast on a CPU, within loops too.

XLA brings convolutions into the form that its fast code needs only outside of loops. Within a `scan`, where a
training step is, gradients as JAX writes them fall back to code that is up to a hundred times slower. Here
they are written in that form beforehand, or as products. Answers differ by rounding alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

import jax
import jax.numpy as jnp
from jax import Array, lax

Form = Literal["canonical", "product"]
"""`canonical`: channels last, unflipped, each group by itself; a product where that is faster. `product`:
patches times a matrix, always."""

Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Geometry:
    """How a window moves over space: a number, or a pair, per axis of space, as XLA counts them."""

    strides: tuple[int, ...]
    padding: Pairs
    dilation: tuple[int, ...]
    window_dilation: tuple[int, ...]
    precision: Any

    def sizes(self, space: Sequence[int], window: Sequence[int]) -> tuple[int, ...]:
        """The output's space."""
        return tuple(
            (size + (size - 1) * (spread - 1) + low + high - (span - 1) * apart - 1) // stride + 1
            for size, span, stride, (low, high), spread, apart in zip(
                space, window, self.strides, self.padding, self.dilation, self.window_dilation, strict=True
            )
        )

    def padded(self, x: Array) -> Array:
        """`x` `(examples, *space, …)` dilated and padded, so that only windows are left to move."""
        edges = [(low, high, by - 1) for (low, high), by in zip(self.padding, self.dilation, strict=True)]
        if not any(any(edge) for edge in edges):
            return x
        around = [(0, 0, 0)] * (x.ndim - 1 - len(edges))
        return lax.pad(x, jnp.zeros((), x.dtype), [(0, 0, 0), *edges, *around])


def convolve(lhs: Array, rhs: Array, params: dict[str, Any], form: Form) -> Array:
    """What `conv_general_dilated` gives for `lhs`, `rhs` and its parameters, evaluated in `form`."""
    numbers = params["dimension_numbers"]
    batch, feature, *space = numbers.lhs_spec
    out, into, *window = numbers.rhs_spec
    x, w = jnp.transpose(lhs, (batch, *space, feature)), jnp.transpose(rhs, (*window, into, out))
    geometry = Geometry(
        tuple(params["window_strides"]),
        tuple((low, high) for low, high in params["padding"]),
        tuple(params["lhs_dilation"]),
        tuple(params["rhs_dilation"]),
        params["precision"],
    )
    of_features, of_examples = params["feature_group_count"], params["batch_group_count"]
    if of_features == of_examples == 1:
        y = _dense(x, w, geometry, form)
    else:
        groups = max(of_features, of_examples)
        # (examples, *space, groups, channels of a group), and the units of a group.
        if of_features > 1:
            x = x.reshape(*x.shape[:-1], groups, -1)
        else:
            x = jnp.moveaxis(x.reshape(groups, -1, *x.shape[1:]), 0, -2)
        w = w.reshape(*w.shape[:-1], groups, -1)
        y = _grouped(x, w, geometry, form)
    wanted = params["preferred_element_type"]
    y = y.astype(lhs.dtype if wanted is None else wanted)
    out_batch, out_feature, *out_space = numbers.out_spec
    places = [0] * y.ndim
    for at, axis in enumerate((out_batch, *out_space, out_feature)):
        places[axis] = at
    return jnp.transpose(y, places)


def over_members(evaluate: Callable[[Array, Array], Array], form: Form) -> Callable[[Array, Array], Array]:
    """`evaluate` of two arrays that share a leading axis, over that axis."""
    if form == "product":
        return jax.vmap(evaluate)
    # Under vmap the members would become groups, for which XLA has no fast code.
    return lambda lhs, rhs: lax.map(lambda each: evaluate(*each), (lhs, rhs))


def _grouped(x: Array, w: Array, geometry: Geometry, form: Form) -> Array:
    """`x` `(examples, *space, groups, channels)` by `w` `(*window, channels, groups, units)`.

    **Returns:** `(examples, *space, groups · units)`.
    """
    groups, units = w.shape[-2:]
    if units == 1 and (x.shape[-1] == 1 or len(x) == 1):
        return _lanes(x, w[..., 0], geometry)
    by_group = over_members(lambda x, w: _dense(x, w, geometry, form), form)
    y = jnp.moveaxis(by_group(jnp.moveaxis(x, -2, 0), jnp.moveaxis(w, -2, 0)), 0, -2)
    return y.reshape(*y.shape[:-2], groups * units)


def _lanes(x: Array, w: Array, geometry: Geometry) -> Array:
    """Depthwise: `x` `(examples, *space, groups, channels)` by `w` `(*window, channels, groups)`.

    A product per channel would be of a vector; here all channels are multiplied side by side.
    """
    window = w.shape[:-2]
    space = geometry.sizes(x.shape[1:-2], window)
    exact = jnp.promote_types(x.dtype, jnp.float32)
    x = geometry.padded(x)
    if math.prod(window) <= math.prod(space):
        total = jnp.zeros((), exact)
        for at in product(*map(range, window)):
            part = _strided(x, at, geometry.window_dilation, space, geometry.strides)
            total = total + jnp.sum(part.astype(exact) * jnp.moveaxis(w[at], 0, -1).astype(exact), axis=-1)
        return total
    turned = jnp.moveaxis(w, -1, -2).astype(exact)
    inside = (*range(1, 1 + len(window)), x.ndim - 1)
    parts = [
        jnp.sum(
            _strided(x, at, geometry.strides, window, geometry.window_dilation).astype(exact) * turned,
            axis=inside,
        )
        for at in product(*map(range, space))
    ]
    return jnp.stack(parts, axis=1).reshape(len(x), *space, -1)


def _dense(x: Array, w: Array, geometry: Geometry, form: Form) -> Array:
    """`x` `(examples, *space, channels)` by `w` `(*window, channels, units)`."""
    window = w.shape[:-2]
    space = geometry.sizes(x.shape[1:-1], window)
    if form == "product" or math.prod(window) == 1 or math.prod(space) == 1:
        return _product(x, w, geometry)
    axes = "DHW"[-len(window) :] if len(window) <= 3 else "".join(map(str, range(len(window))))
    return lax.conv_general_dilated(
        x,
        w,
        geometry.strides,
        geometry.padding,
        geometry.dilation,
        geometry.window_dilation,
        dimension_numbers=(f"N{axes}C", f"{axes}IO", f"N{axes}C"),
        precision=geometry.precision,
    )


def _product(x: Array, w: Array, geometry: Geometry) -> Array:
    """Patches times a matrix; the patches are cut by place in the window or in space, whichever are fewer."""
    window, units = w.shape[:-2], w.shape[-1]
    space = geometry.sizes(x.shape[1:-1], window)
    x = geometry.padded(x)
    if math.prod(window) <= math.prod(space):
        parts = [
            _strided(x, at, geometry.window_dilation, space, geometry.strides)
            for at in product(*map(range, window))
        ]
        patches = parts[0] if len(parts) == 1 else jnp.concatenate(parts, axis=-1)
        return jnp.matmul(patches, w.reshape(-1, units), precision=geometry.precision)
    parts = [
        _strided(x, at, geometry.strides, window, geometry.window_dilation).reshape(len(x), -1)
        for at in product(*map(range, space))
    ]
    patches = parts[0][:, None] if len(parts) == 1 else jnp.stack(parts, axis=1)
    y = jnp.matmul(patches, w.reshape(-1, units), precision=geometry.precision)
    return y.reshape(len(x), *space, units)


def _strided(
    x: Array, at: Sequence[int], apart: Sequence[int], sizes: Sequence[int], strides: Sequence[int]
) -> Array:
    """Of `x` `(examples, *space, …)` the `sizes` places from `at · apart` on, `strides` apart."""
    starts = [index * by for index, by in zip(at, apart, strict=True)]
    ends = [
        start + (size - 1) * stride + 1 for start, size, stride in zip(starts, sizes, strides, strict=True)
    ]
    around = x.ndim - 1 - len(starts)
    return lax.slice(
        x,
        (0, *starts, *[0] * around),
        (len(x), *ends, *x.shape[x.ndim - around :]),
        (1, *strides, *[1] * around),
    )
