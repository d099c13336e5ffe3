"""Simultaneous intervals over all pairs of a table, against SciPy and by their properties."""

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, special

from xavier_cli.statistics import student
from xavier_cli.statistics.difference import MeanDifference, Untested, difference, mean_difference
from xavier_cli.statistics.simultaneous import ALPHA, AllPairs, Prior, prior


def samples(k: int, n: int = 5, *, seed: int = 0, spreads=None, own_seeds: bool = False):
    rng = np.random.default_rng(seed)
    spreads = np.full(k, 0.02) if spreads is None else np.asarray(spreads)
    rows = 0.4 + spreads[:, None] * rng.normal(size=(k, n))
    return [(row.tolist(), range(n * i, n * i + n) if own_seeds else range(n)) for i, row in enumerate(rows)]


def measured(variance: float, df: float) -> MeanDifference:
    n = int(df) + 1
    return MeanDifference(0.0, math.sqrt(variance * 2 / n), df, (n, n), True, False)


def scipys_prior(variances, df):
    """Smyth's moments of log variances, with SciPy's functions."""
    logs = np.log(variances) - special.digamma(df / 2) + np.log(df / 2)
    d0 = 2 * trigamma_root(logs.var(ddof=1) - special.polygamma(1, df / 2))
    return d0, math.exp(logs.mean() + special.digamma(d0 / 2) - math.log(d0 / 2))


def trigamma_root(value):
    return optimize.brentq(lambda x: special.polygamma(1, x) - value, 1e-3, 1e6, xtol=1e-14, rtol=1e-14)


@pytest.mark.parametrize("own_seeds", [False, True])
def test_two_samples_are_compared_as_alone(own_seeds):
    (a, a_seeds), (b, b_seeds) = both = samples(2, own_seeds=own_seeds)
    every = AllPairs(both)

    assert every.difference(0, 1) == difference(a, b, a_seeds, b_seeds)
    assert (every.pairs, every.tests, every.moderated) == (1, 1, False)
    assert every.corrected(every.difference(0, 1).p) == difference(a, b, a_seeds, b_seeds).p


def test_the_prior_is_smyths_by_scipy():
    # Of more spread than four degrees of freedom give, but none so low that it would be raised.
    found = 0.01 * np.exp(np.random.default_rng(1).uniform(-1.7, 1.7, 100))
    ours = prior([measured(value, 4) for value in found], rows=100)
    d0, s0 = scipys_prior(found, 4)

    assert (ours.df, ours.variance) == (pytest.approx(d0, rel=1e-9), pytest.approx(s0, rel=1e-9))


def test_the_prior_finds_what_variances_were_drawn_from():
    rng = np.random.default_rng(1)
    found = 0.01 * 6 / rng.chisquare(6, 2000) * rng.chisquare(4, 2000) / 4
    ours = prior([measured(value, 4) for value in found], rows=2000)

    # Raising the lowest makes the spread look a little smaller.
    assert ours.df == pytest.approx(6, rel=0.25)
    assert ours.variance == pytest.approx(0.01, rel=0.1)


def test_moderated_interval_and_p_are_scipys():
    rows = samples(6, spreads=np.linspace(0.01, 0.03, 6))
    every = AllPairs(rows)
    (a, a_seeds), (b, b_seeds) = rows[1], rows[4]
    raw, found = mean_difference(a, b, a_seeds, b_seeds), every.difference(1, 4)
    d0, s0 = every.prior.df, every.prior.variance
    change = np.subtract(a, b)
    # The variance of the pairs' differences is twice that per seed.
    error = math.sqrt((d0 * 2 * s0 + 4 * change.var(ddof=1)) / (d0 + 4) / 5)
    reach = special.stdtrit(d0 + 4, 1 - ALPHA / 2 / 15) * error

    assert raw.df == 4
    assert every.pairs == 15
    assert d0 > 1
    assert found.p == pytest.approx(2 * special.stdtr(d0 + 4, -abs(change.mean()) / error), rel=1e-9)
    assert [found.low, found.high] == pytest.approx([change.mean() - reach, change.mean() + reach])
    assert every.corrected(found.p) == min(1, 15 * found.p)


def test_the_other_way_round_is_the_same_difference_mirrored():
    every = AllPairs(samples(4))
    one, other = every.difference(0, 3), every.difference(3, 0)

    assert (one.mean, one.low, one.high) == pytest.approx((-other.mean, -other.high, -other.low))
    assert one.p == other.p


tables = st.tuples(
    st.integers(2, 9),
    st.integers(5, 9),
    st.integers(0, 10**6),
    st.floats(0, 4),
    st.booleans(),
    st.floats(0, 1),
)


@given(tables)
def test_p_is_below_alpha_exactly_where_the_interval_leaves_zero(table):
    k, n, seed, apart, own_seeds, spread = table
    rng = np.random.default_rng(seed)
    rows = samples(k, n, seed=seed, spreads=0.02 * np.exp(spread * rng.normal(size=k)), own_seeds=own_seeds)
    rows = [([v + 0.02 * apart * i for v in values], seeds) for i, (values, seeds) in enumerate(rows)]
    every = AllPairs(rows)

    for i, j in itertools.combinations(range(k), 2):
        found = every.difference(i, j)
        assert found.leaves_zero == (every.corrected(found.p) < ALPHA)
        assert found.low < found.mean < found.high


def test_a_pair_whose_rows_never_vary_is_not_tested_and_no_part_of_the_prior():
    rows = samples(6)
    stuck = [([0.8] * 5, range(5)), ([0.7] * 5, range(5))]
    every = AllPairs([*rows, *stuck])

    assert every.difference(6, 7).untested is Untested.NO_SPREAD
    assert math.isnan(every.corrected(every.difference(6, 7).p))
    assert (every.pairs, every.tests) == (27, 27)
    # With one that varies, the pair is tested, and moderated.
    one = every.difference(0, 6)
    assert one.untested is None
    assert one.high - one.low == pytest.approx(
        2
        * student.quantile(1 - ALPHA / 27, 4 + every.prior.df)
        * every.prior.moderate(mean_difference(*_sides(rows[0], stuck[0]))).error
    )


def test_equal_rows_have_p_1_and_an_interval_of_zero():
    rows = samples(4)
    every = AllPairs([*rows, rows[0]])
    same = every.difference(0, 4)

    assert (same.low, same.high, same.p, every.corrected(same.p)) == (0, 0, 1, 1)
    assert not same.leaves_zero


def test_three_or_four_seeds_have_an_interval_and_fewer_none():
    rows = samples(4)
    few = [(values[:n], seeds[:n]) for n, (values, seeds) in zip((2, 3, 5, 5), rows, strict=True)]
    every = AllPairs(few)

    assert every.difference(0, 1).untested is Untested.NO_INTERVAL
    assert math.isnan(every.difference(0, 3).low)
    assert every.difference(1, 3).untested is Untested.NO_TEST
    assert math.isfinite(every.difference(1, 3).low)
    assert (every.pairs, every.tests) == (3, 1)


def test_rows_that_are_almost_stuck_do_not_unsettle_the_others():
    """One pair of 45 whose log variance lies far below would otherwise leave no degrees of freedom."""
    spreads = np.full(10, 0.02)
    spreads[-2:] = 1e-6

    assert AllPairs(samples(10, spreads=spreads)).prior.df > 4


def test_the_prior_never_counts_for_more_than_the_rows_can_say():
    """Pairs share rows: three rows tell little about each other's variances, however alike they look."""
    for k in (3, 4, 7, 20):
        found = [AllPairs(samples(k, seed=seed)).prior.df for seed in range(40)]

        assert max(found) == pytest.approx((k - 2) / 3 * 4)


def test_no_row_and_one_row_have_no_pairs():
    for rows in ([], samples(1)):
        assert (AllPairs(rows).pairs, AllPairs(rows).moderated) == (0, False)


def test_a_prior_of_no_degrees_of_freedom_changes_nothing():
    pair = measured(0.1, 4)

    assert Prior(math.nan, 0.0).moderate(pair) is pair
    assert Prior(0.2, 4.0).moderate(pair) == replace(pair, error=pytest.approx(math.sqrt(0.15 * 0.4)), df=8)


def test_quantiles_far_out_are_scipys():
    for pairs, df in itertools.product((1, 780, 19_900), (4, 5.3, 16, 55)):
        wanted = -special.stdtrit(df, ALPHA / 2 / pairs)
        assert student.quantile(1 - ALPHA / pairs, df) == pytest.approx(wanted, rel=1e-8)


def _sides(one, other):
    return one[0], other[0], one[1], other[1]
