"""Says whether what a network gives are logits, and what it would take where it cannot take the examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from xavier_cli.nn.adapters.network import adapt
from xavier_cli.vocabulary.process_state import kept_state
from xavier_cli.vocabulary.user_functions import UserFunctionError


def check_logits(word: str, answer: Any, examples: int, classes: int, what_fits: Callable[[], str]) -> None:
    """Raise `UserFunctionError` unless `answer`, shapes only, is real and `(examples, classes)`.

    `what_fits()` is a remedy, empty where none is known.
    """
    wanted = f"logits `(examples, classes)`, here ({examples}, {classes})"
    if not isinstance(answer, jax.ShapeDtypeStruct):
        leaves = jax.tree.leaves(answer)
        held = ", ".join(str(tuple(each.shape)) for each in leaves[:4]) + (", …" if len(leaves) > 4 else "")
        told = f"{type(answer).__name__} of {len(leaves)} arrays, {held}" if leaves else "no array"
        raise UserFunctionError(
            f"`{word}`: its network gives {told}; it is to give {wanted}, and these alone"
        )
    shape = tuple(answer.shape)
    if shape != (examples, classes):
        if len(shape) == 2 and shape[0] == examples:
            told = f"gives {shape[1]:,} logit{'s' * (shape[1] != 1)}, the data has {classes} classes"
            raise UserFunctionError(f"`{word}`: it {told}: take their number from the word `classes`")
        told = f"gives an array of shape {shape} for {examples} examples"
        raise UserFunctionError(f"`{word}`: its network {told}; it is to give {wanted}{what_fits()}")
    if not jnp.issubdtype(answer.dtype, jnp.floating):
        raise UserFunctionError(
            f"`{word}`: its network gives {answer.dtype}, not logits: return real numbers, before any argmax"
        )


def what_would_fit(make: Callable[[Array], Any], few: Array, classes: int, key: Array) -> str:
    """What is to be done for a network that cannot take `few` but takes them otherwise; empty where nothing
    is known."""
    n, *inputs = few.shape
    if _answers(make, tuple(few.shape), key) == (n, classes):
        return ""  # something else is wrong
    others: list[tuple[tuple[int, ...], str]] = []
    if len(inputs) == 3:
        height, width, channels = inputs
        others.append(
            (
                (n, channels, height, width),
                f"it takes channels first, and gets them last, {(*inputs,)}: begin with "
                "`jnp.moveaxis(x, -1, -3)`",
            )
        )
        if channels == 1:
            others.append(((n, height, width), "it takes no axis of channels: begin with `x[..., 0]`"))
    if len(inputs) == 2:
        others.append(((n, *inputs, 1), "it takes an axis of channels: begin with `x[..., None]`"))
        others.append(
            ((n, 1, *inputs), "it takes channels first: begin with `jnp.expand_dims(x, -3)`"),
        )
    if len(inputs) > 1:
        size = few[0].size
        others.append(((n, size), f"it takes flat inputs of {size:,}, and gets {(*inputs,)}: flatten them"))
    for shape, told in others:
        if _answers(make, shape, key) == (n, classes):
            return f"; {told}"
    if _answers(make, tuple(inputs), key, within=tuple(inputs)) == (classes,):
        return "; it takes one example at a time: return its `jax.vmap` over examples"
    return ""


def _answers(
    make: Callable[[Array], Any], shape: tuple[int, ...], key: Array, within: tuple[int, ...] | None = None
) -> tuple[int, ...] | None:
    """The shape of what it gives for inputs of this shape; None where it cannot take them."""
    example = jnp.zeros(within if within is not None else (1, *shape[1:]))

    def answer(x: Array) -> Any:
        network = adapt(make, example, key)
        params, state = network.init(key)
        return network.apply(params, state, x, key, "look")[0]

    try:
        with kept_state():
            found = jax.eval_shape(answer, jax.ShapeDtypeStruct(shape, jnp.float32))
    except KeyboardInterrupt:
        raise
    except BaseException:
        return None
    return tuple(found.shape) if isinstance(found, jax.ShapeDtypeStruct) else None
