"""Tests which runs a claim selects, and its message if there are none."""

from dataclasses import replace

import numpy as np
import pytest
from support.claim_material import altered

from xavier_cli.findings.claims.judging import judge
from xavier_cli.findings.claims.measurements import at_update, check_late, described
from xavier_cli.findings.claims.requirements import NetworkKind, Requirements, select_runs
from xavier_cli.findings.claims.verdict import UndecidedError

TANH, NORMALIZED = NetworkKind("tanh", "standard"), NetworkKind("tanh", "normalized")
SCALE = Requirements(1000, width=12)


@pytest.fixture
def trained(make_run):
    """A function that makes a small trained run."""

    def make(act="tanh", init="standard", **settings):
        usual = {"width": 12, "updates": 1000, "records": "21", "seeds": "0:5", "lr": 0.03}
        return make_run(act=act, init=init, only=["curves"], **{**usual, **settings})

    return make


def test_the_longest_then_the_widest_then_that_of_most_seeds_is_taken(trained):
    short, wide = trained(), trained(width=24)
    many = trained(seeds="0:6", coding="0,1")
    long = trained(updates=2000)

    assert select_runs([short, wide, long, many], [TANH], SCALE) == (long,)
    assert select_runs([short, wide, many], [TANH], SCALE) == (wide,)
    assert select_runs([short, many], [TANH], SCALE) == (many,)


def test_of_several_rates_the_one_of_the_lowest_validation_error_is_taken_and_marked(trained):
    slow, fast = trained(lr=0.01, final_error=0.2), trained(lr=0.1, final_error=0.6)
    fast = altered(fast, **{"curves/test_error": fast["curves/test_error"] * 0})
    (chosen,) = select_runs([fast, slow], [TANH], SCALE)

    assert chosen is slow
    assert described([fast, slow], chosen).endswith("rate ~0.01")
    assert described([slow], slow).endswith("rate 0.01")


def test_what_is_compared_was_trained_alike(trained):
    runs = [trained(width=12), trained(width=24), trained(init="normalized", width=24)]

    assert [run.config.width for run in select_runs(runs, [TANH, NORMALIZED], SCALE)] == [24, 24]
    with pytest.raises(UndecidedError, match="standard and tanh normalized that were trained alike"):
        select_runs([runs[0], runs[2]], [TANH, NORMALIZED], SCALE)


def test_rates_may_differ_between_what_is_compared(trained):
    runs = [trained(lr=0.01), trained(init="normalized", lr=0.1)]

    assert select_runs(runs, [TANH, NORMALIZED], SCALE) == tuple(runs)


@pytest.mark.parametrize(
    "settings",
    [{"init_gain": 1.6667}, {"loss": "quadratic"}, {"data": "mnist"}, {"depth": 4}, {"act": "softsign"}],
)
def test_what_the_claim_is_not_about_is_passed_over(trained, settings):
    with pytest.raises(UndecidedError, match="there is none"):
        select_runs([trained(**settings)], [TANH], SCALE)


@pytest.mark.parametrize(
    ("settings", "scale", "words"),
    [
        ({"updates": 200}, {}, "with 1,000 updates or more; this one has 200"),
        ({"updates": 0}, {}, "with 1,000 updates or more; this one is untrained"),
        ({"width": 8}, {}, "at width 12 or more; this one has 8"),
        ({"seeds": "0:3"}, {}, "with 5 seeds or more; this one has 3"),
        ({"lr": 0.5}, {"rates": (0.01, 0.1)}, "at a learning rate of 0.01 to 0.1; this one has 0.5"),
        (
            {},
            {"arrays": ("activation/mean",)},
            "with `activation/mean` recorded; this one has none",
        ),
        ({}, {"window": (900, None)}, "with 5 records or more from update 900 on; this one has 3"),
        ({}, {"window": (500, 600)}, "with 5 records or more from update 500 to 600; this one has 3"),
        (
            {"jacobian_examples": 1},
            {"jacobian_examples": 16},
            "with Jacobians of 16 examples or more; this one has 1",
        ),
        (
            {"status": "interrupted", "records_done": 10},
            {},
            "trained to its end; this one is at 450 updates",
        ),
    ],
)
def test_what_is_missing_is_said_in_words(trained, settings, scale, words):
    with pytest.raises(UndecidedError) as missing:
        select_runs([trained(**settings)], [TANH], replace(SCALE, **scale))

    assert str(missing.value) == f"needs a run of tanh standard {words}"


@pytest.mark.parametrize(
    ("alike", "words"),
    [
        ([{"width": 8}, {"width": 10}], "at width 12 or more; these have at most 10"),
        # What counts is the narrowest layer, not the widest.
        ([{"width": "30,20,8", "depth": 3}] * 2, "at width 12 or more; these have at most 8"),
        ([{"updates": 0}] * 2, "with 1,000 updates or more; these are untrained"),
        ([{"seeds": "0:3"}, {"seeds": "0:4"}], "with 5 seeds or more; these have at most 4"),
    ],
)
def test_several_runs_are_counted_by_the_nearest_of_them(trained, alike, words):
    shrinking = "," in str(alike[0].get("width"))
    scale = replace(SCALE, widths="shrinking") if shrinking else SCALE
    cell = TANH._replace(depth=3) if shrinking else TANH
    with pytest.raises(UndecidedError) as missing:
        select_runs([trained(**settings) for settings in alike], [cell], scale)

    assert str(missing.value).endswith(words)


def test_a_run_that_still_trains_is_named_even_where_a_probe_is_finished(trained):
    runs = [trained(updates=0), trained(status="interrupted", records_done=10)]

    with pytest.raises(UndecidedError, match="trained to its end; this one is at 450 updates"):
        select_runs(runs, [TANH], SCALE)


def test_probes_and_trained_runs_serve_alike_at_initialization(trained):
    probe, run = trained(updates=0), trained(seeds="0:6")

    assert select_runs([probe, run], [TANH], Requirements(0, width=12)) == (run,)
    assert select_runs([probe], [TANH], Requirements(0, width=12)) == (probe,)


def test_late_records_have_to_lie_in_the_second_half(trained):
    check_late(trained())
    for records in ("4", "log:10"):
        with pytest.raises(UndecidedError, match="5 records or more in the second half"):
            check_late(trained(records=records))


def test_between_records_a_straight_line_is_read(trained):
    run = altered(trained(), **{"curves/test_error": np.tile(np.linspace(0, 1, 21), (5, 1))})

    assert at_update(run, "curves/test_error", 500) == pytest.approx([0.5] * 5)
    assert at_update(run, "curves/test_error", 510) == pytest.approx([0.51] * 5)


def test_records_far_apart_tell_nothing_of_the_time_between(trained):
    with pytest.raises(UndecidedError, match="the nearest are 40,000 and 80,000"):
        at_update(trained(updates=200_000, records="6"), "curves/test_error", 50_000)


def test_a_diverged_seed_counts_as_guessing_and_is_mentioned(trained):
    runs = [
        trained(width=300, updates=100_000, final_error=0.4, spread=0.005, diverged=[1]),
        trained(width=300, updates=100_000, init="normalized", final_error=0.2, spread=0.005),
    ]
    verdict = judge("tanh-normalized-beats-standard", runs)

    assert ", 1 diverged; means of the last" in verdict.evidence
    # Four at 40 % and one at guessing, 83 %.
    assert "standard 48.9 %" in verdict.evidence or "standard 49." in verdict.evidence
