"""Computes convex polygons under affine maps in closed form: reach, area, and the pixels they cover.

A polygon is a regular one, inscribed in a circle of radius ½ with its base level, under an affine map. So
nothing here loops over corners; the slow twin in `tests/data/test_shapeset.py` does.

Arrays carry the image axis last: the arithmetic runs along images in full vectors.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import Array

VERTICES = (3, 4, 20)
"""Corners of a triangle, a parallelogram and an "ellipse" (kinds 0, 1 and 2)."""

# Outward normals of the edges that `spans` cuts with: `(axis, kind, edge, 1)`.
_ANGLES = np.array([[90 + 120 * k, 90 * k, 18 * k] for k in range(VERTICES[2] // 2)]).T[:, :, None] * (
    math.pi / 180
)
_NORMALS = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)]).astype(np.float32)
_FAR = 1e6  # pixels: an edge that does not bound a row on this side


class Pose(NamedTuple):
    """An affine map of the regular polygon into the image, `(x, y) + [[xx, xy], [yx, yy]] corner`.

    All `(..., images)` float32, in pixels; the determinant is positive.
    """

    xx: Array
    xy: Array
    yx: Array
    yy: Array
    x: Array
    y: Array


def support(kind: Array, u: Array, v: Array) -> Array:
    """Largest u·x + v·y over the corners of the regular polygon with circumradius ½ and a level base.

    Every kind is symmetric about the y axis, the square and the 20-gon about the x axis too: fold (u, v) and
    try the corners that are left (2, 1 and 5).
    """
    u = jnp.abs(u)
    triangle = jnp.maximum(_toward(30, u, v), -v)
    v = jnp.abs(v)
    ellipse = _toward(9, u, v)
    for degrees in (27, 45, 63, 81):
        ellipse = jnp.maximum(ellipse, _toward(degrees, u, v))
    return 0.5 * jnp.where(kind == 0, triangle, jnp.where(kind == 1, _toward(45, u, v), ellipse))


def _toward(degrees: float, u: Array, v: Array) -> Array:
    return math.cos(math.radians(degrees)) * u + math.sin(math.radians(degrees)) * v


def area(kind: Array, pose: Pose) -> Array:
    """Area in square pixels: sx · sy · n sin(2π/n) / 8, for sx · sy is the map's determinant."""
    return (pose.xx * pose.yy - pose.xy * pose.yx) * per_kind(
        kind, [n * math.sin(2 * math.pi / n) / 8 for n in VERTICES]
    )


def spans(kind: Array, pose: Pose, side: int) -> tuple[Array, Array]:
    """First and last pixel covered in each row: two `(images, side)` int8; none are where last < first.

    An edge with outward normal u (before the map M) is the half-plane N·q ≤ a, with q from the centre,
    N = det(M) M⁻ᵀ u and a = det(M) cos(π/n) / 2. A row is cut by all of them. Opposite edges of the 4- and
    the 20-gon share a slab, so ten slabs do for every kind (the square repeats its 2; the triangle its 3
    edges, open on the other side).
    """
    det = pose.xx * pose.yy - pose.xy * pose.yx
    apothem = det * per_kind(kind, [0.5 * math.cos(math.pi / n) for n in VERTICES])
    dy = jnp.arange(side, dtype=jnp.float32)[None] + 0.5 - pose.y[:, None]
    ux, uy = (per_kind(kind[None], _NORMALS[axis]) for axis in range(2))
    xx, xy, yx, yy = (a[None] for a in pose[:4])
    nx, ny = yy * ux - yx * uy, xx * uy - xy * ux
    nx = jnp.where(jnp.abs(nx) < 1e-5, 1e-5, nx)  # a level edge: steep instead, by far less than a pixel
    # These end in a division on purpose: XLA keeps the result of a division for all rows, but would repeat
    # anything cheaper in each of them.
    slope = -ny / nx
    open_side = (kind == 0)[None]
    left = jnp.where(open_side & (nx > 0), _FAR, apothem[None]) / jnp.abs(nx)
    right = jnp.where(open_side & (nx < 0), _FAR, apothem[None]) / jnp.abs(nx)
    low = slope[0, :, None] * dy - left[0, :, None]
    high = slope[0, :, None] * dy + right[0, :, None]
    for k in range(1, len(slope)):
        middle = slope[k, :, None] * dy
        low = jnp.maximum(low, middle - left[k, :, None])
        high = jnp.minimum(high, middle + right[k, :, None])
    shift = pose.x[:, None] - 0.5
    begin = jnp.ceil(jnp.clip(low + shift, 0, side))
    end = jnp.floor(jnp.clip(high + shift, -1, side - 1))
    return begin.astype(jnp.int8), end.astype(jnp.int8)


def per_kind(kind: Array, values: Sequence[float] | np.ndarray) -> Array:
    """The value of each object's kind, float32; `values` has one entry (or array) for each kind."""
    return jnp.where(kind == 0, values[0], jnp.where(kind == 1, values[1], values[2])).astype(jnp.float32)
