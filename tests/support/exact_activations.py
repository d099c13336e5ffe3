"""Activations as JAX and as NumPy knows them."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import erf, expit

SELU_A, SELU_L = 1.6732632423543772, 1.0507009873554805
GAUSS = np.sqrt(2 * np.pi)


class Act(NamedTuple):
    """An activation for JAX, its value and slope for NumPy, and its kinks."""

    jax: Callable
    value: Callable
    slope: Callable
    kinks: tuple[float, ...] = ()


def exact_gelu(s):
    return jax.nn.gelu(s, approximate=False)


ACTS = {
    "sigmoid": Act(jax.nn.sigmoid, expit, lambda s: expit(s) * expit(-s)),
    "tanh": Act(jnp.tanh, np.tanh, lambda s: 1 - np.tanh(s) ** 2),
    "softsign": Act(
        jax.nn.soft_sign, lambda s: s / (1 + np.abs(s)), lambda s: (1 + np.abs(s)) ** -2.0, (0.0,)
    ),
    "relu": Act(jax.nn.relu, lambda s: np.maximum(s, 0), lambda s: (s > 0) * 1.0, (0.0,)),
    "hard_tanh": Act(
        jax.nn.hard_tanh, lambda s: np.clip(s, -1, 1), lambda s: (np.abs(s) < 1) * 1.0, (-1.0, 1.0)
    ),
    "elu": Act(
        jax.nn.elu,
        lambda s: np.where(s > 0, s, np.expm1(np.minimum(s, 0))),
        lambda s: np.exp(np.minimum(s, 0)),
        (0.0,),
    ),
    "selu": Act(
        jax.nn.selu,
        lambda s: SELU_L * np.where(s > 0, s, SELU_A * np.expm1(np.minimum(s, 0))),
        lambda s: SELU_L * np.where(s > 0, 1.0, SELU_A * np.exp(np.minimum(s, 0))),
        (0.0,),
    ),
    "gelu": Act(
        exact_gelu,
        lambda s: s * (1 + erf(s / np.sqrt(2))) / 2,
        lambda s: (1 + erf(s / np.sqrt(2))) / 2 + s * np.exp(-(s**2) / 2) / GAUSS,
    ),
}
