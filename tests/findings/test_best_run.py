"""Choosing among runs: by validation error alone, with what lies on the edge marked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from xavier_cli.errors import ConfigError
from xavier_cli.findings.best_run import select
from xavier_cli.findings.comparison import compare


@pytest.fixture
def run_with(make_run):
    """A function that makes a run with exactly these validation and test errors at the end."""

    def make(valid, test=0.5, **settings):
        settings = {"width": 10, "seeds": 3, "jacobian": False, "test_examples": 10, **settings}
        run = make_run(**settings)
        arrays = dict(run.arrays)
        for name, errors in (("valid", valid), ("test", test)):
            curve = np.array(arrays[f"curves/{name}_error"])
            curve[:, -1] = errors
            arrays[f"curves/{name}_error"] = curve
        return replace(run, arrays=arrays)

    return make


def chosen(runs, over):
    return [choice.run for choice in select(runs, over)[0]]


def test_the_best_on_validation_is_chosen_whatever_the_test_set_says(run_with):
    good_on_test = run_with(0.4, test=0.1, lr=0.1)
    good_on_valid = run_with(0.3, test=0.9, lr=0.2)

    assert chosen([good_on_test, good_on_valid], ["lr"]) == [good_on_valid]
    # The test errors swapped change nothing.
    assert chosen([run_with(0.4, test=0.9, lr=0.1), run_with(0.3, test=0.1, lr=0.2)], ["lr"])[0].lr == 0.2


def test_each_configuration_is_chosen_for_itself(run_with):
    runs = [
        run_with(valid, act=act, lr=lr, depth=depth)
        for act, lr, depth, valid in [
            ("tanh", 0.1, 1, 0.3),
            ("tanh", 0.2, 1, 0.2),
            ("tanh", 0.1, 2, 0.1),
            ("softsign", 0.1, 1, 0.2),
            ("softsign", 0.2, 1, 0.4),
        ]
    ]

    by_rate = {(run.config.act, run.config.depth): run.lr for run in chosen(runs, ["lr"])}
    by_both = {run.config.act: (run.lr, run.config.depth) for run in chosen(runs, ["lr", "depth"])}
    assert by_rate == {("tanh", 1): 0.2, ("tanh", 2): 0.1, ("softsign", 1): 0.1}
    assert by_both == {"tanh": (0.1, 2), "softsign": (0.1, 1)}


def test_a_seed_that_diverged_counts_as_guessing(run_with):
    # (10 + 10 + 83.3) / 3 = 34.4 %, as `compare` shows it.
    lucky = run_with([0.1, 0.1, 0.1], lr=0.5, diverged=[1])
    worse, better = run_with(0.35, lr=0.1), run_with(0.34, lr=0.1)

    assert chosen([lucky, worse], ["lr"]) == [lucky]
    assert chosen([lucky, better], ["lr"]) == [better]
    shown = {row.run.lr: row.valid_error.mean for row in compare([lucky, worse]).sections[0].rows}
    assert min(shown, key=shown.get) == lucky.lr


def test_of_two_at_chance_the_one_that_did_not_diverge_is_chosen(run_with):
    lost = run_with(0.1, lr=0.5, diverged=[0, 1, 2])
    stuck = run_with(lost.facts.guessing_error, lr=0.1)

    assert chosen([lost, stuck], ["lr"]) == [stuck]


def test_the_mean_is_over_seeds_that_all_rivals_have(run_with):
    few = run_with([0.3, 0.3], lr=0.1, seeds="0:2")
    # Worse on the common seeds, and better over all of its own.
    many = run_with([0.4, 0.4, 0.0, 0.0], lr=0.2, seeds="0:4")

    assert chosen([few, many], ["lr"]) == [few]


@pytest.mark.parametrize(("best", "edge"), [(0.1, ("lr",)), (0.2, ()), (0.3, ("lr",))])
def test_a_choice_on_the_edge_of_what_was_tried_is_marked(run_with, best, edge):
    runs = [run_with(0.1 if lr == best else 0.2, lr=lr) for lr in (0.1, 0.2, 0.3)]
    ((choice,), _) = select(runs, ["lr"])

    assert choice.run.lr == best
    assert choice.on_edge == edge
    assert choice.rivals == 2


def test_alone_there_is_no_edge(run_with):
    ((choice,), _) = select([run_with(0.1)], ["lr", "depth"])

    assert choice.on_edge == ()
    assert choice.rivals == 0


def test_unfinished_runs_are_passed_over_with_a_note(run_with):
    unfinished = run_with(0.1, lr=0.1, status="interrupted")
    choices, notes = select([unfinished, run_with(0.2, lr=0.2)], ["lr"])

    assert [choice.run.lr for choice in choices] == [0.2]
    assert notes == ["1 unfinished left out in choosing lr"]


@pytest.mark.parametrize("word", ["sedes", "seeds", "data", "dept"])
def test_nothing_is_chosen_by_what_is_no_choice(run_with, word):
    with pytest.raises(ConfigError, match=f"unknown setting to choose by `{word}`"):
        select([run_with(0.1)], [word])


def test_a_table_of_chosen_runs_says_which_settings_were_chosen(run_with):
    runs = [run_with(v, lr=lr, act=act) for act in ("tanh", "softsign") for lr, v in ((0.1, 0.2), (0.2, 0.1))]
    choices, _ = select(runs, ["lr"])
    (section,) = compare([choice.run for choice in choices], choices).sections

    assert "lr" in section.varying
    assert [(row.chosen, row.on_edge) for row in section.rows] == [(("lr",), ("lr",))] * 2
