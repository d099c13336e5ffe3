"""Gives a network's function its random key as it takes it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from jax import Array


def keys_for(takes: Collection[str], key: Array) -> dict[str, Any]:
    """`key` for a function with parameters of these names: JAX's as `key`, a stream of NNX's as `rngs`."""
    given: dict[str, Any] = {"key": key} if "key" in takes else {}
    if "rngs" in takes:
        from flax import nnx

        given["rngs"] = nnx.Rngs(key)
    return given
