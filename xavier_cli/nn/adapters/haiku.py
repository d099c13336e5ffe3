"""Adapts what Haiku's `transform` and `transform_with_state` return."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import haiku as hk
import jax
from jax import Array

from xavier_cli.nn.adapters.network import Mode, UserNetwork


def adapt(make: Callable[[Array], Any], made: Any, example: Array) -> UserNetwork:
    """The network of the transformed function `made`, which may have a parameter `is_training`."""
    transformed = made if isinstance(made, hk.TransformedWithState) else hk.with_empty_state(made)
    zeros = jax.numpy.zeros(example.shape, example.dtype)

    def call(function: Callable[..., Any], *arguments: Any, **switch: bool) -> Any:
        return function(*arguments, **switch) if has_switch else function(*arguments)

    has_switch = True
    try:
        jax.eval_shape(lambda key: transformed.init(key, zeros, is_training=True), jax.random.key(0))
    except TypeError as error:
        if "is_training" not in str(error):
            raise
        has_switch = False

    def init(key: Array) -> tuple[Any, Any]:
        params, state = call(transformed.init, key, zeros, is_training=True)
        return params, state

    def apply(params: Any, state: Any, x: Array, key: Array | None, mode: Mode) -> tuple[Array, Any]:
        logits, moved = call(transformed.apply, params, state, key, x, is_training=mode != "evaluate")
        return logits, moved if mode == "train" else state

    return UserNetwork("Haiku", init, apply)
