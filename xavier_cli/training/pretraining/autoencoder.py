"""One layer as a denoising auto-encoder with masking noise and tied weights: its gradient for a batch.

y = φ(x̃ W + b) of the masked input x̃, rebuilt by y Wᵀ + c; the loss is the units' cross-entropy between the
whole x and what was rebuilt, summed over units (Vincent et al. 2008).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array

from xavier_cli.nn.activations import Activation
from xavier_cli.nn.mlp import Dense
from xavier_cli.training.pretraining.units import FactoredGradient, Units


def masked(key: Array, x: Array, noise: float) -> Array:
    """`x` with a share `noise` of its numbers, chosen by `key`, set to 0."""
    return jnp.where(jax.random.bernoulli(key, 1 - noise, x.shape), x, 0.0)


def reconstruction_loss(
    layer: Dense, visible: Array, given: Array, x: Array, act: Activation, units: Units
) -> Array:
    """The mean over the batch of the loss of rebuilding `x` from `given`, both `(batch, fan_in)`."""
    y = act(given @ layer.weight + layer.bias)
    return jnp.mean(units.loss(x, y @ layer.weight.T + visible))


def autoencoder_gradient(
    layer: Dense, visible: Array, given: Array, x: Array, act: Activation, units: Units
) -> FactoredGradient:
    """The gradient of `reconstruction_loss` by hand; W takes part twice, so that its factors are stacked."""
    y, slope = jax.vjp(act, given @ layer.weight + layer.bias)
    rebuilt = units.mean(y @ layer.weight.T + visible)
    difference = rebuilt - x
    delta = difference / len(x)
    (back,) = slope(delta @ layer.weight)
    return FactoredGradient(
        jnp.concatenate([given, delta]),
        jnp.concatenate([back, y]),
        jnp.sum(back, axis=0),
        jnp.sum(delta, axis=0),
        jnp.mean(difference**2),
    )
