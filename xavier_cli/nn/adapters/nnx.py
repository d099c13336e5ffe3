"""Adapts a module of Flax NNX, made again for every seed."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import jax
from flax import nnx
from jax import Array

from xavier_cli.nn.adapters.network import Mode, UserNetwork, switched, switches_of


def adapt(make: Callable[[Array], Any], made: nnx.Module, example: Array) -> UserNetwork:
    """The network of modules like `made`; all that is not `nnx.Param` is its state."""
    # The shapes of a network's parts are alike for all seeds; only the numbers are handed in.
    structure, params_like, state_like = jax.tree.map(
        lambda each: jax.ShapeDtypeStruct(each.shape, each.dtype), nnx.split(made, nnx.Param, ...)
    )
    switches = switches_of(type(made).__call__)
    takes_rngs = "rngs" in inspect.signature(type(made).__call__).parameters

    def init(key: Array) -> tuple[Any, Any]:
        _, params, state = nnx.split(make(key), nnx.Param, ...)
        return nnx.to_pure_dict(params), nnx.to_pure_dict(state)

    def apply(params: Any, state: Any, x: Array, key: Array | None, mode: Mode) -> tuple[Array, Any]:
        with_params, with_state = nnx.clone(params_like), nnx.clone(state_like)
        nnx.replace_by_pure_dict(with_params, params)
        nnx.replace_by_pure_dict(with_state, state)
        module = nnx.merge(structure, with_params, with_state)
        if mode == "evaluate":
            module.eval()
        else:
            module.train()
        if mode == "look":
            for _, each in nnx.iter_graph(module):
                if isinstance(each, nnx.Dropout):
                    each.deterministic = True
                elif isinstance(each, nnx.MultiHeadAttention):
                    each.dropout_rate = 0.0
        elif mode == "train" and key is not None:
            nnx.reseed(module, default=key, dropout=key)
        # A stream of keys for noise, as some modules ask for with every call.
        noise = {"rngs": nnx.Rngs(jax.random.key(0) if key is None else key)} if takes_rngs else {}
        logits = module(x, **switched(switches, mode), **noise)
        if mode != "train":
            return logits, state
        return logits, nnx.to_pure_dict(nnx.split(module, nnx.Param, ...)[2])

    return UserNetwork("Flax NNX", init, apply)
