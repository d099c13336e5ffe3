"""Differences over seeds: which test, what it says, and how often it errs."""

import itertools
import math

import numpy as np
import pytest
from scipy import stats  # noqa: TID253

from xavier_cli.statistics.difference import difference, equivalence
from xavier_cli.statistics.multiple import holm

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


@pytest.mark.parametrize("b_seeds", [SEEDS, range(5, 10)])
def test_null_is_rejected_in_5_of_100(b_seeds: range):
    rng = np.random.default_rng(0)
    p = [difference(*rng.normal(0.5, 0.02, (2, 5)), SEEDS, b_seeds).p for _ in range(2000)]

    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.012)


def test_interval_of_the_difference_covers_it_under_unequal_spread():
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(1000):
        result = difference(rng.normal(0.6, 0.03, 5), rng.normal(0.5, 0.005, 8), SEEDS, range(5, 13))
        hits += result.low < 0.1 < result.high

    assert hits / 1000 == pytest.approx(0.95, abs=0.02)


def _tables_with_a_false_finding(k: int, tables: int, correct_all_pairs: bool) -> float:
    """The share of tables of `k` equal rows in which some row is told apart from the best."""
    rng = np.random.default_rng(k)
    found = 0
    for _ in range(tables):
        rows = rng.normal(0.5, 0.02, (k, 5))
        best = int(rows.mean(axis=1).argmin())
        pairs = list(itertools.combinations(range(k), 2))
        if not correct_all_pairs:
            pairs = [pair for pair in pairs if best in pair]
        p = holm([difference(rows[i], rows[j], SEEDS, SEEDS).p for i, j in pairs])
        found += any(value < 0.05 and best in pair for value, pair in zip(p, pairs, strict=True))
    return found / tables


def test_holm_over_all_pairs_errs_in_at_most_5_of_100_tables():
    assert _tables_with_a_false_finding(6, 600, correct_all_pairs=True) < 0.06


def test_control_holm_against_the_best_alone_errs_more():
    assert _tables_with_a_false_finding(6, 600, correct_all_pairs=False) > 0.06


def test_alike_is_said_of_equals_and_rarely_of_those_a_margin_apart():
    rng = np.random.default_rng(2)
    noise = rng.normal(0, 0.01, (1500, 2, 5))
    at_the_margin = [equivalence(0.55 + x, 0.50 + y, SEEDS, SEEDS, 0.05).p for x, y in noise]
    equal = [equivalence(x, y, SEEDS, SEEDS, 0.05).p for x, y in noise]

    assert np.mean(np.array(at_the_margin) < 0.05) == pytest.approx(0.05, abs=0.015)
    assert np.mean(np.array(equal) < 0.05) > 0.95


def test_alike_needs_five_seeds_and_some_spread():
    assert equivalence(A[:4], B[:4], range(4), range(4), 0.2).untested == "under 5 seeds"
    assert equivalence(np.full(5, 0.1), np.full(5, 0.2), SEEDS, SEEDS, 0.5).untested
    assert equivalence(A, A, SEEDS, SEEDS, 0.05).p == 0


def test_each_side_needs_a_value_per_seed():
    with pytest.raises(ValueError, match="one value per seed"):
        difference(A, B, range(4), SEEDS)
