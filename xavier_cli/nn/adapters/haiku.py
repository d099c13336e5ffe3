"""Adapts what Haiku's `transform` and `transform_with_state` return."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import haiku as hk
import jax
from jax import Array

from xavier_cli.nn.adapters.network import SWITCHES, Mode, UserNetwork, switched


def adapt(make: Callable[[Array], Any], made: Any, example: Array) -> UserNetwork:
    """The network of the transformed function `made`, which may have a parameter such as `is_training`."""
    # `hk.without_apply_rng` leaves the key out.
    takes_key = "rng" in inspect.signature(made.apply).parameters
    transformed = made if isinstance(made, hk.TransformedWithState) else hk.with_empty_state(made)
    zeros = jax.numpy.zeros(example.shape, example.dtype)

    switches = {name: SWITCHES[name] for name in SWITCHES if _takes(transformed.init, zeros, name)}
    if len(switches) == len(SWITCHES):  # any keyword
        switches = {"is_training": True}

    def init(key: Array) -> tuple[Any, Any]:
        params, state = transformed.init(key, zeros, **switched(switches, "train"))
        return params, state

    def apply(params: Any, state: Any, x: Array, key: Array | None, mode: Mode) -> tuple[Array, Any]:
        given = (key, x) if takes_key else (x,)
        with _all_kept() if mode == "look" else nullcontext():
            logits, moved = transformed.apply(params, state, *given, **switched(switches, mode))
        return logits, moved if mode == "train" else state

    return UserNetwork("Haiku", init, apply)


@contextmanager
def _all_kept() -> Iterator[None]:
    """Has `hk.dropout`, a function that asks for no mode, drop nothing."""
    dropout = hk.dropout
    hk.dropout = lambda rng, rate, x, broadcast_dims=(): x
    try:
        yield
    finally:
        hk.dropout = dropout


def _takes(init: Callable[..., Any], zeros: Array, switch: str) -> bool:
    """Whether the function has the parameter `switch`; Haiku hides its signature."""
    try:
        jax.eval_shape(lambda key: init(key, zeros, **{switch: True}), jax.random.key(0))
    except TypeError as error:
        return f"unexpected keyword argument '{switch}'" not in str(error)
    return True
