"""Computes the gradient of one layer as a denoising auto-encoder with masking noise and tied weights.

y = φ(x̃ W + b) of the masked input x̃, reconstructed from y Wᵀ + c; the loss is the cross-entropy between the
unmasked x and the reconstruction, summed over units (Vincent et al. 2008).
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array

from xavier_cli.nn.activations import Activation
from xavier_cli.nn.mlp import Dense
from xavier_cli.training.pretraining.units import FactoredGradient, Units


def masked(key: Array, x: Array, noise: float) -> Array:
    """`x` with each number set to 0 with probability `noise`, drawn by `key`."""
    return jnp.where(jax.random.bernoulli(key, 1 - noise, x.shape), x, 0.0)


def autoencoder_gradient(
    layer: Dense, visible: Array, given: Array, x: Array, act: Activation, units: Units
) -> FactoredGradient:
    """The gradient of the batch's mean loss of reconstructing `x` from the masked `given`.

    W occurs twice, in y and in the reconstruction, so that the factors of both gradients are stacked.

    **Arguments:** `visible`, the biases c, `(fan_in,)`; `given` and `x`, `(batch, fan_in)`.
    """
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
