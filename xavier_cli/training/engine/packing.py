"""Many small arrays as one, so that a record leaves the device in a single transfer."""

from __future__ import annotations

import math
from collections.abc import Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

Shapes = Mapping[str, jax.ShapeDtypeStruct]


def pack(arrays: Mapping[str, Array]) -> Array:
    """All `arrays` (32-bit floats or integers) behind each other, by name, as one vector of float32."""
    return jnp.concatenate(
        [jax.lax.bitcast_convert_type(arrays[name], jnp.float32).ravel() for name in sorted(arrays)]
    )


def unpack(packed: np.ndarray, shapes: Shapes) -> dict[str, np.ndarray]:
    """The arrays in `packed` of shape `(..., n)`, each of shape `(..., *shapes[name].shape)`."""
    arrays, start = {}, 0
    for name in sorted(shapes):
        stop = start + math.prod(shapes[name].shape)
        part = np.ascontiguousarray(packed[..., start:stop]).view(shapes[name].dtype)
        arrays[name] = part.reshape(packed.shape[:-1] + shapes[name].shape)
        start = stop
    return arrays
