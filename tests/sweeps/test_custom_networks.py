"""Cells of custom networks that are looked at and not trained."""

from __future__ import annotations

from dataclasses import replace

import pytest

from xavier_cli.library.networks import probe_network
from xavier_cli.runs.store import read_run
from xavier_cli.sweeps import finished, plan, work
from xavier_cli.sweeps.gather import gather
from xavier_cli.sweeps.plan import Folders, Plan
from xavier_cli.sweeps.recipe import Recipe, RecipeError
from xavier_cli.sweeps.work import Task

NETS = """
import math
import jax

def linear(inputs, classes, depth=2, width=4):
    sizes = [math.prod(inputs), *[width] * (depth - 1), classes]
    def init(key):
        return [jax.nn.initializers.he_normal()(key, pair) for pair in zip(sizes, sizes[1:])]
    def apply(params, x):
        x = x.reshape(len(x), -1)
        for weight in params:
            x = x @ weight
        return x
    return init, apply

def broken(inputs, classes):
    raise ValueError("no such network")
"""


@pytest.fixture
def cells(tmp_path, monkeypatch):
    """A function that gives the cells of a recipe at a scale, in an empty folder with `nets.py`."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(NETS)

    def of(scale="tiny", **content):
        recipe = Recipe(title="t", name="mine", **{"base": {"seeds": 2, "eval_examples": 20}, **content})
        return recipe, plan.cells(recipe, scale, Folders(tmp_path, tmp_path, tmp_path))

    return of


def make(group):
    return work.make(group, Task(provenance={"command_id": "abc"}, look=probe_network), print, lambda: False)


@pytest.mark.parametrize("scale", ["tiny", "laptop", "paper"])
@pytest.mark.parametrize("settings", [{"command": "probe"}, {"updates": 0}])
def test_what_is_not_trained_is_looked_at_at_every_scale(cells, scale, settings):
    cell_settings = {key: value for key, value in settings.items() if key != "command"}
    content = {
        "command": settings.get("command", "train"),
        "cells": [{"net": "nets.py:linear"} | cell_settings],
    }

    _, (cell,) = cells(scale, **content)

    assert (cell.command, cell.config.updates) == ("probe", 0)


def test_a_size_of_the_perceptron_that_the_recipe_asks_for_is_refused(cells):
    with pytest.raises(RecipeError, match="width: is of `mlp` alone"):
        cells(command="probe", cells=[{"net": "nets.py:linear", "width": 20}])


def test_cells_are_made_finished_and_gathered(cells):
    grid = {"net": ["nets.py:linear:depth=2", "nets.py:linear:depth=3"], "init": ["network", "zeros"]}
    recipe, found = cells(command="probe", grid=grid)
    groups = plan.groups(found)

    assert [len(group.cells) for group in groups] == [1] * 4
    assert [cell.label for cell in found[:2]] == ["linear:depth=2", "linear:depth=2 zeros"]
    assert not any(map(finished.is_finished, found))
    outcomes = [outcome for group in groups for outcome in make(group)]

    assert [outcome.ending for outcome in outcomes] == ["done"] * 4
    assert all(map(finished.is_finished, found))
    assert all(outcome.elsewhere for group in groups for outcome in make(group))
    runs = [read_run(cell.path) for cell in found]
    assert [run.config.weight_layers for run in runs] == [2, 2, 3, 3]
    assert [layer.drawn.names[0] for layer in runs[2].network.layers] == ["he_normal"] * 3
    assert all(run.provenance["command_id"] == "abc" for run in runs)
    results = gather(Plan(recipe, "tiny", found, groups, []), outcomes, runs, runs, [], [])
    assert results.status == "complete"
    assert [cell.trained is not None for cell in results.cells] == [True] * 4
    assert results.cells[0].settings == {"net": "nets.py:linear:depth=2", "init": "network"}


def test_a_network_that_fails_says_why_and_hides_no_other(cells):
    _, found = cells(command="probe", grid={"net": ["nets.py:broken", "nets.py:linear"]})

    first, second = (outcome for group in plan.groups(found) for outcome in make(group))

    assert (first.ending, second.ending) == ("failed", "done")
    assert first.why == "`nets.py:broken` fails: ValueError: no such network"


def test_a_cell_of_another_initialization_is_not_finished(cells):
    _, (cell,) = cells(command="probe", grid={"net": ["nets.py:linear"]})
    make(plan.Group((cell,)))

    assert not finished.is_finished(replace(cell, config=cell.config.with_(init="zeros")))
