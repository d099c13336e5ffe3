"""Activations and their slopes against formulas in float64."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf, expit

from xavier_cli.nn.activations import make_activation
from xavier_cli.vocabulary.lookup import ACTIVATIONS
from xavier_cli.vocabulary.resolve import find_activation


def softplus(s):
    return np.logaddexp(0, s)


VALUE = {
    "sigmoid": expit,
    "tanh": np.tanh,
    "softsign": lambda s: s / (1 + np.abs(s)),
    "relu": lambda s: np.maximum(s, 0),
    "leaky_relu": lambda s: np.where(s > 0, s, 0.01 * s),
    "prelu": lambda s: np.where(s > 0, s, 0.25 * s),
    "elu": lambda s: np.where(s > 0, s, np.expm1(np.minimum(s, 0))),
    "selu": lambda s: (
        1.0507009873554805 * np.where(s > 0, s, 1.6732632423543772 * np.expm1(np.minimum(s, 0)))
    ),
    "gelu": lambda s: s * (1 + erf(s / np.sqrt(2))) / 2,
    "silu": lambda s: s * expit(s),
    "mish": lambda s: s * np.tanh(softplus(s)),
    "softplus": softplus,
    "hard_tanh": lambda s: np.clip(s, -1, 1),
    "lecun_tanh": lambda s: 1.7159 * np.tanh(2 * s / 3),
    "sin": np.sin,
    "identity": lambda s: s,
    "leaky_relu:slope=0.2": lambda s: np.where(s > 0, s, 0.2 * s),
    "elu:alpha=2": lambda s: np.where(s > 0, s, 2 * np.expm1(np.minimum(s, 0))),
}
SLOPE_AT_0 = {
    "prelu": 0.25,
    "leaky_relu": 0.01,
    "sigmoid": 0.25,
    "selu": 1.0507009873554805 * 1.6732632423543772,
    "gelu": 0.5,
    "silu": 0.5,
    "mish": 0.6,
    "softplus": 0.5,
    "lecun_tanh": 1.7159 * 2 / 3,
}
# An even number: 0, where some have no slope, is left out.
POINTS = np.linspace(-12, 12, 2400)


@pytest.fixture(scope="module")
def computed() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Value and slope of every activation at POINTS and at 0, by one compiled program."""

    @jax.jit
    def every(s):
        return {
            name: jax.jvp(make_activation(find_activation(name)), (s,), (jnp.ones_like(s),)) for name in VALUE
        }

    return jax.tree.map(np.asarray, every(jnp.asarray([*POINTS, 0.0], jnp.float32)))


def test_every_name_has_its_formula_here():
    assert set(ACTIVATIONS) <= set(VALUE)


@pytest.mark.parametrize("name", VALUE)
def test_values_are_the_formulas(computed, name):
    assert np.allclose(computed[name][0][:-1], VALUE[name](POINTS), rtol=2e-6, atol=5e-7)


@pytest.mark.parametrize("name", VALUE)
def test_slopes_are_central_differences(computed, name):
    differences = (VALUE[name](POINTS + 1e-6) - VALUE[name](POINTS - 1e-6)) / 2e-6

    assert np.allclose(computed[name][1][:-1], differences, atol=3e-6)


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name != "relu"])
def test_slopes_at_zero_are_known(computed, name):
    assert computed[name][1][-1] == pytest.approx(SLOPE_AT_0.get(name, _right(name)))


@pytest.mark.parametrize("name", ["leaky_relu", "leaky_relu:slope=0.3", "prelu"])
def test_at_its_kink_a_slope_is_the_formulas_which_is_that_below(name):
    slope = {"leaky_relu": 0.01, "leaky_relu:slope=0.3": 0.3, "prelu": 0.25}[name]

    assert float(jax.grad(make_activation(find_activation(name)))(0.0)) == pytest.approx(slope)


def _right(name: str) -> float:
    """The slope just above 0, which JAX takes at a kink."""
    return float((VALUE[name](1e-7) - VALUE[name](0.0)) / 1e-7)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_declared_range_is_filled_and_never_left(name):
    values = VALUE[name](np.concatenate([np.linspace(-50, 50, 200_001), [-1e7, 1e7]]))
    low, high = ACTIVATIONS[name].range

    assert values.min() == pytest.approx(low, abs=1e-6) if np.isfinite(low) else values.min() < -1e4
    assert values.max() == pytest.approx(high, abs=1e-6) if np.isfinite(high) else values.max() > 1e4


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_declared_kinks_are_where_the_formula_bends(name):
    bend = np.abs(np.diff(VALUE[name](np.linspace(-3, 3, 6001)), 3))
    bends = np.linspace(-3, 3, 6001)[1:-2][bend > 1e-7] + 0.0005

    assert bool(len(bends)) == bool(ACTIVATIONS[name].kinks)
    assert all(np.abs(bends - kink).min() < 0.003 for kink in ACTIVATIONS[name].kinks)


def test_one_name_is_one_object_so_that_its_programs_are_found_again():
    assert make_activation(find_activation("leaky_relu:slope=0.20")) is make_activation(
        find_activation("leaky_relu:slope=0.2")
    )
    assert make_activation(find_activation("swish")) is make_activation(find_activation("silu"))


# A default that would be a constant, a call more in each program, and an approximation.
OTHERWISE = {"elu", "identity", "gelu", "leaky_relu"}


def test_jax_s_own_function_is_taken_where_it_is_the_same():
    for word in ACTIVATIONS.values():
        theirs = word.framework_names.jax.replace("jnp.", "jax.numpy.").partition("(")[0]
        if theirs and word.name not in OTHERWISE:
            assert word.function == ":".join(theirs.rsplit(".", 1))
