"""Adapts a module of Flax Linen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
from jax import Array

from xavier_cli.nn.adapters.network import Mode, UserNetwork, switched, switches_of


def adapt(make: Callable[[Array], Any], made: nn.Module, example: Array) -> UserNetwork:
    """The network of the module `made`; `batch_stats` and other collections are its state."""
    switches = switches_of(type(made).__call__)

    def init(key: Array) -> tuple[Any, Any]:
        keys = {"params": key, "dropout": jax.random.fold_in(key, 1)}
        zeros = jax.numpy.zeros(example.shape, example.dtype)
        variables = dict(made.init(keys, zeros, **switched(switches, "evaluate")))
        return variables.pop("params", {}), variables

    def apply(params: Any, state: Any, x: Array, key: Array | None, mode: Mode) -> tuple[Array, Any]:
        given = switched(switches, mode)
        # Flax draws for other names, as of noise, by the key of "params".
        keys = {} if key is None else {"dropout": key, "params": jax.random.fold_in(key, 1)}
        # In use, too: a module without a switch may move its statistics whatever it is called for.
        with nn.intercept_methods(_as_it_is if mode == "train" else _all_kept):
            logits, moved = made.apply({"params": params, **state}, x, rngs=keys, mutable=[*state], **given)
        return logits, moved if mode == "train" and state else state

    return UserNetwork("Flax Linen", init, apply)


def _all_kept(call: Callable[..., Any], args: Any, kwargs: Any, context: Any) -> Any:
    """Dropout as it is in use, whatever the module's switch says; attention has one of its own."""
    module = context.module
    if isinstance(module, nn.Dropout) and context.method_name == "__call__":
        return args[0] if args else kwargs["inputs"]
    if not isinstance(module, nn.MultiHeadDotProductAttention) or not module.dropout_rate:
        return call(*args, **kwargs)
    rate = module.dropout_rate
    # Modules are frozen.
    object.__setattr__(module, "dropout_rate", 0.0)
    try:
        return call(*args, **kwargs)
    finally:
        object.__setattr__(module, "dropout_rate", rate)


def _as_it_is(call: Callable[..., Any], args: Any, kwargs: Any, context: Any) -> Any:
    return call(*args, **kwargs)
