"""Every initializer obeys its law, for any fans."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xavier_cli.names import INITIALIZERS, UnknownNameError
from xavier_cli.nn.initializers import make_initializer

BOUND = {
    "standard": lambda fan_in, fan_out: fan_in**-0.5,
    "normalized": lambda fan_in, fan_out: (6 / (fan_in + fan_out)) ** 0.5,
}


def draw(name: str, shape: tuple[int, int], seed: int = 0) -> np.ndarray:
    return np.asarray(make_initializer(name)(jax.random.key(seed), shape, jnp.float32), np.float64)


@pytest.mark.parametrize("name", BOUND)
@settings(max_examples=5, deadline=None)
@given(fan_in=st.integers(1, 400), fan_out=st.integers(1, 400))
def test_weights_fill_their_bounds_and_never_leave_them(name, fan_in, fan_out):
    weights = draw(name, (fan_in, fan_out))
    bound = BOUND[name](fan_in, fan_out)

    assert np.abs(weights).max() <= bound * (1 + 1e-6)
    if weights.size >= 1000:
        assert np.abs(weights).max() > 0.98 * bound


@pytest.mark.parametrize("name", BOUND)
def test_the_variance_of_a_million_draws_is_within_one_percent(name):
    weights = draw(name, (1250, 800))

    assert weights.var() == pytest.approx(BOUND[name](1250, 800) ** 2 / 3, rel=0.01)
    assert abs(weights.mean()) < 4 * weights.std() / 1000


@pytest.mark.parametrize("word", INITIALIZERS.values(), ids=list(INITIALIZERS))
def test_the_variance_and_bound_in_its_row_are_the_functions(word):
    weights = draw(word.name, (1000, 1000))

    assert weights.var() == pytest.approx(word.variance(1000, 1000), rel=0.01)
    if math.isfinite(word.bound(1000, 1000)):
        assert np.abs(weights).max() == pytest.approx(word.bound(1000, 1000), rel=1e-3)


def test_a_gain_multiplies_the_same_draws():
    key, shape = jax.random.key(3), (30, 20)
    plain, gained = (make_initializer("normalized", gain)(key, shape, jnp.float32) for gain in (1.0, 1.5))

    assert np.allclose(gained, 1.5 * plain, rtol=1e-6)


@pytest.mark.parametrize(
    ("name", "fans", "bound"),
    [
        ("standard", (1000, 1000), 0.03162),
        ("normalized", (1000, 1000), 0.05477),
        ("normalized", (1024, 1000), 0.05445),
        ("normalized", (1000, 9), 0.0771),
    ],
)
def test_the_bounds_are_the_papers(name, fans, bound):
    assert np.abs(draw(name, fans)).max() == pytest.approx(bound, rel=2e-3)


def test_one_key_gives_both_the_same_draws_at_two_scales():
    shape = (30, 50)
    ratio = draw("normalized", shape) / draw("standard", shape)

    assert np.allclose(ratio, BOUND["normalized"](*shape) / BOUND["standard"](*shape), rtol=1e-5)


def test_every_alias_is_the_initializer_it_names():
    for word in INITIALIZERS.values():
        for alias in word.aliases:
            assert np.array_equal(draw(alias, (7, 5)), draw(word.name, (7, 5)))


def test_an_unknown_initializer_names_the_nearest():
    with pytest.raises(UnknownNameError, match="normalized"):
        make_initializer("normalised")
