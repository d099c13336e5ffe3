"""Tests what experiments are compared by: which seeds have a value, and what is tested."""

from dataclasses import replace

import numpy as np
import pytest

from xavier_cli.errors import ConfigError
from xavier_cli.findings.comparison import OTHER_RECORDS, compare
from xavier_cli.findings.metric import TEST_ERROR, parse_metric
from xavier_cli.runs.errors import RunFileError
from xavier_cli.statistics.difference import difference
from xavier_cli.vocabulary.metrics import CURVES

UPDATES = 1000


@pytest.fixture
def planted(make_run):
    """A function that makes a run of which each seed comes down to 30 % at its number of updates."""

    def make(reached, records=11, **settings):
        small = {"width": 8, "depth": 2, "updates": UPDATES, "records": records, "test_examples": 50}
        run = make_run(seeds=len(reached), only=["curves"], **small, **settings)
        curve = np.where(run.updates >= np.array(reached)[:, None], 0.3, 0.8)
        return replace(run, arrays={**run.arrays, "curves/test_error": curve.astype(np.float32)})

    return make


def rows(runs, name):
    (section,) = compare(runs, metric=parse_metric(name)).sections
    return section.rows


def test_updates_are_those_of_the_first_record_at_the_level(planted):
    run = planted([90, 100, 101, 950, 1000])
    values, known = parse_metric("updates_to:0.5").values(run)

    assert values.tolist() == [100, 100, 200, 1000, 1000]
    assert known.all()
    # The level itself counts, and so it is said.
    assert parse_metric("updates_to:0.3").values(run)[1].all()
    assert not parse_metric("updates_to:0.29").values(run)[1].any()


def test_a_seed_that_never_gets_there_is_counted_and_keeps_its_row_from_tests(planted):
    runs = [planted([100, 200, 5000, 5000, 300]), planted([600, 700, 500, 800, 600], init="standard")]
    slower, censored = rows(runs, "updates_to:50%")

    # Its mean of 540 is only a bound, so that it is not the best, though below 640.
    assert slower.run.config.init == "standard"
    assert (slower.verdict.kind, slower.estimate.mean) == ("best", 640)
    assert censored.without == (2, 3)
    assert censored.values == (100, 200, UPDATES, UPDATES, 300)
    assert (censored.verdict.kind, censored.verdict.why) == ("not_tested", "2 of 5 seeds never reach 50 %")
    assert censored.verdict.difference is None


def test_seeds_that_all_get_there_are_tested_as_any_numbers(planted):
    runs = [planted([100, 200, 200, 300, 100]), planted([600, 700, 500, 800, 600], init="standard")]
    best, other = rows(runs, "updates_to:0.5")
    plain = difference(other.values, best.values, other.seeds, best.seeds)

    assert other.verdict.difference == plain
    assert (other.verdict.kind, other.verdict.p) == ("told_apart", plain.p)


def test_records_at_other_updates_are_not_tested(planted):
    """A run that is looked at every 500 updates would seem slower than one looked at every 100."""
    runs = [
        planted([100, 200, 200, 300, 100]),
        planted([100, 200, 200, 300, 600], records=3, init="standard"),
    ]
    _, coarse = rows(runs, "updates_to:0.5")

    assert (coarse.verdict.kind, coarse.verdict.why) == ("not_tested", OTHER_RECORDS)


def test_a_diverged_seed_has_the_error_of_chance_and_no_loss(make_run):
    run = make_run(seeds=5, only=["curves", "final/diverged_at"], diverged=(1,))
    errors, all_known = parse_metric("valid-error").values(run)
    losses, known = parse_metric("test_loss").values(run)

    assert errors[1] == run.facts.guessing_error
    assert all_known.all()
    assert known.tolist() == [True, False, True, True, True]
    assert np.isnan(losses[1])
    assert losses[known] == pytest.approx(run["curves/test_loss"][known, -1])


def test_a_row_with_a_diverged_seed_is_not_best_by_loss(make_run):
    only = ["curves", "final/diverged_at"]
    runs = [
        make_run(seeds=5, only=only, final_error=0.2, diverged=(1,)),
        make_run(seeds=5, only=only, final_error=0.5, init="standard"),
    ]
    best, other = rows(runs, "test_loss")

    assert best.run.config.init == "standard"
    assert other.estimate.n == 4
    assert other.verdict.why == "1 of 5 seeds diverged"
    assert rows(runs, "test_error")[0].without == ()


@pytest.mark.parametrize("name", CURVES)
def test_every_curve_is_compared_at_its_last_record(make_run, name):
    runs = [make_run(seeds=5, only=["curves"]), make_run(seeds=5, only=["curves"], init="standard")]
    best, other = rows(runs, name)

    assert best.values == pytest.approx(best.run[f"curves/{name}"][:, -1])
    assert best.estimate.mean < other.estimate.mean
    assert other.verdict.p == difference(other.values, best.values, other.seeds, best.seeds).p


def test_losses_of_two_kinds_are_refused(make_run):
    runs = [make_run(seeds=2, only=["curves"]), make_run(seeds=2, only=["curves"], loss="quadratic")]

    with pytest.raises(ConfigError, match="--where loss=cross_entropy"):
        rows(runs, "test_loss")
    assert len(rows(runs, "test_error")) == 2


def test_a_run_without_the_curve_is_named(make_run):
    run = make_run(seeds=2, only=["curves"])
    arrays = {name: array for name, array in run.arrays.items() if name != "curves/test_loss"}

    with pytest.raises(RunFileError, match="has no `curves/test_loss`"):
        rows([replace(run, arrays=arrays)], "test_loss")


@pytest.mark.parametrize(
    "text", ["updates_to:0", "updates_to:1", "updates_to:50", "updates_to:", "tst_error"]
)
def test_what_is_no_metric_is_refused_with_a_hint(text):
    with pytest.raises(ConfigError, match=r"--metric: .*(like updates_to:0\.5|did you mean `test_error`)"):
        parse_metric(text)


def test_the_usual_metric_is_the_test_error():
    assert parse_metric("test_error") == TEST_ERROR
    assert parse_metric("updates_to:50%") == parse_metric("updates_to:.5")
