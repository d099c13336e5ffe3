"""Defines the units in which pre-training reconstructs a layer's input: binary, or Gaussian of variance 1."""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array


class Units(NamedTuple):
    """Binary units of the values `low` and `high`; where these are infinite, Gaussian units of variance 1.

    With input a, P(high) = sigmoid((high − low) a): for the values 0 and 1 a unit's mean is sigmoid(a), for
    −1 and 1 it is tanh(a). A Gaussian unit's mean is a.
    """

    low: float = -math.inf
    high: float = math.inf

    @property
    def are_binary(self) -> bool:
        """Whether they are binary."""
        return math.isfinite(self.high - self.low)

    def mean(self, a: Array) -> Array:
        """The mean of units with inputs `a`, of the shape of `a`."""
        if not self.are_binary:
            return a
        span = self.high - self.low
        return self.low + span * jax.nn.sigmoid(span * a)

    def sample(self, key: Array, a: Array) -> Array:
        """Binary units with inputs `a`, sampled by `key`."""
        is_high = jax.random.bernoulli(key, jax.nn.sigmoid((self.high - self.low) * a))
        return jnp.where(is_high, self.high, self.low)


class FactoredGradient(NamedTuple):
    """The gradient of one layer on one batch; that of the weights as two factors, `leftᵀ right`."""

    left: Array
    """`(2·batch, fan_in)`."""
    right: Array
    """`(2·batch, fan_out)`."""
    hidden: Array
    """Of the layer's biases, `(fan_out,)`."""
    visible: Array
    """Of the biases of the reconstruction, `(fan_in,)`."""
    error: Array
    """Mean squared difference between the layer's input and its reconstruction, `()`."""
