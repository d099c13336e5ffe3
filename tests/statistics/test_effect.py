"""Standardized effects: SciPy's noncentral t, and by hand."""

import math

import numpy as np
import pytest
from scipy import stats  # noqa: TID253

from xavier_cli.statistics.effect import effect_size, noncentral_below, noncentrality

SEEDS = range(5)
A = np.array([0.594, 0.575, 0.610, 0.621, 0.570])
B = np.array([0.477, 0.470, 0.485, 0.481, 0.472])
# Hedges' correction for 4 and 8 degrees of freedom.
J = {4: 0.797885, 8: 0.902703}


@pytest.mark.parametrize("df", [2, 4, 8, 30, 200])
@pytest.mark.parametrize(
    ("t", "delta"), [(0, 1), (2.7, 1), (-3, -2), (0.5, 0.1), (50, 40), (500, 450), (3, 9)]
)
def test_the_noncentral_t_is_scipys(t, delta, df):
    assert noncentral_below(t, df, delta) == pytest.approx(stats.nct.cdf(t, df, delta), abs=1e-9)


@pytest.mark.parametrize("share", [0.025, 0.5, 0.975])
@pytest.mark.parametrize("t", [-40, -2.0, 0.0, 1.5, 11.0, 300.0])
def test_the_noncentrality_is_where_the_share_lies_below(t, share):
    delta = noncentrality(t, 4, share)

    assert noncentral_below(t, 4, delta) == pytest.approx(share, abs=1e-7)


def test_pairs_are_standardized_by_the_spread_of_their_differences():
    effect = effect_size(A, B, SEEDS, SEEDS)
    change = A - B

    assert effect.paired
    assert effect.g == pytest.approx(J[4] * change.mean() / change.std(ddof=1), rel=1e-5)
    assert effect.low < change.mean() / change.std(ddof=1) < effect.high


def test_other_seeds_are_standardized_by_the_pooled_spread():
    effect = effect_size(A, B, SEEDS, range(5, 10))
    pooled = math.sqrt((A.var(ddof=1) + B.var(ddof=1)) / 2)

    assert not effect.paired
    assert effect.g == pytest.approx(J[8] * (A - B).mean() / pooled, rel=1e-5)


def test_pairs_follow_the_seeds_and_the_sign_follows_the_order():
    effect, other = effect_size(A, B, SEEDS, SEEDS), effect_size(B[::-1], A, range(4, -1, -1), SEEDS)

    assert (other.g, other.low, other.high) == pytest.approx((-effect.g, -effect.high, -effect.low))


def test_the_interval_excludes_0_exactly_where_the_t_test_rejects():
    rng = np.random.default_rng(0)
    for a, b in rng.normal([[0.52], [0.5]], 0.015, (40, 2, 5)):
        effect, p = effect_size(a, b, SEEDS, SEEDS), stats.ttest_rel(a, b).pvalue

        assert (p < 0.05) == (effect.low > 0 or effect.high < 0)


@pytest.mark.parametrize("b_seeds", [SEEDS, range(5, 10)])
def test_no_spread_and_few_seeds_have_no_effect_size(b_seeds):
    same = effect_size(np.full(5, 0.1), np.full(5, 0.3), SEEDS, b_seeds)
    few = effect_size(A[:2], B[:2], range(2), b_seeds[:2])

    for effect in (same, few):
        assert all(map(math.isnan, (effect.g, effect.low, effect.high)))
