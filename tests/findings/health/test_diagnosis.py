"""Causes come first, what they explain is folded under them, and the state of a run has one home."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from xavier_cli.findings.health import RULES, STATES, diagnose
from xavier_cli.findings.health.diagnosis import fold
from xavier_cli.findings.health.finding import Finding, Symptom
from xavier_cli.views.findings import findings_page, has_problems


def finding(name, since=None, severity=None, **more):
    seen = Symptom("seen", f"try {name}", since=since, severity=severity, **more)
    return Finding(RULES[name], seen)


def folded(*findings):
    """Names of the causes, with the names of what they explain."""
    order = {name: number for number, name in enumerate(RULES)}
    ordered = sorted(findings, key=lambda each: order[each.rule.name])
    return {
        cause.rule.name: [each.rule.name for each in cause.consequences] for cause in fold(ordered).findings
    }


@pytest.mark.parametrize(
    ("findings", "state"),
    [
        ([], "no problems"),
        ([finding("too-few-seeds")], "no problems"),
        ([finding("too-early"), finding("too-few-seeds")], "too early to tell"),
        ([finding("not-finished")], "too early to tell"),
        ([finding("saturates-in-turn"), finding("not-finished")], "warnings"),
        ([finding("saturates-in-turn"), finding("diverged")], "problems found"),
        ([finding("diverged", rests_on="one example")], "no problems"),
        # A cause is as grave as what it explains.
        ([finding("vanishing-gradients", 0), finding("plateau-at-chance", 0)], "problems found"),
    ],
)
def test_the_state_is_the_worst_finding(findings, state):
    assert fold(findings).state == state
    assert state in STATES


@pytest.mark.parametrize(
    ("cause", "consequences"),
    [
        (
            finding("exploding-activations", 0),
            [
                finding("saturated-layer", 0),
                finding("vanishing-gradients", 0),
                finding("plateau-at-chance", 0),
            ],
        ),
        (finding("exploding-activations", 0), [finding("diverged", 50), finding("dead-units", 40)]),
        (
            finding("symmetric-units", 0),
            [
                finding("seeds-start-alike", 0),
                finding("zero-gradients", 0),
                finding("vanishing-activations", 0),
                finding("dead-units", 0),
                finding("not-as-predicted", 0),
                finding("plateau-at-chance", 0),
            ],
        ),
        (
            finding("diverged", 700),
            [
                finding("saturated-layer", 600),
                finding("dead-units", 700),
                finding("exploding-gradients", 500),
                finding("variance-drift", 650),
                finding("rate-on-the-edge"),
                finding("plateau-at-chance", 0),
            ],
        ),
        (finding("dead-units", 300), [finding("plateau-at-chance", 0), finding("vanishing-gradients", 300)]),
        (
            finding("vanishing-activations", 0),
            [finding("dead-units", 900), finding("vanishing-gradients", 0)],
        ),
        (finding("dead-units", 0), [finding("vanishing-activations", 0)]),
        (finding("odd-data"), [finding("zero-gradients", 0), finding("diverged", 3)]),
    ],
)
def test_a_cause_explains_its_consequences(cause, consequences):
    both = folded(cause, *consequences)

    assert list(both) == [cause.rule.name]
    assert sorted(both[cause.rule.name]) == sorted(each.rule.name for each in consequences)


def test_what_was_there_before_is_no_consequence():
    assert folded(finding("saturated-layer", 900), finding("vanishing-gradients", 0)) == {
        "saturated-layer": [],
        "vanishing-gradients": [],
    }
    assert folded(finding("diverged", 700), finding("saturated-layer", 0)) == {
        "diverged": [],
        "saturated-layer": [],
    }


def test_a_note_explains_nothing():
    recovered = finding("vanishing-gradients", 0, "note")

    assert folded(recovered, finding("plateau-at-chance", 0)) == {
        "plateau-at-chance": [],
        "vanishing-gradients": [],
    }


def test_any_findings_fold_without_going_round():
    """Every pair of rules, at all orders in time: each is a cause or explained once."""
    for one, other in itertools.permutations(RULES, 2):
        for times in itertools.product((None, 0, 5), repeat=2):
            of = fold([finding(name, at) for name, at in zip((one, other), times, strict=True)])
            assert sorted(each.rule.name for each in of.every) == sorted((one, other))
    everything = fold([finding(name, at) for name in RULES for at in (0, 5)])
    assert len(everything.every) == 2 * len(RULES)


def test_rules_that_name_each_other_in_a_circle_still_have_a_cause():
    names, causes = (
        ("dead-units", "saturated-layer", "diverged"),
        ("diverged", "dead-units", "saturated-layer"),
    )
    circle = [
        replace(finding(name), rule=replace(RULES[name], because_of=(cause,)))
        for name, cause in zip(names, causes, strict=True)
    ]
    diagnosis = fold(circle)

    assert len(diagnosis.findings) == 1
    assert sorted(each.rule.name for each in diagnosis.every) == sorted(names)


def test_what_follows_brings_no_advice_and_no_error_is_to_be_trained_again():
    run = fold([finding("diverged", 5), finding("dead-units", 9), finding("too-few-seeds")])
    healthy = fold([finding("too-few-seeds")])

    assert [each.seen.advice for each in run.every] == ["try diverged", "", ""]
    assert healthy.findings[0].seen.advice == "try too-few-seeds"


@pytest.fixture
def diverging(make_run):
    """Three seeds that diverged at a rate that was searched, after their layers had gone wrong."""
    run = make_run(width=8, depth=3, seeds="3", lr=3.0, jacobian=False, diverged=[0])
    arrays = {name: array for name, array in run.arrays.items() if not name.startswith("theory")}
    arrays["activation/dead"] = arrays["activation/dead"].copy()
    arrays["activation/dead"][:, 5:] = 0.9
    return replace(run, arrays=arrays)


def test_a_diverged_run_is_one_row_with_what_it_explains(diverging):
    page = findings_page([diverging])
    summary, table = page.tables

    assert summary.texts[0][0] == "problems"
    assert [row[:2] for row in table.texts] == [
        ("error", "diverged"),
        ("", "because of it"),
        ("note", "too-few-seeds"),
    ]
    assert table.texts[1][-1] == "1 more: dead-units (layers 1, 2, 3)"
    assert [note for note in page.notes if note.startswith("Try")] == [
        next(note for note in page.notes if "--lr 0.3" in note)
    ]


def test_programs_are_told_which_finding_explains_which(diverging):
    (run,) = findings_page([diverging]).data["runs"]
    explained = [each["because_of"] for each in run["findings"]]

    assert (run["verdict"], run["state"]) == ("ill", "problems found")
    assert explained == [None, "diverged", "diverged", "diverged", None]


def test_the_exit_code_follows_the_state(diverging, make_run):
    run = make_run(width=8, seeds="5", only=["curves"])
    warned = replace(run, provenance={"same_first_weights": {"layers": [1], "functions": ["f"], "all": True}})

    assert has_problems([run, diverging])
    assert diagnose(warned).state == "warnings"
    assert not has_problems([run, warned])


def test_the_mean_of_gradients_is_that_of_tables(make_run):
    """Geometric: one seed whose gradients vanish far more than the others' does not decide for all."""
    run = make_run(width=8, depth=3, seeds="5", jacobian=False)
    arrays = {name: array for name, array in run.arrays.items() if not name.startswith("theory")}
    shape = arrays["backprop/std"].shape
    arrays["backprop/std"] = np.ones(shape, np.float32)
    # Over seeds the arithmetic means differ 2,000-fold, the geometric ones 6-fold.
    arrays["backprop/std"][0, :, 2] = 1e4
    found = {each.rule.name: each for each in diagnose(replace(run, arrays=arrays)).every}

    assert found["vanishing-gradients"].severity == "note"
    assert found["vanishing-gradients"].seen.numbers["in_all"] == pytest.approx(1e4 ** (1 / 5), rel=1e-3)
