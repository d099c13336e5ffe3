"""Means over seeds. How often the intervals cover: `test_error_rates`."""

import math

import numpy as np
import pytest

from xavier_cli.statistics.estimate import late_mean, mean_over_seeds


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
