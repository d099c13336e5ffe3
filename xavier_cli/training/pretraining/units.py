"""Units that a layer is rebuilt in while it is pre-trained: of two values, or Gaussian of unit variance."""

from __future__ import annotations

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array


class Units(NamedTuple):
    """Units of the two values `low` and `high`; where these are infinite, Gaussian ones of unit variance.

    Given a sum a that reaches it, the probability of `high` is sigmoid((high − low) a): between 0 and 1 a
    unit's mean is the sigmoid, between −1 and 1 it is tanh. A Gaussian unit's mean is a.
    """

    low: float = -math.inf
    high: float = math.inf

    @property
    def are_binary(self) -> bool:
        """Whether they have two values."""
        return math.isfinite(self.high - self.low)

    def mean(self, a: Array) -> Array:
        """What to expect of units that the sums `a` reach."""
        if not self.are_binary:
            return a
        span = self.high - self.low
        return self.low + span * jax.nn.sigmoid(span * a)

    def sample(self, key: Array, a: Array) -> Array:
        """Units drawn by their probabilities; of two values."""
        is_high = jax.random.bernoulli(key, jax.nn.sigmoid((self.high - self.low) * a))
        return jnp.where(is_high, self.high, self.low)

    def loss(self, x: Array, a: Array) -> Array:
        """−log P(x | a) of each example, `(batch,)`, but for a constant; x and a are `(batch, units)`.

        Of two values the cross-entropy, where a grey x between them is a probability; else half the squared
        distance. The slope along a is mean(a) − x for both.
        """
        if not self.are_binary:
            return 0.5 * jnp.sum((x - a) ** 2, axis=1)
        span = self.high - self.low
        share = (x - self.low) / span
        return jnp.sum(jax.nn.softplus(span * a) - share * span * a, axis=1)


class FactoredGradient(NamedTuple):
    """A layer's change from one batch: the weights' gradient as two factors of 2·batch rows, `leftᵀ right`.

    `hidden` and `visible` are the gradients of the two kinds of biases; `error` is the mean square difference
    between what the layer was given and what it made of it.
    """

    left: Array
    right: Array
    hidden: Array
    visible: Array
    error: Array
