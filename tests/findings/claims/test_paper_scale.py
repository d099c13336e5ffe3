"""Claims that need the paper's length, of networks a third as wide and with any number of seeds."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from support import claim_material as material
from support.claim_material import altered

from xavier_cli.findings.claims.judging import judge
from xavier_cli.runs.schema import dims

LENGTH = ("sigmoid-depth-4-escapes", "table-1-order", "table-1-bold")
ESTIMATES = ("table-1-levels", "figure-11-readings")
MINIMA = (*LENGTH, "tanh-normalized-beats-standard", "softsign-beside-tanh-normalized")


@pytest.fixture(scope="module")
def long(make_run):
    """A function that gives the six networks at scale `long`, with the paper's errors, and so many seeds."""
    made = material.paper(make_run, width=300, records="every:20000")

    def of(seeds=5, **fewer):
        """`seeds` of all, or of an activation as many as `fewer` says; 0 are none."""
        counts = [fewer.get(run.config.act, seeds) for run in made]
        return [
            run if n == len(run.seeds) else material.some_seeds(run, [*range(n)])
            for run, n in zip(made, counts, strict=True)
            if n
        ]

    return of


def with_errors(runs, change):
    """`runs` whose test errors are what `change` makes of each run's."""
    return [altered(run, **{"curves/test_error": change(run)}) for run in runs]


def swapped(run):
    """Tanh under the two initializations in each other's place: as clear as the paper's order is."""
    error = run["curves/test_error"]
    if run.config.act != "tanh":
        return error
    return error + (0.2 if run.config.init == "normalized" else -0.2) * np.linspace(0, 1, error.shape[1])


def stuck(run):
    error = run["curves/test_error"]
    return np.full_like(error, 0.833) if run.config.depth == 4 else error


WRONG = [("table-1-order", swapped), ("table-1-bold", swapped), ("sigmoid-depth-4-escapes", stuck)]


@pytest.mark.parametrize("name", LENGTH)
def test_what_holds_at_a_third_of_the_width_says_so(long, name):
    verdict = judge(name, long())

    assert verdict.verdict == "holds", verdict.evidence
    assert "N = 5, width 300, 2,500,000 updates" in verdict.evidence


@pytest.mark.parametrize(("name", "wrong"), WRONG)
def test_what_does_not_hold_there_is_undecided_and_at_the_papers_width_does_not_hold(
    long, make_run, name, wrong
):
    narrow, wide = (judge(name, with_errors(runs, wrong)) for runs in (long(), material.paper(make_run)))

    assert (narrow.verdict, wide.verdict) == ("undecided", "does_not_hold")
    assert narrow.evidence.endswith("it does not hold at width 300, which says nothing of the paper's 1,000")
    assert "1,000" not in wide.evidence.replace("width 1,000", "")


@pytest.mark.parametrize("name", MINIMA)
def test_three_seeds_are_undecided_with_their_numbers_and_fewer_have_none(long, name):
    three, one = judge(name, long(3)), judge(name, long(1))

    assert three.verdict == one.verdict == "undecided"
    assert "with 5 seeds or more; this one has 3; so far " in three.evidence
    assert "N = 3, width 300" in three.evidence
    assert not re.search("nan|p 1.00", three.evidence)
    assert one.evidence.endswith("with 5 seeds or more; this one has 1")


@pytest.mark.parametrize("name", ESTIMATES)
def test_an_estimate_needs_no_number_of_seeds(long, name):
    for seeds in (1, 3, 5):
        verdict = judge(name, long(seeds))

        assert verdict.verdict == "estimate"
        assert f"N = {seeds}, width 300" in verdict.evidence
        assert ("95 % [" in verdict.evidence) == (seeds > 1)
        assert "nan" not in verdict.evidence


def test_readings_are_within_what_can_be_read_or_lower_or_higher(long, make_run):
    def found(runs, change):
        return judge("figure-11-readings", with_errors(runs, change)).evidence

    near = judge("figure-11-readings", long()).evidence
    some = found(long(), swapped)
    lower, higher = some.partition("higher, which may need the paper's width of 1,000 or another rate: ")[::2]

    assert "within 2 points (12 of 12 readings): " in near
    assert "lower" not in near
    assert "higher" not in near
    assert "lower than the paper's: tanh standard after 5 million examples" in lower
    assert "tanh standard after 25 million examples 7." in lower
    assert higher.startswith("tanh normalized after 5 million examples")
    assert "within" not in found(long(), lambda run: run["curves/test_error"] + 0.1)
    assert "; higher: " in found(material.paper(make_run), swapped)


def test_at_the_end_all_test_examples_count_and_before_it_those_of_five_records(long):
    runs = long(2)

    def ended(run):
        """The last record, on all examples, is apart from those before it, on a part of them."""
        error = run["curves/test_error"].copy()
        error[:, -1] = 0.5
        return error

    said = judge("figure-11-readings", with_errors(runs, ended)).evidence

    assert said.count(" after 25 million examples 50.0 (") == len(runs)
    assert " after 5 million examples 50.0" not in said
    assert "; before the end means of five records, on 2,000 test examples that all seeds share" in said


def test_curves_that_are_not_there_are_named_and_hide_no_other(long):
    verdict = judge("figure-11-readings", long(sigmoid=0, softsign=1, seeds=3))

    assert verdict.verdict == "estimate"
    assert (
        "; not run: sigmoid standard, sigmoid standard at depth 4 (N = 1 and 3, width 300" in verdict.evidence
    )
    assert "tanh normalized after 25 million examples 1" in verdict.evidence
    assert "not run" not in judge("figure-11-readings", long()).evidence
    assert "N = 1 to 3, " in judge("figure-11-readings", long(sigmoid=1, softsign=2, seeds=3)).evidence


def stopped_at(run, update):
    """`run` as it is when its training is stopped at this update."""
    last = int(np.searchsorted(run.updates, update)) + 1
    arrays = {
        name: np.take(array, range(last), axis=dims(name).index("update"))
        if "update" in dims(name)
        else array
        for name, array in run.arrays.items()
    }
    return replace(run, arrays=arrays, status="interrupted")


def test_of_a_training_that_was_stopped_the_readings_count_that_it_has_come_to(long):
    """Records after the reading are needed too, since it is a mean over those around it."""
    runs = [stopped_at(run, 560_000) if run.config.act == "tanh" else run for run in long(1)]
    verdict = judge("figure-11-readings", runs)

    assert verdict.verdict == "estimate"
    assert " of 8 readings)" in verdict.evidence
    assert "tanh standard after 5 million examples 48" in verdict.evidence
    assert "tanh standard after 10 million" not in verdict.evidence
    stopped = "; stopped before their end (updates): tanh standard (560,000), tanh normalized (560,000) ("
    assert stopped in verdict.evidence
    needs = judge("tanh-normalized-beats-standard", runs).evidence
    assert needs == "needs a run of tanh standard trained to its end; this one is at 560,000 updates"

    early = judge("figure-11-readings", [stopped_at(run, 500_000) for run in long(1, sigmoid=0)])
    assert early.verdict == "undecided"
    assert early.evidence.startswith(
        "needs a training of 5 million examples; updates so far: tanh standard (500,000)"
    )


def test_a_training_that_came_to_its_end_goes_before_one_that_was_stopped(long):
    whole = judge("figure-11-readings", long(1))
    begun = [stopped_at(material.some_seeds(run, [1]), 560_000) for run in long()]

    assert judge("figure-11-readings", [*begun, *long(1)]).evidence == whole.evidence


def test_a_claim_is_undecided_where_a_row_is_not_there(long):
    for name in ("table-1-order", "table-1-bold", "table-1-levels"):
        verdict = judge(name, long(sigmoid=0))

        assert verdict.verdict == "undecided"
        assert verdict.evidence.startswith("needs a run of sigmoid standard with 2,500,000 updates or more")


def test_seeds_that_are_fewer_in_one_row_are_those_that_count(long):
    verdict = judge("table-1-order", long(softsign=3))

    assert verdict.verdict == "undecided"
    assert "softsign standard with 5 seeds or more; this one has 3; so far error %" in verdict.evidence
    assert "the four steps are not tested under 5 seeds" in verdict.evidence
