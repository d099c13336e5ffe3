"""Computes the gradient of one layer as a restricted Boltzmann machine by contrastive divergence (CD-k).

The energy is −v W hᵀ − v cᵀ − h bᵀ, plus ½|v|² for Gaussian visible units (Hinton 2002, 2010). Hidden units
are binary. The Gibbs chain samples the hidden units and uses the means of the visible ones.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
from jax import Array

from xavier_cli.nn.mlp import Dense
from xavier_cli.training.pretraining.units import FactoredGradient, Units


def divergence(
    layer: Dense, visible: Array, x: Array, key: Array, units: Units, hidden: Units, steps: int
) -> FactoredGradient:
    """The CD-`steps` estimate of the gradient of −log P(x), mean over the batch.

    **Arguments:** `visible`, the biases c, `(fan_in,)`; `x`, `(batch, fan_in)`; `units` and `hidden`, the
    visible and the hidden units. Step k, counted from 0, samples the hidden units by `fold_in(key, k)`.
    """

    def down(h: Array) -> Array:
        return units.mean(h @ layer.weight.T + visible)

    def up(v: Array) -> Array:
        return v @ layer.weight + layer.bias

    def again(k: Array, h: Array) -> Array:
        return hidden.sample(jax.random.fold_in(key, k), up(down(h)))

    sums = up(x)
    h = hidden.sample(jax.random.fold_in(key, 0), sums)
    if steps > 1:
        h = jax.lax.fori_loop(1, steps, again, h)
    rebuilt = down(h)
    seen, dreamt = hidden.mean(sums), hidden.mean(up(rebuilt))
    return FactoredGradient(
        jnp.concatenate([-x, rebuilt]) / len(x),
        jnp.concatenate([seen, dreamt]),
        jnp.mean(dreamt - seen, axis=0),
        jnp.mean(rebuilt - x, axis=0),
        jnp.mean((rebuilt - x) ** 2),
    )
