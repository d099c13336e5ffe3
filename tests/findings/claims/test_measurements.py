"""Tests the numbers that claims read out of runs: times between records, late means, and their words."""

import numpy as np
import pytest

from xavier_cli.findings.claims.measurements import (
    check_late,
    counted,
    described,
    first_time,
    read_at,
    spacing,
)
from xavier_cli.findings.claims.requirements import NetworkKind, Requirements, select_runs
from xavier_cli.findings.claims.verdict import UndecidedError
from xavier_cli.findings.scores import late_window

NEVER = np.inf


@pytest.fixture
def trained(make_run):
    """A function that makes a small trained run."""

    def make(**settings):
        usual = {"act": "tanh", "init": "standard", "width": 12, "updates": 1000, "records": "21"}
        return make_run(only=["curves"], **{**usual, "seeds": "0:5", **settings})

    return make


def happening(run, *records):
    """True from these records on, one per seed; never for None."""
    steps = np.arange(len(run.updates))
    return np.stack([steps >= (len(steps) if first is None else first) for first in records])


def test_what_happens_between_two_records_is_after_one_and_by_the_other(trained):
    run = trained(seeds="0:3")
    time = first_time(run, happening(run, 4, 1, None))

    assert time.after.tolist() == [150, 0, 1000]
    assert time.by.tolist() == [200, 50, NEVER]
    assert time.happened.tolist() == [True, True, False]


def test_what_is_so_at_record_0_was_never_before_it(trained):
    run = trained(seeds="0:2")
    time = first_time(run, happening(run, 0, 1))

    assert (time.after.tolist(), time.by.tolist()) == ([0, 0], [0, 50])


def test_one_comes_first_if_a_record_lies_between(trained):
    run = trained(seeds="0:5")
    one = first_time(run, happening(run, 3, 3, 3, None, 3))
    other = first_time(run, happening(run, 4, 3, 2, None, None))

    assert one.before(other).tolist() == [True, False, False, False, True]
    assert other.before(one).tolist() == [False, False, True, False, False]


def test_each_layer_has_its_own_time(trained):
    run = trained(seeds="0:1")
    layers = np.stack([happening(run, first) for first in (1, 2)], axis=-1)

    assert first_time(run, layers).by.tolist() == [[50, 100]]


def test_times_in_words_name_the_records_by_which(trained):
    run = trained(seeds="0:3")

    assert first_time(run, happening(run, 5, 6, 5)).in_words() == "by update 250-300"
    assert first_time(run, happening(run, 5, 5, 5)).in_words() == "by update 250"
    assert first_time(run, happening(run, None, None, None)).in_words(500) == "not up to update 500"
    assert (
        first_time(run, happening(run, 5, None, 5)).in_words()
        == "by update 250, not up to update 1,000 in 1 of 3"
    )


def test_the_distance_of_records_is_said(trained):
    assert spacing(trained(), 1000) == "records every 50 updates"
    assert spacing(trained(updates=100_000), 50_000) == "records every 5,000 updates"
    assert spacing(trained(records="log:10"), 1000).startswith("records every 1-")


def test_a_value_between_records_is_said_to_be(trained):
    run = trained()

    assert read_at(run, 500) == "at 500 updates"
    assert read_at(run, 510) == "at 510 updates (between records at 500 and 550)"


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ("101", "the last 11 of 101 records, updates 900-1,000"),
        ("21", "the last 5 of 21 records, updates 800-1,000"),
        ("every:10", "the last 11 of 101 records, updates 900-1,000"),
    ],
)
def test_what_a_late_mean_is_over_is_said_as_it_is(trained, records, words):
    run = trained(records=records)

    assert late_window(run) == words
    assert described([run], run, late=True).endswith(f"; means of {words}")
    assert words not in described([run], run)
    check_late(run)


def test_diverged_seeds_do_not_count_and_under_five_others_decide_nothing(trained):
    run = trained(seeds="0:6", diverged=[2])

    assert counted(run, np.arange(6)).tolist() == [0, 1, 3, 4, 5]
    with pytest.raises(UndecidedError, match="5 seeds that did not diverge; there are 4 of 5"):
        counted(trained(diverged=[2]), np.arange(5))


def test_records_too_far_apart_for_what_comes_first_are_passed_over(trained):
    scale = Requirements(1000, width=12, every=(50, 500))
    close, coarse = trained(records="log:40"), trained(records="11", updates=2000)
    fine = trained(updates=2000, records="every:50")
    cell = NetworkKind("tanh", "standard")

    assert select_runs([coarse, fine], [cell], scale) == (fine,)
    with pytest.raises(
        UndecidedError, match="a record at least every 50 updates up to update 500; this one has none for 200"
    ):
        select_runs([coarse], [cell], scale)
    with pytest.raises(UndecidedError, match="every 50 updates up to update 500"):
        select_runs([close], [cell], scale)
