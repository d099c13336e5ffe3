"""Range and kinks found numerically are those that were written down."""

from __future__ import annotations

import jax.numpy as jnp
import pytest

from xavier_cli.theory.shape import find_kinks, find_range, shape_of
from xavier_cli.vocabulary.entry import ActivationEntry

INF = float("inf")


@pytest.mark.parametrize(
    ("act", "range_", "kinks"),
    [
        (lambda s: jnp.clip(s, -0.5, 6), (-0.5, 6), (-0.5, 6)),
        (lambda s: jnp.sin(s) + s / 2, (-INF, INF), ()),
        (lambda s: jnp.where(s > 1 / 3, s, 0.1 * s), (-INF, INF), (0.333333,)),
        (lambda s: jnp.log1p(jnp.abs(s)), (0, INF), (0,)),
        (lambda s: jnp.exp(-(s**2)), (0, 1), ()),
        (lambda s: 3 * jnp.tanh(40 * s), (-3, 3), ()),
    ],
    ids=["cut", "wavy", "bent", "logarithm", "bump", "steep"],
)
def test_range_and_kinks_are_found(act, range_, kinks):
    assert find_range(act) == pytest.approx(range_, abs=1e-5)
    assert find_kinks(act) == pytest.approx(kinks, abs=2e-6)


def test_what_is_written_down_is_not_looked_for():
    word = ActivationEntry("cut", "", "", range=(0.0, 7.0), kinks=(1.0,))

    assert shape_of(word, jnp.tanh) == ((0.0, 7.0), (1.0,))
