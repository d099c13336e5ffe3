"""The regions derived from an activation are the ones STATISTICS lists."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import pytest

from xavier_cli.theory.regions import Regions
from xavier_cli.theory.saturation import find_regions

INF = math.inf


@pytest.mark.parametrize(
    ("act", "range_", "below", "above"),
    [
        (jax.nn.sigmoid, (0, 1), -2.944439, 2.944439),
        (jnp.tanh, (-1, 1), -1.472219, 1.472219),
        (jax.nn.soft_sign, (-1, 1), -9.0, 9.0),
        (lambda s: 1.7159 * jnp.tanh(2 / 3 * s), (-1.7159, 1.7159), -2.208329, 2.208329),
        (jax.nn.softplus, (0, INF), -2.970628, INF),
        (jax.nn.hard_tanh, (-1, 1), -1.0, 1.0),
        (jax.nn.elu, (-1, INF), -2.9957, INF),
        (jax.nn.selu, (-1.7581, INF), -3.56, INF),
        (lambda s: jax.nn.gelu(s, approximate=False), (-0.17, INF), -1.9489, INF),
        (jax.nn.silu, (-0.28, INF), -4.4853, INF),
        (jax.nn.leaky_relu, (-INF, INF), -INF, INF),
        (lambda s: s, (-INF, INF), -INF, INF),
        (jnp.sin, (-1, 1), -INF, INF),
    ],
    ids=[
        "sigmoid",
        "tanh",
        "softsign",
        "lecun_tanh",
        "softplus",
        "hard_tanh",
        "elu",
        "selu",
        "gelu",
        "silu",
        "leaky",
        "identity",
        "sin",
    ],
)
def test_saturated_regions(act, range_, below, above):
    regions = find_regions(act, range_)

    assert regions.saturated_below == pytest.approx(below, abs=2e-4)
    assert regions.saturated_above == pytest.approx(above, abs=2e-4)
    assert (regions.inactive_below, regions.inactive_above) == (-INF, INF)


def test_a_rectifier_is_inactive_and_not_saturated():
    assert find_regions(jax.nn.relu, (0, INF)) == Regions(inactive_below=0.0)
