"""Tests the ranking of experiments, and which differ significantly."""

import math

import numpy as np
import pytest

from xavier_cli.findings.comparison import MOST_ROWS_TESTED, ROWS_TESTED_OF_MORE, compare
from xavier_cli.statistics.difference import difference
from xavier_cli.statistics.effect import effect_size
from xavier_cli.statistics.simultaneous import AllPairs


@pytest.fixture
def experiment(make_run):
    """A function that makes a light run: curves, and what is 0 or 1 per test example."""

    def make(error, seeds="0:5", spread=0.005, **settings):
        only = ["curves", "final/test_correct"]
        return make_run(
            seeds=seeds, final_error=error, spread=spread, only=only, test_examples=1000, **settings
        )

    return make


def only_section(runs):
    (section,) = compare(runs).sections
    return section


def test_best_comes_first_and_is_the_lowest_mean(experiment):
    section = only_section([experiment(0.6, init="standard"), experiment(0.4)])

    assert [row.run.config.init for row in section.rows] == ["normalized", "standard"]
    assert [row.verdict.kind for row in section.rows] == ["best", "told_apart"]


def test_interval_and_p_are_those_of_all_pairs(experiment):
    runs = [experiment(0.40), experiment(0.41, init="standard"), experiment(0.42, act="softsign")]
    section = only_section(runs)
    every = AllPairs([(row.errors, row.seeds) for row in section.rows])

    assert (section.tests, section.pairs, section.moderated) == (3, 3, True)
    for index, row in enumerate(section.rows[1:], start=1):
        assert row.verdict.difference == every.difference(index, 0)
        assert row.verdict.p == every.corrected(every.difference(index, 0).p)


def test_two_rows_have_the_plain_paired_t(experiment):
    best, second = only_section([experiment(0.4), experiment(0.41, init="standard")]).rows

    plain = difference(second.errors, best.errors, second.seeds, best.seeds)
    assert second.verdict.difference == plain
    assert second.verdict.p == plain.p


def test_a_row_is_told_apart_exactly_where_its_interval_leaves_zero(experiment):
    """Steps of a tenth of a point, so that verdicts change somewhere on the way."""
    rows = only_section([experiment(0.4 + 0.001 * i, updates=30_000 + i) for i in range(40)]).rows
    kinds = {row.verdict.kind for row in rows[1:]}

    assert kinds == {"told_apart", "not_told_apart"}
    for verdict in (row.verdict for row in rows[1:]):
        assert (verdict.kind == "told_apart") == verdict.difference.leaves_zero == (verdict.p < 0.05)


def test_alike_rows_are_not_told_apart_and_have_an_interval(experiment):
    verdict = (
        only_section([experiment(0.4, spread=0.02), experiment(0.4, spread=0.02, depth=4)]).rows[1].verdict
    )

    assert verdict.kind == "not_told_apart"
    assert verdict.difference.low < 0 < verdict.difference.high


def test_data_sets_are_never_compared_with_each_other(experiment):
    sections = compare([experiment(0.4), experiment(0.02, data="mnist"), experiment(0.5, depth=4)]).sections

    assert [section.data for section in sections] == ["shapeset", "mnist"]
    assert [len(section.rows) for section in sections] == [2, 1]


@pytest.mark.parametrize(("seeds", "why"), [("0:2", "under 3 seeds"), ("0:4", "under 5 seeds")])
def test_few_seeds_are_not_tested(experiment, seeds, why):
    verdict = only_section([experiment(0.4), experiment(0.6, seeds=seeds, depth=4)]).rows[1].verdict

    assert (verdict.kind, verdict.why) == ("not_tested", why)
    assert math.isnan(verdict.p)
    assert math.isnan(verdict.difference.low) == (seeds == "0:2")


def test_two_networks_are_compared_as_networks_only(experiment):
    section = only_section([experiment(0.2, seeds="0,"), experiment(0.6, seeds="0,", depth=4)])
    verdict = section.rows[1].verdict

    assert verdict.kind == "not_tested"
    assert verdict.p_networks < 0.001
    assert section.tests == 0


def test_all_diverged_counts_as_guessing_and_is_told_apart(experiment):
    section = only_section([experiment(0.4), experiment(0.4, diverged=range(5), depth=4)])

    assert section.rows[1].test_error.mean == pytest.approx(5 / 6)
    assert section.rows[1].diverged == (0, 1, 2, 3, 4)
    assert section.rows[1].verdict.kind == "told_apart"


def test_two_that_never_vary_are_not_tested(experiment):
    runs = [experiment(0.4, diverged=range(5), depth=depth) for depth in (3, 4)]

    assert only_section(runs).rows[1].verdict.p == 1


def test_unfinished_runs_come_last_and_cannot_win(experiment):
    unfinished = experiment(0.1, depth=4, status="interrupted", records_done=12)
    section = only_section([unfinished, experiment(0.5), experiment(0.6, init="standard")])

    assert [row.verdict.kind for row in section.rows] == ["best", "told_apart", "not_tested"]
    assert section.rows[2].verdict.why == "interrupted at 11,579 of 20,000"


def test_only_what_differs_is_a_column(experiment):
    section = only_section([experiment(0.4), experiment(0.5, depth=4, lr=0.1)])

    assert section.varying == ("act", "init", "depth", "lr")
    assert section.common["width"] == 300
    assert "depth" not in section.common


def test_how_it_was_looked_at_is_a_column_where_nothing_else_tells_rows_apart(experiment):
    first, deeper = experiment(0.4, records="21"), experiment(0.5, depth=4, records="11")

    assert only_section([first, deeper]).varying == ("act", "init", "depth")
    assert "records" not in only_section([first, deeper]).common
    assert only_section([first, deeper]).common["eval_examples"] == 2000
    pretrained = [
        experiment(0.4, pretrain="dae", pretrain_lr=lr, records=n) for lr, n in ((0.1, 21), (0.2, 11))
    ]
    assert only_section(pretrained).varying == ("act", "init", "pretrain_lr")


def test_runs_that_differ_only_in_how_they_were_looked_at_are_one_experiment(experiment):
    """No rivals: neither a pair more in the family of tests, nor a seed counted twice."""
    once = experiment(0.4)
    again = [experiment(0.4, seeds="3:8", **looks) for looks in ({"records": 11}, {"jacobian_examples": 0})]
    other = experiment(0.6, init="standard")
    section = only_section([once, again[0], other, again[1]])

    assert [row.seeds for row in section.rows] == [tuple(range(8)), tuple(range(5))]
    assert section.rows[0].errors[:5] == only_section([once]).rows[0].errors
    assert section.rows[0].errors[5:] == only_section([again[0]]).rows[0].errors[2:]
    assert section.rows[0].runs == (once, *again)
    assert section.tests == 1
    assert section.varying == ("act", "init")
    assert "records" not in section.common
    assert section.rows[1].verdict.kind == "told_apart"


def test_what_is_no_part_of_one_experiment_stays_apart(experiment):
    """An unfinished one, one whose search chose another rate, one that was not merged for a reason."""
    unfinished = experiment(0.4, records=11, status="interrupted", records_done=5)

    assert len(only_section([experiment(0.4), unfinished]).rows) == 2
    assert len(only_section([experiment(0.4), experiment(0.4, seeds="7:9")]).rows) == 2
    assert len(only_section([experiment(0.4), experiment(0.4, records=11, lr=0.1)]).rows) == 2


def test_a_seed_that_diverged_is_one_of_all_runs_of_its_experiment(experiment, make_run):
    lost = make_run(seeds="5:7", records=11, only=["curves"], diverged=[6])
    (row,) = only_section([experiment(0.4), lost]).rows

    assert row.diverged == (6,)
    assert len(row.errors) == 7


def test_searched_rate_is_shown_as_the_rate_it_chose(experiment, make_run):
    searched = make_run(lr="0.01,0.03,0.1", seeds="0:5", only=["curves", "search"])
    section = only_section([searched, experiment(0.6, init="standard")])

    assert {row.settings["lr"] for row in section.rows} == {0.03}
    assert [row.searched for row in section.rows] == [True, False]
    assert "lr" not in section.varying
    assert "searched" not in section.varying


def test_files_without_training_are_left_out(experiment):
    assert compare([experiment(0.4, updates=0)]).sections == ()


def test_of_very_many_rows_the_best_by_validation_error_are_tested(experiment):
    rng = np.random.default_rng(0)
    runs = [experiment(0.3 + 0.001 * i, updates=30_000 + i) for i in range(MOST_ROWS_TESTED + 1)]
    # The validation errors are in another order than the test errors.
    for i, run in enumerate(runs):
        run.arrays["curves/valid_error"] = rng.permuted(run["curves/valid_error"], axis=0) + 0.1 * (i % 5)
    section = only_section(runs)
    tested, others = section.rows[:ROWS_TESTED_OF_MORE], section.rows[ROWS_TESTED_OF_MORE:]

    assert section.rows_tested == ROWS_TESTED_OF_MORE
    assert section.pairs == ROWS_TESTED_OF_MORE * (ROWS_TESTED_OF_MORE - 1) // 2
    assert max(row.valid_error.mean for row in tested) <= min(row.valid_error.mean for row in others)
    assert [row.verdict.kind == "best" for row in section.rows] == [True] + [False] * MOST_ROWS_TESTED
    assert {row.verdict.kind for row in tested[1:]} <= {"told_apart", "not_told_apart"}
    assert {(row.verdict.kind, row.verdict.why) for row in others} == {("not_tested", "over 200 rows")}
    for part in (tested, others):
        assert [row.test_error.mean for row in part] == sorted(row.test_error.mean for row in part)


def test_the_effect_is_the_difference_in_standard_deviations_over_seeds(experiment):
    best, second = only_section([experiment(0.4), experiment(0.6, init="standard")]).rows
    effect = second.verdict.effect

    assert best.verdict.effect is None
    assert effect == effect_size(second.errors, best.errors, second.seeds, best.seeds)
    assert effect.low < effect.high
