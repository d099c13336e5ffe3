"""Tests between two networks, and the paper's own: Table 1."""

import numpy as np
import pytest
from scipy import stats  # noqa: TID253

from xavier_cli.statistics.estimate import mean_over_seeds
from xavier_cli.statistics.networks import (
    mcnemar,
    proportion_interval,
    proportion_less_mean,
    two_proportions,
)

# Test error % and whether the paper prints it bold: "not statistically different from the best".
TABLE_1 = {
    "Shapeset": [(16.27, 1), (16.06, 1), (27.15, 0), (15.60, 1), (82.61, 0)],
    "MNIST": [(1.64, 1), (1.72, 1), (1.76, 1), (1.64, 1), (2.21, 0)],
    "CIFAR-10": [(55.78, 0), (53.8, 1), (55.9, 0), (52.92, 1), (57.28, 0)],
    "Small-ImageNet": [(69.14, 1), (68.13, 1), (70.58, 0), (68.57, 1), (70.66, 0)],
}


@pytest.mark.parametrize("column", TABLE_1)
def test_two_proportions_give_the_bold_pattern_of_table_1(column: str):
    errors = [error / 100 for error, _ in TABLE_1[column]]
    alike = [two_proportions(error, min(errors), 10_000, 10_000) >= 0.005 for error in errors]

    assert alike == [bool(bold) for _, bold in TABLE_1[column]]


def test_closest_call_of_table_1():
    assert two_proportions(0.0221, 0.0164, 10_000, 10_000) == pytest.approx(0.0034, abs=5e-5)


@pytest.mark.parametrize("error", [0.0, 0.5, 1.0])
def test_equal_error_rates_have_p_one(error: float):
    assert two_proportions(error, error, 100, 100) == 1


def test_mcnemar_is_the_sign_test_of_the_examples_that_differ():
    a = np.repeat([1, 1, 0, 0], [800, 60, 35, 105])
    b = np.repeat([1, 0, 1, 0], [800, 60, 35, 105])

    assert mcnemar(a, b) == pytest.approx(stats.binomtest(35, 95).pvalue)


def test_mcnemar_of_the_same_network_is_one():
    a = np.array([0, 1, 1, 0])

    assert mcnemar(a, a) == 1


def test_mcnemar_needs_the_same_examples():
    with pytest.raises(ValueError, match="same examples"):
        mcnemar(np.ones(3), np.ones(4))


@pytest.mark.parametrize(("right", "n"), [(5947, 10_000), (0, 300), (3, 20)])
def test_the_interval_of_an_error_rate_is_scipys(right, n):
    theirs = stats.binomtest(right, n).proportion_ci(method="wilson")

    assert proportion_interval(right / n, n) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_an_error_rate_less_a_mean_over_seeds_has_the_errors_of_both():
    errors = np.array([0.48, 0.49, 0.50, 0.47, 0.51])
    gap = proportion_less_mean(0.6, 10_000, errors)
    # As Welch's test has it, of 10,000 answers that are 0 or 1.
    answers = np.repeat([1.0, 0.0], [6000, 4000])
    theirs = stats.ttest_ind(answers, errors, equal_var=False).confidence_interval()

    assert gap.mean == pytest.approx(0.11)
    assert (gap.low, gap.high) == pytest.approx((theirs.low, theirs.high), rel=1e-3)
    assert gap.half_width > mean_over_seeds(errors).half_width * 0.9
    assert np.isnan(proportion_less_mean(0.6, 10_000, errors[:1]).low)


def test_the_interval_of_an_error_rate_less_a_mean_covers_the_truth():
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(1000):
        gap = proportion_less_mean(rng.binomial(2000, 0.6) / 2000, 2000, rng.normal(0.5, 0.01, 5))
        hits += gap.low <= 0.1 <= gap.high

    assert 930 <= hits <= 970
