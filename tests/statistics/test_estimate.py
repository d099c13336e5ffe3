"""Means over seeds: intervals that cover what they promise."""

import math

import numpy as np
import pytest

from xavier_cli.statistics import student
from xavier_cli.statistics.estimate import late_mean, mean_over_seeds


@pytest.mark.parametrize("n", [2, 3, 5, 10])
def test_interval_covers_the_truth_in_95_of_100(n: int):
    draws = np.random.default_rng(n).normal(0.3, 0.02, (4000, n))
    # The same formula as below, for all samples at once.
    half = student.quantile(0.95, n - 1) * draws.std(axis=1, ddof=1) / math.sqrt(n)
    covered = np.abs(draws.mean(axis=1) - 0.3) < half

    assert mean_over_seeds(draws[0]).half_width == pytest.approx(half[0])
    assert covered.mean() == pytest.approx(0.95, abs=0.012)


def test_one_seed_has_a_mean_and_no_interval():
    estimate = mean_over_seeds([0.25])

    assert estimate.mean == 0.25
    assert math.isnan(estimate.half_width)


def test_table_of_five_seeds_by_hand():
    estimate = mean_over_seeds([1, 2, 3, 4, 5])

    assert (estimate.low, estimate.high) == pytest.approx((3 - 1.96324, 3 + 1.96324), abs=1e-4)


def test_no_seeds_are_refused():
    with pytest.raises(ValueError, match="no seeds"):
        mean_over_seeds([])


@pytest.mark.parametrize(("records", "used"), [(3, 3), (20, 5), (50, 5), (51, 6), (200, 20)])
def test_late_mean_is_over_a_tenth_of_the_records_and_at_least_five(records: int, used: int):
    curve = np.arange(records, dtype=float)

    assert late_mean(curve) == pytest.approx(curve[-used:].mean())


def test_late_mean_keeps_the_seeds_apart():
    assert late_mean(np.ones((4, 20))).shape == (4,)
