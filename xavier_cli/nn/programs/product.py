"""Evaluates a product of tensors as one of matrices, or of a row of matrices.

XLA's code for CPUs is fast for two axes, or three where one is of matrices side by side. An attention's
products have four, and a layer's on a sequence three: their operands are copied about. Merged axes cost
nothing where they are neighbours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

Dimensions = tuple[tuple[Sequence[int], Sequence[int]], tuple[Sequence[int], Sequence[int]]]
"""As `jax.lax.dot_general` has them: contracted axes of both operands, then axes of matrices side by side."""


def is_merged(dimensions: Dimensions, *ranks: int) -> bool:
    """Whether a product of operands of these `ranks` is one of matrices already."""
    (contracted, _), (side_by_side, _) = dimensions
    return len(contracted) == 1 and all(
        rank <= 2 + len(side_by_side) and len(side_by_side) < 2 for rank in ranks
    )


def merged_product(
    lhs: Array, rhs: Array, *, dimensions: Dimensions, precision: Any, preferred_element_type: Any
) -> Array:
    """`jax.lax.dot_general(lhs, rhs, dimensions)`, evaluated with at most one axis of each kind."""
    contracted, side_by_side = dimensions
    left, left_free, at_left = _merged(lhs, contracted[0], side_by_side[0])
    right, right_free, at_right = _merged(rhs, contracted[1], side_by_side[1])
    rows = (0,) if side_by_side[0] else ()
    product = lax.dot_general(
        left,
        right,
        (((at_left,), (at_right,)), (rows, rows)),
        precision=precision,
        preferred_element_type=preferred_element_type,
    )
    return product.reshape(*(lhs.shape[axis] for axis in side_by_side[0]), *left_free, *right_free)


def _merged(x: Array, contracted: Sequence[int], rows: Sequence[int]) -> tuple[Array, tuple[int, ...], int]:
    """`x` with one axis of each kind, the shape of the free ones, and where the contracted one stands."""
    free = [axis for axis in range(x.ndim) if axis not in (*contracted, *rows)]
    in_front = [*rows, *contracted, *free] == [*range(x.ndim)]
    order = [*rows, *contracted, *free] if in_front else [*rows, *free, *contracted]
    shape = tuple(x.shape[axis] for axis in free)
    inner = math.prod(x.shape[axis] for axis in contracted)
    sides = (inner, math.prod(shape)) if in_front else (math.prod(shape), inner)
    leading = (math.prod(x.shape[axis] for axis in rows),) if rows else ()
    merged = jnp.transpose(x, order).reshape(*leading, *sides)
    return merged, shape, len(leading) + (0 if in_front else 1)
