"""Differences over seeds: which test, and what it says. How often it errs: `test_error_rates`."""

import math

import numpy as np
import pytest
from scipy import stats  # noqa: TID253

from xavier_cli.statistics.difference import difference, equivalence

SEEDS = range(5)
A = np.array([0.594, 0.575, 0.610, 0.621, 0.570])
B = np.array([0.477, 0.470, 0.485, 0.481, 0.472])


def test_same_seeds_are_paired_as_scipy_pairs_them():
    ours = difference(A, B, SEEDS, SEEDS)
    theirs = stats.ttest_rel(A, B)
    interval = theirs.confidence_interval()

    assert ours.paired
    assert ours.p == pytest.approx(theirs.pvalue, rel=1e-9)
    assert (ours.low, ours.high) == pytest.approx((interval.low, interval.high))
    assert ours.correlation == pytest.approx(np.corrcoef(A, B)[0, 1])


def test_other_seeds_are_welch_as_scipy_has_it():
    ours = difference(A, B, SEEDS, range(5, 10))
    theirs = stats.ttest_ind(A, B, equal_var=False)
    interval = theirs.confidence_interval()

    assert not ours.paired
    assert ours.p == pytest.approx(theirs.pvalue, rel=1e-9)
    assert (ours.low, ours.high) == pytest.approx((interval.low, interval.high))
    assert math.isnan(ours.correlation)


def test_pairs_follow_the_seeds_not_the_order():
    shuffled = difference(A, B[::-1], SEEDS, range(4, -1, -1))

    assert shuffled == difference(A, B, SEEDS, SEEDS)


def test_some_seeds_in_common_are_welch():
    assert not difference(A, B, SEEDS, range(3, 8)).paired


@pytest.mark.parametrize("b_seeds", [range(2), range(5, 7)])
def test_under_three_seeds_nothing_is_tested(b_seeds: range):
    result = difference(A[:2], B[:2], range(2), b_seeds)

    assert math.isnan(result.p)
    assert math.isnan(result.low)
    assert result.untested == "under 3 seeds"
    assert result.mean == pytest.approx(A[:2].mean() - B[:2].mean())


@pytest.mark.parametrize("n", [3, 4])
def test_three_or_four_seeds_have_an_interval_only(n: int):
    result = difference(A[:n], B[:n], range(n), range(n))

    assert result.low < result.mean < result.high
    assert math.isnan(result.p)
    assert result.untested == "under 5 seeds"


def test_one_seed_against_five_raises_no_warning():
    assert difference(A[:1], B, [9], SEEDS).untested == "under 3 seeds"


@pytest.mark.parametrize("b_seeds", [SEEDS, range(5, 10)])
def test_no_difference_at_all_has_p_one(b_seeds: range):
    same = np.full(5, 0.1)

    assert difference(same, same, SEEDS, b_seeds).p == 1


@pytest.mark.parametrize("b_seeds", [SEEDS, range(5, 10)])
def test_no_spread_is_no_test(b_seeds: range):
    result = difference(np.full(5, 0.1), np.full(5, 0.3), SEEDS, b_seeds)

    assert math.isnan(result.p)
    assert result.untested == "no spread over seeds"


def test_alike_needs_five_seeds_and_some_spread():
    assert equivalence(A[:4], B[:4], range(4), range(4), 0.2).untested == "under 5 seeds"
    assert equivalence(np.full(5, 0.1), np.full(5, 0.2), SEEDS, SEEDS, 0.5).untested
    assert equivalence(A, A, SEEDS, SEEDS, 0.05).p == 0


def test_each_side_needs_a_value_per_seed():
    with pytest.raises(ValueError, match="one value per seed"):
        difference(A, B, range(4), SEEDS)
