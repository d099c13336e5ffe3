"""Numbers for tests to begin with, drawn so that little is compiled.

JAX compiles a program for every shape that it draws, which takes half a second of a processor.
"""

from __future__ import annotations

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array


def normal(seed: int, *shape: int, std: float = 1.0) -> Array:
    """Normal numbers of float32, drawn by NumPy."""
    return jnp.asarray(std * np.random.default_rng(seed).standard_normal(shape), jnp.float32)


def normals_by_key(key: Any, *shapes: tuple[int, ...]) -> list[Array]:
    """Normal numbers of each shape, cut out of one draw; for a network's `init`, which is given a key."""
    ends = np.cumsum([math.prod(shape) for shape in shapes])
    parts = jnp.split(jax.random.normal(key, (int(ends[-1]),)), ends[:-1])
    return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]
