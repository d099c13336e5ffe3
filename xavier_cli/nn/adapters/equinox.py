"""Adapts a module of Equinox, made again for every seed and called on one example at a time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
from jax import Array

from xavier_cli.nn.adapters.network import Mode, UserNetwork, switched, switches_of, taken_by

_AXIS = "batch"


def adapt(make: Callable[[Array], Any], made: Any, example: Array) -> UserNetwork:
    """The network of modules like `made`, or like the module of the pair `(module, eqx.nn.State)`."""
    has_state = isinstance(made, tuple)
    module = made[0] if has_state else made
    arrays, fixed = eqx.partition(module, eqx.is_array)
    structures = jax.tree.structure(arrays), jax.tree.structure(made[1] if has_state else {})
    takes_key = "key" in taken_by(type(module).__call__, "key")
    switches = switches_of(type(module).__call__)

    def init(key: Array) -> tuple[Any, Any]:
        drawn = make(key)
        params, _ = eqx.partition(drawn[0] if has_state else drawn, eqx.is_array)
        parts = params, drawn[1] if has_state else {}
        # A class that is defined in the user's function is another one each time.
        return tuple(
            jax.tree.unflatten(structure, jax.tree.leaves(part))
            for structure, part in zip(structures, parts, strict=True)
        )

    def apply(params: Any, state: Any, x: Array, key: Array | None, mode: Mode) -> tuple[Array, Any]:
        module = eqx.nn.inference_mode(eqx.combine(params, fixed), value=mode != "train")
        if mode == "look":
            module = _normalizing_as_in_training(module)
        given = switched(switches, mode)
        keys = {"key": jax.random.split(key, len(x))} if takes_key and key is not None else {}
        if not has_state:
            return jax.vmap(lambda x, keys: module(x, **keys, **given), axis_name=_AXIS)(x, keys), state
        logits, moved = jax.vmap(
            lambda x, state, keys: module(x, state, **keys, **given),
            axis_name=_AXIS,
            in_axes=(0, None, 0),
            out_axes=(0, None),
        )(x, state, keys)
        return logits, moved if mode == "train" else state

    return UserNetwork("Equinox", init, apply)


def _normalizing_as_in_training(module: Any) -> Any:
    def is_norm(each: Any) -> bool:
        return isinstance(each, eqx.nn.BatchNorm)

    return jax.tree.map(
        lambda each: eqx.nn.inference_mode(each, value=False) if is_norm(each) else each,
        module,
        is_leaf=is_norm,
    )
