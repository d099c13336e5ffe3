"""Codes pixels as a network's inputs, from the number of a black one to that of a white one."""

from __future__ import annotations

import jax.numpy as jnp
from jax import Array


def decode(pixels: Array, coding: tuple[float, float]) -> Array:
    """`pixels`, bytes 0..255 or floats 0..1, as float32 from `coding[0]` (black) to `coding[1]` (white)."""
    low, high = coding
    white = 255 if pixels.dtype == jnp.uint8 else 1
    return pixels.astype(jnp.float32) * ((high - low) / white) + low
