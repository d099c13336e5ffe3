"""Which cells a sweep has, which of them share a program, and how they are dealt out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from xavier_cli.runs.store import write_run
from xavier_cli.runs.weights import parameter_shapes, weights_path
from xavier_cli.sweeps import finished, plan
from xavier_cli.sweeps.plan import Folders
from xavier_cli.sweeps.recipe import Recipe, RecipeError

FOLDERS = Folders(Path("runs"), Path("probes"), Path("surfaces"))


def cells(folders=FOLDERS, scale="tiny", changes=None, **content):
    return plan.cells(Recipe(title="t", name="mine", **content), scale, folders, changes)


def test_cells_that_differ_in_initializer_and_rate_alone_share_a_program():
    found = cells(grid={"act": ["tanh", "softsign"], "init": ["standard", "normalized"], "lr": [0.1, 0.2]})
    groups = plan.groups(found)

    assert [len(group.cells) for group in groups] == [4, 4]
    assert {cell.config.act for cell in groups[0].cells} == {"tanh"}
    assert groups[0].members == 8
    assert [cell for group in groups for cell in group.cells] == found


@pytest.mark.parametrize("setting", [{"depth": [1, 2]}, {"seeds": ["2", "3"]}, {"updates": [10, 20]}])
def test_cells_that_differ_in_anything_else_do_not(setting):
    assert len(plan.groups(cells(grid=setting))) == 2


def test_a_search_is_a_program_of_its_own():
    groups = plan.groups(cells(base={"lr": [0.1, 0.2]}, grid={"init": ["standard", "normalized"]}))

    assert [len(group.cells) for group in groups] == [1, 1]


def test_no_program_is_larger_than_its_bound():
    groups = plan.groups(cells(grid={"lr": [i / 1000 for i in range(1, 101)]}))

    assert all(group.members <= plan.MOST_MEMBERS for group in groups)
    assert sum(len(group.cells) for group in groups) == 100


def test_programs_of_wide_networks_are_bound_by_memory():
    found = cells(base={"width": 8000}, grid={"lr": [0.01, 0.02, 0.03]}, scale="laptop")

    assert all(len(group.cells) == 1 for group in plan.groups(found))


ROUNDS = {"rounds": ["tiny"], "grid": {"act": ["tanh", "softsign"], "init": ["standard", "normalized"]}}


def test_in_rounds_every_cell_has_its_first_seed_before_any_has_its_second():
    found = cells(**ROUNDS, changes={"seeds": "4:7"})

    assert [cell.config.seeds for cell in found] == [(seed,) for seed in (4, 5, 6) for _ in range(4)]
    assert len({cell.path for cell in found}) == len({cell.label for cell in found}) == 12
    assert (found[0].label, found[-1].label) == ("tanh standard, seed 4", "softsign normalized, seed 6")
    groups = plan.groups(found, in_rounds=True)
    assert [len(group.cells) for group in groups] == [1] * 12
    assert [cell for group in groups for cell in group.cells] == found
    assert len(cells(**ROUNDS, scale="laptop")) == 4


def test_a_round_has_the_files_of_its_seeds_alone():
    """What was trained in the first round is found by the second."""
    found = [cell.path for cell in cells(**ROUNDS, changes={"seeds": "3"})]

    assert [cell.path for cell in cells(**ROUNDS, changes={"seeds": "1"})] == found[:4]
    assert [cell.path for cell in cells(**ROUNDS, changes={"seeds": "2,0"})] == [*found[8:], *found[:4]]


def test_cells_of_unequal_seeds_end_their_rounds_apart():
    content = {"cells": [{"act": "tanh", "seeds": 1}, {"act": "softsign", "seeds": 3}], "rounds": ["laptop"]}
    found = cells(**content, scale="laptop")

    assert [(cell.config.act, *cell.config.seeds) for cell in found] == [
        ("tanh", 0),
        ("softsign", 0),
        ("softsign", 1),
        ("softsign", 2),
    ]


@pytest.mark.parametrize("content", [{"base": {"lr": [0.1, 0.2]}}, {"command": "probe"}])
def test_a_search_and_a_probe_keep_their_seeds_together(content):
    """A rate is chosen by the mean over seeds."""
    assert [len(cell.config.seeds) for cell in cells(**content, rounds=["tiny"])] == [2]


def test_a_configuration_asked_for_twice_is_one_cell():
    found = cells(grid={"width": [10, 20]}, changes={"width": "30"})

    assert [cell.config.width for cell in found] == [30]


def test_probes_that_begin_alike_are_one_cell_in_a_folder_of_their_own():
    found = cells(command="probe", grid={"lr": [0.1, 0.2], "updates": [5, 6]})

    assert [cell.path.parent.name for cell in found] == ["probes"]
    assert found[0].config.updates == 0


def test_surfaces_have_settings_of_their_own():
    found = cells(command="surface", base={"points": 11}, grid={"seed": [0, 1]})

    assert [cell.path.parent.name for cell in found] == ["surfaces", "surfaces"]
    with pytest.raises(RecipeError, match=r"recipe mine: unknown setting of a surface `widht`"):
        cells(command="surface", base={"widht": 3})


def test_a_setting_that_cannot_be_names_the_recipe():
    with pytest.raises(RecipeError, match=r"recipe mine: .*did you mean `tanh`"):
        cells(grid={"act": ["tahn"]})
    with pytest.raises(RecipeError, match=r"recipe mine: width: `wide` is not a whole number"):
        cells(base={"width": "wide"}, scale="laptop")


@pytest.mark.parametrize("count", [1, 2, 3, 7, 50])
def test_the_shards_are_the_whole_and_none_is_in_two(count):
    groups = plan.groups(cells(grid={"depth": list(range(1, 8)), "init": ["standard", "normalized"]}))
    parts = [plan.shard(groups, index, count) for index in range(1, count + 1)]

    assert sorted(g.cells[0].path for part in parts for g in part) == sorted(g.cells[0].path for g in groups)
    assert len([group for part in parts for group in part]) == len(groups)
    assert all(len(group.cells) == 2 for part in parts for group in part)


def test_shards_take_about_as_long():
    groups = plan.groups(cells(grid={"updates": [i * 100_000 for i in range(1, 21)]}, scale="laptop"))
    loads = [sum(g.core_seconds for g in plan.shard(groups, index, 4)) for index in range(1, 5)]

    assert max(loads) < 1.2 * min(loads)


def test_the_id_is_the_cells_whatever_their_order_or_folder(tmp_path):
    grid = {"act": ["tanh", "softsign"]}
    one = plan.sweep_id(cells(grid=grid))

    assert one == plan.sweep_id(reversed(cells(grid=grid)))
    assert one == plan.sweep_id(cells(Folders(tmp_path, tmp_path, tmp_path), grid=grid))
    assert one != plan.sweep_id(cells(grid=grid, changes={"seeds": "3"}))


def test_finished_is_the_same_configuration_whole(tmp_path, make_run):
    (cell,) = cells(Folders(tmp_path, tmp_path, tmp_path), base={"depth": 2})
    assert not finished.is_finished(cell)

    write_run(cell.path, make_run(cell.config, status="running", test_examples=10))
    assert not finished.is_finished(cell)

    write_run(cell.path, make_run(cell.config.with_(lr=0.5), test_examples=10))
    assert not finished.is_finished(cell)

    write_run(cell.path, make_run(cell.config, test_examples=10))
    assert finished.is_finished(cell)

    cell.path.write_bytes(cell.path.read_bytes()[:-100])
    assert not finished.is_finished(cell)


def test_finished_is_with_the_weights_that_are_asked_for(tmp_path, make_run):
    (cell,) = cells(Folders(tmp_path, tmp_path, tmp_path), base={"depth": 1, "width": 3})
    run = make_run(cell.config, test_examples=10)
    write_run(cell.path, run)
    assert finished.is_finished(cell)
    assert not finished.is_finished(cell, "final")

    shapes = parameter_shapes(cell.config, 1024, 9)
    weights = {name: np.zeros((len(run.seeds), *shape), np.float32) for name, shape in shapes.items()}
    write_run(cell.path, replace(run, weights=weights))
    assert finished.is_finished(cell, "final")
    assert not finished.is_finished(cell, "records")

    weights_path(cell.path).unlink()
    assert finished.is_finished(cell)
    assert not finished.is_finished(cell, "final")


def test_what_is_only_looked_at_has_no_weights_to_keep(tmp_path, make_run):
    (cell,) = cells(Folders(tmp_path, tmp_path, tmp_path), command="probe", base={"depth": 1, "width": 3})
    write_run(cell.path, make_run(cell.config, test_examples=10))

    assert finished.is_finished(cell, "records")


def test_a_file_of_an_earlier_name_is_the_cells_and_leaves_the_id(tmp_path):
    folders = Folders(tmp_path, tmp_path, tmp_path)
    (cell,) = cells(folders, base={"optimizer": "adam"})
    before = cell.path.with_name(cell.path.name.replace("-adam", ""))
    assert before != cell.path
    before.touch()
    (again,) = cells(folders, base={"optimizer": "adam"})

    assert again.path == before
    assert plan.sweep_id([again]) == plan.sweep_id([cell])
