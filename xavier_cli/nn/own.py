"""Tries out functions of the user's own, as activations and initializers, before anything is compiled."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.nn.initializers import Initializer

from xavier_cli.own import OwnFunctionError, load_own, one_line

Activation = Callable[[Array], Array]

# Where an activation is tried: also at 0, and where an exponential would overflow.
_TRIED = np.concatenate([np.linspace(-12.0, 12.0, 193), [-100.0, 100.0, 1e-6]]).astype(np.float32)


def own_activation(word: str) -> Activation:
    """The activation that `word` names, tried out; raises `OwnFunctionError`."""
    return _tried_activation(load_own(word), word)


def own_initializer(word: str, shape: tuple[int, ...] = (6, 4)) -> Initializer:
    """The initializer that `word` names, tried out at `shape`; raises `OwnFunctionError`."""
    return _tried_initializer(load_own(word), word, shape)


@cache
def _tried_activation(function: Activation, word: str) -> Activation:
    expected = "an activation takes an array of any shape and maps each number of it, in the same dtype"
    for shape in ((6, 4), ()):
        _same(
            word, expected, traced(word, expected, function, jax.ShapeDtypeStruct(shape, jnp.float32)), shape
        )
    s = jnp.asarray(_TRIED)
    # Theory asks in double precision, which JAX hands to no Python.
    if {"pure_callback", "io_callback"} & {*re.findall(r"\w+", str(jax.make_jaxpr(function)(s)))}:
        raise OwnFunctionError(f"`{word}` is not made of JAX's functions alone: it calls Python back")

    def both(s: Array) -> tuple[Array, Array]:
        value, slope = jax.jvp(function, (s,), (jnp.ones_like(s),))
        return value, slope

    value, slope = (np.asarray(each) for each in run(word, lambda: jax.jit(both)(s)))
    for what, array in (("value", value), ("slope", slope)):
        if not np.isfinite(array).all():
            at = _TRIED[~np.isfinite(array)][0]
            raise OwnFunctionError(f"`{word}`: its {what} at {at:g} is not finite")
    alone = np.asarray(run(word, lambda: jax.jit(jax.vmap(function))(s[::-1])))[::-1]
    if not np.allclose(value, alone, rtol=1e-4, atol=1e-5):
        at = _TRIED[~np.isclose(value, alone, rtol=1e-4, atol=1e-5)][0]
        raise OwnFunctionError(
            f"`{word}`: its value at {at:g} depends on the rest of the array, not on it alone"
        )
    if not slope.any():
        raise OwnFunctionError(f"`{word}`: its slope is 0 everywhere, so nothing could be learnt through it")
    return function


@cache
def _tried_initializer(function: Initializer, word: str, shape: tuple[int, ...]) -> Initializer:
    expected = "an initializer takes (key, shape, dtype) and returns an array of that shape and dtype"

    def draw(key: Array) -> Array:
        return function(key, shape, jnp.float32)

    _same(word, expected, traced(word, expected, draw, jax.random.key(0)), shape)
    if not np.isfinite(np.asarray(run(word, lambda: jax.jit(draw)(jax.random.key(0))))).all():
        raise OwnFunctionError(f"`{word}`: it draws weights that are not finite")
    return function


def traced(word: str, expected: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """What `function` would return, as shapes; nothing is computed. Raises `OwnFunctionError`: `expected`."""
    try:
        return jax.eval_shape(function, *arguments)
    except jax.errors.JAXTypeError as error:
        raise OwnFunctionError(f"`{word}` is not made of JAX's functions alone: {one_line(error)}") from None
    except Exception as error:
        raise OwnFunctionError(f"`{word}`: {expected}; called so, it fails: {one_line(error)}") from None


def _same(word: str, expected: str, got: Any, shape: tuple[int, ...]) -> None:
    if not isinstance(got, jax.ShapeDtypeStruct):
        raise OwnFunctionError(f"`{word}`: {expected}; it returns {type(got).__name__}")
    if got.shape != shape or got.dtype != jnp.float32:
        raise OwnFunctionError(
            f"`{word}`: {expected}; for {shape} float32 it returns {got.shape} {got.dtype}"
        )


def run(word: str, compute: Callable[[], Any]) -> Any:
    """What `compute` returns; raises `OwnFunctionError` where it fails."""
    try:
        return compute()
    except Exception as error:
        raise OwnFunctionError(f"`{word}` fails: {one_line(error)}") from None
