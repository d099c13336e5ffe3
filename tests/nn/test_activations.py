"""Activations and their slopes against formulas in float64."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from xavier_cli.names import ACTIVATIONS
from xavier_cli.nn.activations import make_activation

VALUE = {
    "sigmoid": lambda s: 1 / (1 + np.exp(-s)),
    "tanh": np.tanh,
    "softsign": lambda s: s / (1 + np.abs(s)),
    "prelu": lambda s: np.where(s > 0, s, 0.25 * s),
}
SLOPE_AT_0 = {"sigmoid": 0.25, "tanh": 1.0, "softsign": 1.0, "prelu": 0.25}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_values_are_the_formulas(name):
    s = np.linspace(-12, 12, 2001)

    assert np.allclose(
        make_activation(name)(jnp.asarray(s, jnp.float32)), VALUE[name](s), rtol=1e-6, atol=3e-7
    )


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slopes_are_central_differences(name):
    s = np.linspace(-6, 6, 400)  # an even number: 0, where softsign has no second derivative, is left out
    slope = jax.vmap(jax.grad(make_activation(name)))(jnp.asarray(s, jnp.float32))

    assert np.allclose(slope, (VALUE[name](s + 1e-5) - VALUE[name](s - 1e-5)) / 2e-5, atol=2e-6)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_slopes_at_zero_are_the_papers(name):
    assert float(jax.grad(make_activation(name))(0.0)) == pytest.approx(SLOPE_AT_0[name])


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_declared_range_is_where_the_ends_go(name):
    ends = make_activation(name)(jnp.array([-1e7, 1e7]))

    for end, bound in zip(ends, ACTIVATIONS[name].range, strict=True):
        assert abs(end) > 1e6 if np.isinf(bound) else end == pytest.approx(bound, abs=1e-6)
