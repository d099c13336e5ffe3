"""The trend test and the slope, against SciPy's, and how often noise is said to fall."""

import numpy as np
import pytest

from xavier_cli.statistics.trend import trend_slope, trend_z

stats = pytest.importorskip("scipy.stats")


def test_the_slope_is_that_of_theil_and_sen():
    rng = np.random.default_rng(0)
    times = np.sort(rng.choice(1000, 12, replace=False)).astype(float)
    values = 0.3 * times + rng.standard_t(2, 12)

    assert trend_slope(times, values) == pytest.approx(stats.theilslopes(values, times)[0])


@pytest.mark.parametrize("ties", [False, True])
def test_the_sum_and_its_variance_are_kendalls(ties):
    rng = np.random.default_rng(1)
    values = rng.normal(size=15)
    values = np.round(values) if ties else values
    tau = stats.kendalltau(np.arange(15), values, variant="b", method="asymptotic")
    pairs = np.sign(values[None] - values[:, None])[np.triu_indices(15, 1)].sum()
    # SciPy's z has no correction for continuity, which takes 1 of the sum.
    without = np.sign(pairs) * stats.norm.isf(tau.pvalue / 2)

    assert trend_z(values) == pytest.approx(without * (abs(pairs) - 1) / abs(pairs))


def test_series_together_show_what_none_shows_alone():
    fall = np.array([6.0, 5.0, 5.5, 4.0, 4.5, 3.0])

    assert trend_z(np.tile(fall, (4, 1))) < 1.7 * trend_z(fall) < 0


def test_nothing_that_differs_is_no_trend():
    assert trend_z(np.full((3, 8), 0.25)) == 0


@pytest.mark.parametrize("shape", [(1, 6), (1, 10), (5, 10), (3, 40)])
def test_noise_falls_at_its_level(shape):
    rng = np.random.default_rng(2)
    falls = np.mean([trend_z(rng.standard_cauchy(shape)) < -2.326 for _ in range(1000)])

    # 1 % is meant; 2 % is three simulation errors above it.
    assert falls <= 0.02
