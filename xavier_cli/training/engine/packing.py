"""Packs many small arrays into one, so that a record leaves the device in a single transfer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array


# What lies in the vector belongs to the tree's structure: a program that returns a `Packed` says what is in
# it, also where it was compiled long ago, and no function has to leave it anywhere while it is traced.
@partial(jax.tree_util.register_dataclass, data_fields=["vector"], meta_fields=["contents"])
@dataclass(frozen=True)
class Packed:
    """Arrays behind each other in one `vector` of float32, shape `(..., n)`.

    `contents` are name, shape and type of each, in the order in which they lie there; whatever loops over a
    program that packs adds its axes to the vector, before the arrays' own.
    """

    vector: Any
    contents: tuple[tuple[str, tuple[int, ...], str], ...]


def pack(arrays: Mapping[str, Array]) -> Packed:
    """All `arrays` (32-bit floats or integers), in order of name, bit by bit as one float32 `(n,)`."""
    names = sorted(arrays)
    vector = jnp.concatenate(
        [jax.lax.bitcast_convert_type(arrays[name], jnp.float32).ravel() for name in names]
    )
    return Packed(vector, tuple((name, arrays[name].shape, arrays[name].dtype.name) for name in names))


def unpack(packed: Packed) -> dict[str, np.ndarray]:
    """The inverse of `pack`, on the host: arrays of shape `(..., *its own)`."""
    arrays, start = {}, 0
    for name, shape, dtype in packed.contents:
        stop = start + math.prod(shape)
        part = np.ascontiguousarray(packed.vector[..., start:stop]).view(dtype)
        arrays[name] = part.reshape(packed.vector.shape[:-1] + shape)
        start = stop
    return arrays
