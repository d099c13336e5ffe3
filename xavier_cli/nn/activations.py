"""Activations: functions of one pre-activation, applied element by element."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from jax import Array

from xavier_cli.names import ACTIVATIONS, find, load

Activation = Callable[[Array], Array]


def sigmoid(s: Array) -> Array:
    """1/(1 + e^-s), between 0 and 1; slope 1/4 at 0."""
    return jax.nn.sigmoid(s)


def tanh(s: Array) -> Array:
    """tanh(s), between -1 and 1; slope 1 at 0."""
    return jnp.tanh(s)


def softsign(s: Array) -> Array:
    """s/(1 + |s|), between -1 and 1 with polynomial tails; slope 1 at 0."""
    return jax.nn.soft_sign(s)


def prelu(s: Array, slope: Array | float = 0.25) -> Array:
    """s where it is positive, else slope · s; the slope is learned, from 1/4."""
    return jnp.where(s > 0, s, slope * s)


def make_activation(name: str) -> Activation:
    """The activation called `name`; raises `UnknownNameError`."""
    activation: Activation = load(find("activation", name, ACTIVATIONS).function)
    return activation
