"""How often every test and interval errs, by simulation: seeded, with the tolerance that chance allows.

A share of n simulations is off by more than four binomial standard deviations in 1 of 16,000 tries.
"""

import itertools
import math

import numpy as np
import pytest

from xavier_cli.statistics import student
from xavier_cli.statistics.difference import difference, difference_p, equivalence
from xavier_cli.statistics.effect import effect_size
from xavier_cli.statistics.estimate import mean_over_seeds
from xavier_cli.statistics.multiple import holm
from xavier_cli.statistics.networks import mcnemar, two_proportions
from xavier_cli.statistics.sign import sign_test

N = 5
SEEDS, OTHERS = range(N), range(N, 2 * N)


def chance(share: float, n: int) -> float:
    """Four standard deviations of a share that is `share` in truth, over `n` simulations."""
    return 4 * math.sqrt(share * (1 - share) / n)


def is_about(share: float, hits) -> bool:
    return abs(np.mean(hits) - share) < chance(share, len(hits))


def is_at_most(share: float, hits) -> bool:
    return np.mean(hits) < share + chance(share, len(hits))


def pairs_of_samples(number: int, *, correlation=0.0, spreads=(0.02, 0.02), gap=0.0, n=N, seed=0):
    """`number` times two samples of `n` seeds, shape `(number, 2, n)`."""
    rng = np.random.default_rng(seed)
    common, own = rng.normal(size=(number, 1, n)), rng.normal(size=(number, 2, n))
    z = math.sqrt(correlation) * common + math.sqrt(1 - correlation) * own
    return 0.5 + np.array([[gap], [0.0]]) + np.array(spreads)[:, None] * z


@pytest.mark.parametrize("level", [0.9, 0.95, 0.99])
@pytest.mark.parametrize("n", [3, 5, 20])
def test_t_interval_covers_the_mean(n, level):
    estimates = [mean_over_seeds(s, level) for s in np.random.default_rng(n).normal(0.3, 0.02, (3000, n))]

    assert is_about(level, [e.low < 0.3 < e.high for e in estimates])


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_paired_t_rejects_no_difference_in_5_of_100(correlation):
    p = [difference_p(*pair, SEEDS, SEEDS) for pair in pairs_of_samples(4000, correlation=correlation)]

    assert is_about(0.05, np.array(p) < 0.05)
    assert is_about(0.005, np.array(p) < 0.005)


@pytest.mark.parametrize("spreads", [(0.02, 0.02), (0.04, 0.01)])
def test_welch_rejects_no_difference_in_at_most_5_of_100(spreads):
    p = [difference_p(*pair, SEEDS, OTHERS) for pair in pairs_of_samples(4000, spreads=spreads)]

    # Welch's degrees of freedom are an approximation: at five seeds it errs up to 1 point too often.
    assert is_at_most(0.06, np.array(p) < 0.05)
    assert np.mean(np.array(p) < 0.05) > 0.03


@pytest.mark.parametrize("spreads", [(0.02, 0.02), (0.03, 0.005)])
@pytest.mark.parametrize("b_seeds", [SEEDS, OTHERS])
def test_interval_of_a_difference_covers_it(b_seeds, spreads):
    samples = pairs_of_samples(2000, gap=0.1, spreads=spreads, seed=1)
    found = [difference(*pair, SEEDS, b_seeds) for pair in samples]
    missed = [not d.low < 0.1 < d.high for d in found]

    # Welch's may miss up to 1 point more, as above.
    assert is_at_most(0.06 if b_seeds is OTHERS else 0.05, missed)
    assert np.mean(missed) > 0.025


def test_the_smaller_of_two_p_would_err_more_often_than_the_rule():
    """Why the test follows from the seeds: picked by its p, it rejects a true null too often."""
    samples = pairs_of_samples(4000, seed=2)
    paired = np.array([difference_p(*pair, SEEDS, SEEDS) for pair in samples])
    welch = np.array([difference_p(*pair, SEEDS, OTHERS) for pair in samples])

    assert is_about(0.05, paired < 0.05)
    assert not is_at_most(0.05, np.minimum(paired, welch) < 0.05)
    # The rule asks the seeds alone: in whatever order, and whatever the numbers are.
    for a, b in samples[:50]:
        assert difference(a, b, SEEDS, SEEDS).paired
        assert not difference(a, b, SEEDS, OTHERS).paired


@pytest.mark.parametrize("b_seeds", [SEEDS, OTHERS])
def test_alike_is_said_of_what_is_a_margin_apart_in_at_most_5_of_100(b_seeds):
    at_the_margin = pairs_of_samples(3000, gap=0.05, spreads=(0.01, 0.01), seed=3)
    p = np.array([equivalence(*pair, SEEDS, b_seeds, 0.05).p for pair in at_the_margin])

    assert is_at_most(0.05, p < 0.05)


def test_alike_is_said_of_equals_unless_the_spread_is_too_large_to_tell():
    narrow, wide = (pairs_of_samples(1000, spreads=(sd, sd), seed=4) for sd in (0.01, 0.2))
    p, p_wide = (
        np.array([equivalence(*pair, SEEDS, SEEDS, 0.05).p for pair in pairs]) for pairs in (narrow, wide)
    )

    assert np.mean(p < 0.05) > 0.95
    assert is_at_most(0.05, p_wide < 0.05)


def tables(k: int, number: int, all_pairs: bool, apart: float = 0.0) -> np.ndarray:
    """Which of `number` tables of `k` rows tell a row that is no worse from the best, chosen by these data.

    The last row is worse than the others, in truth, by `apart`.
    """
    rng = np.random.default_rng(k)
    pairs = list(itertools.combinations(range(k), 2))
    found = []
    for _ in range(number):
        rows = rng.normal(0.5, 0.02, (k, N))
        rows[-1] += apart
        best = int(rows.mean(axis=1).argmin())
        asked = pairs if all_pairs else [pair for pair in pairs if best in pair]
        p = holm([difference_p(rows[i], rows[j], SEEDS, SEEDS) for i, j in asked])
        worse = {k - 1} if apart else set()
        equal = [
            value for value, pair in zip(p, asked, strict=True) if best in pair and not worse & set(pair)
        ]
        found.append(min(equal) < 0.05)
    return np.array(found)


@pytest.mark.parametrize(("k", "apart"), [(3, 0.0), (8, 0.0), (6, 0.2)])
def test_holm_over_all_pairs_errs_in_at_most_5_of_100_tables(k, apart):
    assert is_at_most(0.05, tables(k, 500, all_pairs=True, apart=apart))


def test_control_holm_against_the_best_alone_errs_in_more():
    assert not is_at_most(0.05, tables(8, 500, all_pairs=False))


def test_two_proportions_reject_one_rate_in_as_many_as_they_say():
    rng = np.random.default_rng(5)
    errors = rng.binomial(10_000, 0.16, (20_000, 2)) / 10_000
    p = np.array([two_proportions(a, b, 10_000, 10_000) for a, b in errors])

    assert is_about(0.05, p < 0.05)
    assert is_about(0.005, p < 0.005)


def test_mcnemar_rejects_one_error_rate_in_at_most_5_of_100():
    rng = np.random.default_rng(6)
    difficulty = rng.uniform(size=(2000, 200))
    a, b = ((rng.uniform(size=difficulty.shape) < difficulty).astype(int) for _ in range(2))
    p = np.array([mcnemar(x, y) for x, y in zip(a, b, strict=True)])

    assert is_at_most(0.05, p < 0.05)
    # An exact test of few examples that differ is cautious, not idle.
    assert np.mean(p < 0.05) > 0.02


def test_control_networks_of_one_configuration_differ_more_often_than_chance():
    """Between two seeds of one method whose networks differ, the test tells networks apart, not methods."""
    rng = np.random.default_rng(7)
    rates = rng.normal(0.5, 0.02, (1000, 2))
    errors = rng.binomial(10_000, rates) / 10_000
    p = np.array([two_proportions(a, b, 10_000, 10_000) for a, b in errors])

    assert np.mean(p < 0.005) > 0.2


@pytest.mark.parametrize("n", [6, 20, 101])
def test_the_sign_test_rejects_a_fair_coin_in_at_most_5_of_100(n):
    heads = np.random.default_rng(n).binomial(n, 0.5, 20_000)
    rejects = {k: sign_test(k, n - k) < 0.05 for k in range(n + 1)}
    # The exact error rate, which the simulation must reproduce.
    exact = sum(math.comb(n, k) for k in range(n + 1) if rejects[k]) / 2**n
    hits = [rejects[int(k)] for k in heads]

    assert 0.01 < exact <= 0.05
    assert is_about(exact, hits)


@pytest.mark.parametrize(("b_seeds", "true"), [(SEEDS, 2 / math.sqrt(2)), (OTHERS, 2.0)])
def test_interval_of_an_effect_size_covers_it(b_seeds, true):
    samples = pairs_of_samples(600, gap=0.04, seed=8)
    effects = [effect_size(*pair, SEEDS, b_seeds) for pair in samples]

    assert is_about(0.95, [e.low < true < e.high for e in effects])
    # Hedges' g has no bias, which d would have by a quarter at five pairs.
    assert np.mean([e.g for e in effects]) == pytest.approx(true, rel=0.1)


def test_student_p_are_uniform_under_the_null():
    t = np.random.default_rng(9).standard_t(4, 5000)
    p = np.array([student.two_sided_p(float(value), 4) for value in t])

    for share in (0.01, 0.1, 0.5):
        assert is_about(share, p < share)
