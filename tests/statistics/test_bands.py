import numpy as np
import pytest

from xavier_cli.statistics.bands import factors_over_seeds, in_words, over_seeds
from xavier_cli.statistics.estimate import mean_over_seeds


def test_band_and_table_show_the_same_numbers():
    values = np.random.default_rng(0).normal(size=(5, 3))

    band = over_seeds(values)

    for column in range(3):
        estimate = mean_over_seeds(values[:, column])
        ours = (band.center[column], band.low[column], band.high[column])
        assert ours == pytest.approx((estimate.mean, estimate.low, estimate.high))


def test_below_three_seeds_a_band_is_from_the_least_to_the_most():
    band = over_seeds(np.array([[1.0, 5.0], [3.0, 5.0]]))

    assert (band.center.tolist(), band.low.tolist(), band.high.tolist()) == ([2, 5], [1, 5], [3, 5])


def test_a_single_seed_has_a_band_of_no_width():
    band = over_seeds(np.array([[1.0, 2.0]]))

    assert band.low.tolist() == band.center.tolist() == band.high.tolist() == [1, 2]


def test_what_is_not_finite_is_left_out_where_it_stands():
    band = over_seeds(np.array([[1.0, np.nan], [3.0, np.inf], [np.nan, np.nan]]))

    assert (band.center[0], band.low[0], band.high[0]) == (2, 1, 3)
    assert np.isnan([band.center[1], band.low[1], band.high[1]]).all()


@pytest.mark.parametrize(
    ("seeds", "words"),
    [
        ([5, 5], "N = 5 seeds; bands: 95 % t-interval"),
        ([3, 5], "N = 3–5 seeds; bands: 95 % t-interval"),
        ([2], "N = 2 seeds; bands: min–max"),
        ([1, 2], "N = 1–2 seeds; bands: min–max (none for N = 1)"),
        ([1], "N = 1 seed, so no bands"),
        ([1, 2, 4], "N = 1–4 seeds; bands: 95 % t-interval (min–max for N = 2, none for N = 1)"),
    ],
)
def test_a_caption_says_what_the_bands_are(seeds, words):
    assert in_words(seeds) == words


def test_a_band_of_factors_stays_above_zero_and_holds_the_geometric_mean():
    values = np.array([[1e-4], [1e-3], [1e-1]])
    band = factors_over_seeds(values)

    assert band.center == pytest.approx(np.exp(np.log(values).mean(axis=0)))
    assert 0 < band.low[0] < band.center[0] < band.high[0]
    assert over_seeds(values).low[0] < 0
