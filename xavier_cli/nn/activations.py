"""Activations: functions of one pre-activation, applied element by element."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from xavier_cli.nn.user_functions import Activation as Activation
from xavier_cli.nn.user_functions import own_activation
from xavier_cli.vocabulary.activations import LECUN_SCALE
from xavier_cli.vocabulary.lookup import load
from xavier_cli.vocabulary.resolve import find_activation
from xavier_cli.vocabulary.user_functions import is_own


def sigmoid(s: Array) -> Array:
    """1/(1 + e^-s), between 0 and 1; slope 1/4 at 0."""
    return jax.nn.sigmoid(s)


def tanh(s: Array) -> Array:
    """tanh(s), between -1 and 1; slope 1 at 0."""
    return jnp.tanh(s)


def softsign(s: Array) -> Array:
    """s/(1 + |s|), between -1 and 1 with polynomial tails; slope 1 at 0."""
    return jax.nn.soft_sign(s)


def relu(s: Array) -> Array:
    """max(0, s); slope 0 at 0, as JAX has it."""
    return jax.nn.relu(s)


def leaky_relu(s: Array, slope: float = 0.01) -> Array:
    """s above 0, else slope·s: at 0 its slope is `slope`, where jax.nn.leaky_relu has 1."""
    return jnp.where(s > 0, s, slope * s)


def elu(s: Array, alpha: float = 1.0) -> Array:
    """s above 0 and alpha·(e^s - 1) below."""
    return jax.nn.elu(s, alpha)


def selu(s: Array) -> Array:
    """The scaled elu whose fixed point has mean 0 and variance 1."""
    return jax.nn.selu(s)


def gelu(s: Array) -> Array:
    """s Φ(s) with the exact Φ."""
    return jax.nn.gelu(s, approximate=False)


def silu(s: Array) -> Array:
    """s times its sigmoid."""
    return jax.nn.silu(s)


def mish(s: Array) -> Array:
    """s tanh(softplus(s))."""
    return jax.nn.mish(s)


def softplus(s: Array) -> Array:
    """log(1 + e^s)."""
    return jax.nn.softplus(s)


def hard_tanh(s: Array) -> Array:
    """s cut at -1 and 1."""
    return jax.nn.hard_tanh(s)


def lecun_tanh(s: Array) -> Array:
    """1.7159 tanh(2s/3): slope 1.1439 at 0, and about 1 at s = 1."""
    return LECUN_SCALE * jnp.tanh(2 / 3 * s)


def sin(s: Array) -> Array:
    """sin(s), between -1 and 1 for ever."""
    return jnp.sin(s)


def identity(s: Array) -> Array:
    """s: a linear network."""
    return s


def prelu(s: Array, slope: Array | float = 0.25) -> Array:
    """s where it is positive, else slope · s; the slope is learned, from 1/4."""
    return jnp.where(s > 0, s, slope * s)


def make_activation(name: str) -> Activation:
    """The activation called `name`, its parameters set, or the user's own that it names.

    The same object for the same name, so that what is compiled for it is found again. Raises
    `UnknownNameError`, `ParameterError` and `OwnFunctionError`.
    """
    word = find_activation(name)
    if is_own(word.name):
        return own_activation(word.name)
    return _with_settings(load(word.function), word.settings)


@cache
def _with_settings(activation: Activation, settings: tuple[tuple[str, Any], ...]) -> Activation:
    return partial(activation, **dict(settings)) if settings else activation
