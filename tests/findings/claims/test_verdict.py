"""The rules that make a verdict of numbers over seeds, and how often they err."""

import numpy as np
import pytest

from xavier_cli.findings.claims.errors import exceeds, probability
from xavier_cli.findings.claims.verdict import (
    between,
    in_every_seed,
    positive,
    span,
    together,
    with_interval,
    without_diverged,
)
from xavier_cli.statistics.estimate import mean_over_seeds

NONE = np.zeros(5, bool)
ALL = ~NONE


def only(*seeds):
    return np.isin(np.arange(5), seeds)


def test_all_means_in_every_seed_and_none_means_it_does_not_hold():
    assert in_every_seed(ALL, NONE) == "holds"
    assert in_every_seed(only(0, 1, 2, 3), NONE) == "undecided"
    assert in_every_seed(only(0), NONE) == "undecided"
    assert in_every_seed(NONE, NONE) == "does_not_hold"


def test_a_diverged_seed_makes_nothing_hold_and_is_no_failure():
    assert in_every_seed(ALL, only(2)) == "undecided"
    assert in_every_seed(only(2), only(2)) == "does_not_hold"
    assert in_every_seed(NONE, ALL) == "undecided"


def test_an_open_seed_neither_passes_nor_fails_and_most_have_to_contradict():
    assert in_every_seed(ALL, NONE, NONE) == "holds"
    assert in_every_seed(only(0, 1, 2, 3), NONE, NONE) == "undecided"
    assert in_every_seed(NONE, NONE, NONE) == "undecided"
    assert in_every_seed(NONE, NONE, only(0, 1)) == "undecided"
    assert in_every_seed(NONE, NONE, only(0, 1, 2)) == "does_not_hold"
    assert in_every_seed(only(4), NONE, only(0, 1, 2)) == "undecided"
    # Two of the three that did not diverge.
    assert in_every_seed(NONE, only(3, 4), only(0, 1)) == "does_not_hold"


def test_one_part_that_does_not_hold_is_enough_and_one_undecided_leaves_it_open():
    assert together(["holds", "holds"]) == "holds"
    assert together(["holds", "undecided"]) == "undecided"
    assert together(["undecided", "does_not_hold"]) == "does_not_hold"


def test_a_mean_in_the_middle_is_within_and_one_far_off_is_not():
    values = np.random.default_rng(0).normal(1.0, 0.01, (5, 2))

    assert between(values, (0.9, 0.9), (1.1, 1.1)) == "holds"
    assert between(values, (0.9, 1.05), (1.1, 1.2)) == "does_not_hold"
    assert between(values, (0.9, 1.0), (1.1, 1.2)) == "undecided"


def test_no_spread_is_no_obstacle():
    assert between(np.full((5, 1), 0.5), (0.4,), (0.6,)) == "holds"
    assert between(np.full((5, 1), 0.7), (0.4,), (0.6,)) == "does_not_hold"


@pytest.mark.parametrize(
    ("truth", "never", "at_most"), [(1.1, "holds", 0.05), (1.0999, "does_not_hold", 0.05)]
)
def test_bounds_are_misjudged_in_at_most_5_of_100(truth, never, at_most):
    """On the bound it must rarely hold, just inside it must rarely not; four layers at once, five seeds."""
    rng = np.random.default_rng(1)
    draws = rng.normal(truth, 0.05, (1500, 5, 4))
    wrong = np.mean([between(values, (0.9,) * 4, (1.1,) * 4) == never for values in draws])

    assert wrong < at_most + 4 * np.sqrt(0.05 * 0.95 / len(draws))


def test_ranges_and_probabilities_in_words():
    assert span([0.5, 0.25], 2) == "0.25 to 0.50"
    assert span([0.5, 0.5001, np.nan], 2) == "0.50"
    assert span([np.nan]) == "nothing finite"
    assert span([-0.001, 0.001], 2) == "0.00"
    assert [probability(p) for p in (1, 0.12, 0.0003, 0.00002)] == ["1.00", ".12", ".0003", "below .0001"]


def test_a_mean_is_positive_where_its_whole_interval_is():
    values = np.array([0.9, 1.0, 1.1, 1.0, 1.0])

    assert positive(mean_over_seeds(values)) == "holds"
    assert positive(mean_over_seeds(-values)) == "does_not_hold"
    assert positive(mean_over_seeds(values - 1)) == "undecided"
    assert positive(mean_over_seeds(values[:4])) == "undecided"
    assert positive(mean_over_seeds(np.append(values, np.nan))) == "undecided"


def test_nothing_holds_of_seeds_some_of_which_diverged():
    assert without_diverged("holds", NONE, only(3)) == "undecided"
    assert without_diverged("holds", NONE, NONE) == "holds"
    assert without_diverged("does_not_hold", only(3)) == "does_not_hold"


def test_an_estimate_has_its_interval_beside_it():
    assert with_interval(mean_over_seeds([0.9, 1.0, 1.1])) == "1.00, 95 % [0.75, 1.25]"
    assert with_interval(mean_over_seeds([-0.001, 0.0]), 1) == "0.0, 95 % [0.0, 0.0]"
    assert with_interval(mean_over_seeds([1.0])) == "1.00"
    assert with_interval(mean_over_seeds([np.nan])) == "nothing finite"


@pytest.mark.parametrize(("change", "other"), [(0.0, 0.0), (0.05, 0.05), (0.05, -0.05), (-0.1, 0.0)])
def test_a_change_that_is_no_larger_is_rarely_said_to_be(change, other):
    draws = np.random.default_rng(2).normal([[change], [other]], 0.02, (3000, 2, 5))
    holds = np.mean([exceeds(*pair)[0] == "holds" for pair in draws])

    assert holds < 0.025 + 4 * np.sqrt(0.025 * 0.975 / len(draws))


def test_a_change_that_is_larger_is_found_and_a_smaller_one_refuted():
    draws = np.random.default_rng(3).normal([[0.12], [0.03]], 0.005, (2, 5))

    assert exceeds(*draws)[0] == "holds"
    assert exceeds(*draws[::-1])[0] == "does_not_hold"
