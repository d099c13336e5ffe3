"""Defines the activations that JAX lacks or has otherwise, and makes one from its row.

An activation is an element-wise function of the pre-activation; the table names JAX's own where they are the
same.
"""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from xavier_cli.nn.user_functions import Activation as Activation
from xavier_cli.nn.user_functions import user_activation
from xavier_cli.vocabulary import entry
from xavier_cli.vocabulary.activations import LECUN_SCALE
from xavier_cli.vocabulary.lookup import load
from xavier_cli.vocabulary.user_functions import is_user_function


def leaky_relu(s: Array, slope: float = 0.01) -> Array:
    """s above 0, else slope·s: at 0 its slope is `slope`, where jax.nn.leaky_relu has 1."""
    return jnp.where(s > 0, s, slope * s)


def elu(s: Array, alpha: float = 1.0) -> Array:
    """s above 0 and alpha·(e^s - 1) below."""
    # Told also where it is 1: as jax.nn.elu's default it would be a constant, and the program another text.
    return jax.nn.elu(s, alpha)


def gelu(s: Array) -> Array:
    """s Φ(s) with the exact Φ."""
    return jax.nn.gelu(s, approximate=False)


def lecun_tanh(s: Array) -> Array:
    """1.7159 tanh(2s/3): slope 1.1439 at 0, and about 1 at s = 1."""
    return LECUN_SCALE * jnp.tanh(2 / 3 * s)


def identity(s: Array) -> Array:
    """s: a linear network."""
    # jax.nn.identity is a program of its own, and would be a call in every other.
    return s


def prelu(s: Array, slope: Array | float = 0.25) -> Array:
    """s where it is positive, else slope · s; the slope is learned, from 1/4."""
    return jnp.where(s > 0, s, slope * s)


def make_activation(word: entry.ActivationEntry) -> Activation:
    """The activation of a row, its parameters set, or the custom one that it names.

    The same object for the same row, so that what is compiled for it is found again. Raises
    `UserFunctionError`.
    """
    if is_user_function(word.name):
        return user_activation(word.name)
    return _with_settings(load(word.function), word.settings)


@cache
def _with_settings(activation: Activation, settings: tuple[tuple[str, Any], ...]) -> Activation:
    return partial(activation, **dict(settings)) if settings else activation
