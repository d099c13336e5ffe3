"""A support vector machine as a cell of a recipe: planned, fitted, found again, and missing scikit-learn."""

from __future__ import annotations

import pytest

from xavier_cli.findings.claims.judging import judge
from xavier_cli.runs.svm import SvmConfig
from xavier_cli.sweeps import finished, plan
from xavier_cli.sweeps.plan import Folders
from xavier_cli.sweeps.recipe import Recipe, read_recipe
from xavier_cli.sweeps.work import Task, make
from xavier_cli.training import svm


@pytest.fixture
def group(tmp_path):
    """The machine beside one training, of so few examples that it takes no time."""
    recipe = Recipe(
        title="t",
        base={"data": "shapeset:200", "width": 5},
        cells=({"act": "tanh"}, {"command": "svm", "cost": [1.0], "gamma": [1.0]}),
    )
    folders = Folders(tmp_path, tmp_path, tmp_path, tmp_path / "svms")
    training, machine = plan.groups(plan.cells(recipe, "tiny", folders, {"seeds": "2"}))
    assert training.members == 2
    return machine


def made(group):
    return make(group, Task(), lambda progress: None, lambda: False)


def test_it_takes_its_data_from_the_recipe_and_no_settings_of_networks(group):
    (cell,) = group.cells

    assert cell.config == SvmConfig.of(data="shapeset:200", cost=[1], gamma=[1])
    assert (group.members, group.programs) == (0, 0)
    assert cell.path.name.startswith("shapeset-200-svm-rbf-")


def test_it_is_fitted_once_and_found_again(group):
    pytest.importorskip("sklearn", reason="scikit-learn, the extra `svm`, is not installed")
    (cell,) = group.cells
    assert not finished.is_finished(cell)

    assert [outcome.ending for outcome in made(group)] == ["done"]
    assert finished.is_finished(cell)
    assert [outcome.elsewhere for outcome in made(group)] == [True]
    assert len(finished.read_made(cell)["svm/test_correct"]) == 10_000


def test_without_scikit_learn_the_cell_fails_alone_with_what_to_install(group, monkeypatch):
    monkeypatch.setattr(svm, "find_spec", lambda name: None)
    (outcome,) = made(group)

    assert outcome.ending == "failed"
    assert outcome.why == "a support vector machine needs scikit-learn: `pip install scikit-learn`"
    assert judge("finite-shapeset-beats-svm", []).verdict == "undecided"


@pytest.mark.parametrize("scale", ["laptop", "paper"])
def test_the_shipped_recipe_fits_the_machine_to_the_images_of_the_networks(scale, tmp_path):
    cells = plan.cells(read_recipe("finite-shapeset"), scale, Folders(tmp_path, tmp_path, tmp_path))

    assert [cell.command for cell in cells] == ["train", "svm"]
    assert len({cell.config.data for cell in cells}) == 1


def test_time_and_memory_of_the_laptop_are_told_beforehand(tmp_path):
    cells = plan.cells(read_recipe("finite-shapeset"), "laptop", Folders(tmp_path, tmp_path, tmp_path))
    machine = plan.groups(cells)[1]

    assert 120 < machine.core_seconds < 2400
    assert 2.2e9 < machine.memory < 3e9
