"""Bounds from the tails of draws are crossed as rarely as they say, and infinite where draws are."""

from __future__ import annotations

import math

import numpy as np
import pytest

from xavier_cli.statistics.tails import LEVEL, bounds, reach

RNG = np.random.default_rng(0)


@pytest.mark.parametrize(
    ("name", "draws", "beyond"),
    [
        ("normal", RNG.standard_normal((4000, 20)), lambda x: math.erfc(x / math.sqrt(2)) / 2),
        ("exponential", RNG.exponential(size=(4000, 20)), lambda x: math.exp(-x)),
        ("logistic", RNG.logistic(size=(4000, 20)), lambda x: 1 / (1 + math.exp(x))),
    ],
)
def test_one_draw_in_a_million_is_beyond(name, draws, beyond):
    """On average over repetitions; a normal tail, being lighter, is crossed more rarely."""
    _, high = bounds(draws)
    crossed = np.mean([beyond(value) for value in high])

    assert crossed < 10 * LEVEL
    assert crossed > (LEVEL / 3 if name != "normal" else 1e-14)


def test_both_sides_are_told_by_themselves():
    low, high = bounds(np.log1p(-0.1 * RNG.chisquare(1, (4000, 1)).clip(max=9.9)))

    assert low[0] < -2
    assert 0 < high[0] < 0.2


def test_infinite_draws_make_infinite_bounds():
    draws = RNG.standard_normal((400, 3))
    draws[7, 0], draws[7, 1] = -np.inf, np.nan
    low, high = bounds(draws)

    assert low[0] == -np.inf
    assert np.isfinite(high[0])
    assert np.isnan([low[1], high[1]]).all()
    assert np.isfinite([low[2], high[2]]).all()


def test_many_comparisons_reach_further():
    few, many = reach(28, 0.001), reach(28 * 10_000, 0.001)

    assert few == 1
    # As a normal or an exponential tail would need.
    draws = RNG.exponential(size=(4000, 20))
    beyond = np.mean(np.exp(-bounds(draws)[1] * many)) * 2 * 28 * 10_000
    assert 1e-5 < beyond < 1e-2
