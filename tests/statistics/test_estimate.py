"""Means over seeds. How often the intervals cover: `test_error_rates`."""

import math

import numpy as np
import pytest

from xavier_cli.statistics.estimate import late_mean, mean_over_seeds, over_seeds


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


@pytest.mark.parametrize("seeds", [1, 2, 5])
def test_arrays_have_the_same_numbers_as_single_values(seeds: int):
    values = np.random.default_rng(0).normal(size=(seeds, 3))

    band = over_seeds(values)

    for column in range(3):
        estimate = mean_over_seeds(values[:, column])
        ours = (band.center[column], band.low[column], band.high[column])
        assert ours == pytest.approx((estimate.mean, estimate.low, estimate.high), nan_ok=True)


def test_two_seeds_have_a_t_interval_and_one_none():
    two, one = over_seeds(np.array([[1.0, 5.0], [3.0, 5.0]])), over_seeds(np.array([[1.0]]))

    assert two.center.tolist() == [2, 5]
    assert two.high - two.center == pytest.approx([12.7062, 0], abs=1e-4)
    assert one.center.tolist() == [1]
    assert np.isnan([*one.low, *one.high]).all()


def test_what_is_not_finite_is_left_out_where_it_stands():
    band = over_seeds(np.array([[1.0, np.nan], [3.0, np.inf], [np.nan, np.nan]]))

    assert (band.center[0], band.seeds) == (2, 3)
    assert band.high[0] == pytest.approx(mean_over_seeds([1, 3]).high)
    assert np.isnan([band.center[1], band.low[1], band.high[1]]).all()


def test_the_mean_of_one_value_that_is_not_finite_is_not_hidden():
    estimate = mean_over_seeds([1.0, np.nan])

    assert math.isnan(estimate.mean)
    assert math.isnan(estimate.high)


def test_a_geometric_mean_stays_above_zero_with_its_interval():
    values = np.array([[1e-4], [1e-3], [1e-1]])
    band = over_seeds(values, "geometric")

    assert band.center == pytest.approx(np.exp(np.log(values).mean(axis=0)))
    assert 0 < band.low[0] < band.center[0] < band.high[0]
    assert over_seeds(values).low[0] < 0


def test_an_interval_of_factors_may_have_no_upper_end():
    band = over_seeds(np.array([[1e-300], [1e300]]), "geometric")

    assert band.center == pytest.approx([1])
    assert (band.low[0], band.high[0]) == (0, np.inf)


def test_a_geometric_mean_is_0_where_one_value_is():
    band = over_seeds(np.array([[0.0, 2.0], [1.0, 8.0]]), "geometric")

    assert band.center == pytest.approx([0, 4])
    assert np.isnan([band.low[0], band.high[0]]).all()


@pytest.mark.parametrize(("records", "used"), [(3, 3), (20, 5), (50, 5), (51, 6), (200, 20)])
def test_late_mean_is_over_a_tenth_of_the_records_and_at_least_five(records: int, used: int):
    curve = np.arange(records, dtype=float)

    assert late_mean(curve) == pytest.approx(curve[-used:].mean())


def test_late_mean_keeps_the_seeds_apart():
    assert late_mean(np.ones((4, 20))).shape == (4,)
