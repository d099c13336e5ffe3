"""Cells of custom networks that are trained: together, split by memory, stopped, resumed, failing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from xavier_cli.library.networks import probe_network
from xavier_cli.runs.store import read_run, write_run
from xavier_cli.sweeps import finished, plan, work
from xavier_cli.sweeps.plan import Folders
from xavier_cli.sweeps.recipe import Recipe, RecipeError
from xavier_cli.sweeps.run import reasons
from xavier_cli.sweeps.work import Outcome, Task
from xavier_cli.training import memory, session
from xavier_cli.training.estimate import Sizes

NETS = """
import math
import jax
import jax.numpy as jnp

def dense(inputs, classes, width=4):
    sizes = [math.prod(inputs), width, classes]
    def init(key):
        keys = jax.random.split(key, 2)
        return [jax.nn.initializers.he_normal()(k, pair) for k, pair in zip(keys, zip(sizes, sizes[1:]))]
    return init, lambda params, x: x.reshape(len(x), -1) @ params[0] @ params[1]

def broken(inputs, classes):
    def init(key):
        raise ArithmeticError("no weights today")
    return init, lambda params, x: x

def misshapen(inputs, classes):
    return lambda key: jnp.ones((3, classes)), lambda w, x: x.reshape(len(x), -1) @ w
"""
SETTINGS = {"seeds": 2, "updates": 40, "records": 3, "eval_examples": 20, "jacobian_examples": 0}
GRID = {"init": ["network", "zeros"], "lr": [0.1, 1e6]}
SIZES = Sizes(parameters=10**9, met=10**6, kept=0)
"""Larger than the data set, so that the networks' part of the memory decides."""


def cells_in(folder, **content):
    """The cells of a recipe of `nets.py`, whose files are in `folder`."""
    recipe = Recipe(title="t", name="mine", **{"base": {"net": "nets.py:dense"} | SETTINGS} | content)
    return plan.cells(recipe, "laptop", Folders(folder, folder, folder))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The working folder, with `nets.py`."""
    there = tmp_path_factory.mktemp("nets")
    (there / "nets.py").write_text(NETS)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(there)
        yield there


@pytest.fixture(scope="module")
def whole(folder):
    """The cells of `GRID`, trained without interruption; two diverge."""
    found = cells_in(folder / "whole", grid=GRID)
    assert {outcome.ending for outcome in make(found)} == {"done"}
    return found


def make(cells, stopped=lambda: False, report=lambda progress: None, **task):
    return [
        outcome
        for group in plan.groups(cells)
        for outcome in work.make(group, Task(look=probe_network, **task), report, stopped)
    ]


def same(one, other):
    """Whether two files hold the same numbers, bit for bit."""
    one, other = read_run(one.path), read_run(other.path)
    return one.config == other.config and all(
        one[name].tobytes() == other[name].tobytes() for name in {*one.arrays} | {*other.arrays}
    )


def test_cells_of_one_network_are_one_program_and_mix_with_perceptrons(folder):
    nets = [{"net": "nets.py:dense"}, {"net": "nets.py:dense:width=3"}, {"net": "mlp", "width": 4}]
    found = cells_in(folder, cells=nets, grid={"init": ["he_normal", "zeros"], "lr": [0.1, 0.2]})

    groups = plan.groups(found)

    assert [len(group.cells) for group in groups] == [4, 4, 4]
    assert [group.is_estimated for group in groups] == [False, False, True]
    assert {cell.config.network.short for cell in groups[1].cells} == {"dense:width=3"}
    assert [cell.label for cell in found[:3]] == [
        *("dense he_normal, lr 0.1", "dense:width=3 he_normal, lr 0.1", "tanh he_normal, lr 0.1")
    ]


def test_a_size_set_for_all_cells_is_of_the_perceptrons_among_them(folder):
    both = [{"net": "nets.py:dense"}, {"net": "mlp"}]
    custom, perceptron = cells_in(folder, cells=both, base=SETTINGS | {"width": 7, "depth": 2})

    assert (custom.config.network.short, perceptron.config.width) == ("dense", 7)
    for place in ({"grid": {"width": [7]}}, {"base": {"net": "nets.py:dense", "width": 7}}):
        with pytest.raises(RecipeError, match=r"width: is of `mlp` alone: `nets.py:dense` has its own"):
            cells_in(folder, **{"base": {}, "cells": [{"net": "nets.py:dense"}]} | place)


def test_cells_that_failed_alike_are_told_in_one_line(folder):
    found = cells_in(folder / "told", grid={"net": ["nets.py:broken"], "lr": [0.1, 0.2, 0.3]})
    ended = [Outcome(cell, "failed", "no weights today") for cell in found]

    assert reasons([*ended, Outcome(found[0], "done")]) == [
        f"{found[0].title} and 2 more: no weights today",
    ]


def test_finished_cells_are_those_that_were_asked_for_whatever_was_counted(whole):
    assert read_run(whole[0].path).config.weight_layers == 2
    assert all(map(finished.is_finished, whole))
    assert not finished.is_finished(replace(whole[0], config=whole[0].config.with_(lr=0.3)))
    assert all(outcome.elsewhere for outcome in make(whole))


def test_a_member_that_diverges_leaves_the_others_as_they_are_alone(folder, whole):
    (alone,) = cells_in(folder / "alone", base={"net": "nets.py:dense", "lr": 0.1} | SETTINGS)
    make([alone])

    assert [bool(read_run(cell.path).diverged.any()) for cell in whole[:2]] == [False, True]
    assert same(whole[0], alone)


def test_what_a_failing_network_or_initializer_has_no_part_in_is_trained(folder, whole):
    found = cells_in(folder / "some", grid={"init": ["network", "network,9=zeros"], "lr": [0.1]})
    found += cells_in(folder / "some", cells=[{"net": "nets.py:broken"}, {"net": "nets.py:misshapen"}])

    ended = {outcome.cell.path: outcome for outcome in make(found)}

    assert [ended[cell.path].ending for cell in found] == ["done", "failed", "failed", "failed"]
    assert "9" in ended[found[1].path].why
    assert ended[found[2].path].why == "`nets.py:broken` fails: ArithmeticError: no weights today"
    assert ended[found[3].path].why.startswith("`nets.py:misshapen` fails: TypeError")
    assert same(whole[0], found[0])


def test_a_sweep_that_was_stopped_and_resumed_equals_one_that_was_not(folder, whole):
    halves = cells_in(folder / "halves", grid=GRID)
    reached = []

    stopped = make(halves, lambda: max(reached, default=0) >= 20, lambda told: reached.append(told.updates))
    assert [outcome.ending for outcome in stopped] == ["stopped"] * 4
    assert not any(map(finished.is_finished, halves))
    assert [(outcome.ending, outcome.why) for outcome in make(halves)] == [("done", "")] * 4

    assert read_run(halves[0].path).provenance["resumed_at"] == [20]
    assert all(map(same, whole, halves))
    assert {path.suffix for path in (folder / "halves").iterdir()} == {".h5"}


def test_what_does_not_fit_the_memory_together_is_trained_in_turn_and_keeps_weights(
    folder, whole, monkeypatch
):
    parts = cells_in(folder / "parts", grid=GRID)
    write_run(parts[1].path, replace(read_run(whole[1].path), tags=("paper",), note="kept"))
    trained = []
    train = session.train_group_to_files
    monkeypatch.setattr(
        session, "train_group_to_files", lambda *args, **rest: trained.append(args[0]) or train(*args, **rest)
    )
    one, two = (memory.needed_bytes(whole[0].config, n, sizes=SIZES) for n in (1, 2))
    monkeypatch.setattr(memory, "available_bytes", lambda: int((one + 2.5 * (two - one)) / 0.8))
    monkeypatch.setattr(session, "sizes_of_network", lambda config, training_data: SIZES)

    assert finished.is_finished(parts[1])
    assert not finished.is_finished(parts[1], "final")
    assert {outcome.ending for outcome in make(parts, save_weights="final")} == {"done"}
    assert [len(configs) for configs in trained] == [3]
    assert all(map(same, whole, parts))
    assert all(finished.is_finished(cell, "final") for cell in parts)
    run = read_run(parts[1].path)
    assert (run.tags, run.note) == (("paper",), "kept")


def test_a_search_over_rates_is_one_cell(folder):
    (cell,) = cells_in(
        folder, base={"net": "nets.py:dense"} | SETTINGS | {"lr": "0.1,0.2", "search_seeds": 1}
    )

    (outcome,) = make([cell])

    assert outcome.ending == "done"
    assert finished.is_finished(cell)
    assert read_run(cell.path)["search/valid_error"].shape == (2, 1)
