"""Functions in files beside a recipe are found from whatever folder it is read in."""

from __future__ import annotations

import pytest

from xavier_cli.sweeps.beside import with_files_beside
from xavier_cli.sweeps.recipe import read_recipe

RECIPE = """
title = "t"
[base]
act = "waves.py:wave"
init = "normalized,output=deep/mine.py:zeros"
data = "small.npz"
[grid]
net = ["nets.py:cnn:depth=3", "elsewhere.py:cnn", "mlp"]
[scales.tiny]
act = "waves.py:flat"
[[cells]]
tiny = { optimizer = "waves.py:step" }
[[figures]]
kind = "layers"
where = { net = "nets.py:cnn:depth=3" }
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "deep").mkdir()
    for name in ("waves.py", "deep/mine.py", "nets.py"):
        (tmp_path / name).write_text("")
    return tmp_path


def test_files_beside_a_recipe_are_found_from_another_folder(folder, monkeypatch):
    (folder / "mine.toml").write_text(RECIPE)
    other = folder / "deep"
    monkeypatch.chdir(other)

    recipe = read_recipe("../mine.toml")

    first, second, _ = (cell.settings for cell in recipe.expand("laptop"))
    assert first["act"] == "../waves.py:wave"
    assert first["init"] == "normalized,output=../deep/mine.py:zeros"
    assert first["net"] == recipe.figures[0].where["net"] == "../nets.py:cnn:depth=3"
    assert second["net"] == "elsewhere.py:cnn"
    assert first["data"] == "small.npz"
    tiny = next(recipe.expand("tiny")).settings
    assert (tiny["act"], tiny["optimizer"]) == ("../waves.py:flat", "../waves.py:step")


def test_a_recipe_that_is_extended_finds_its_own_files(folder, monkeypatch):
    (folder / "base.toml").write_text('title = "t"\n[base]\nact = "waves.py:wave"\n')
    (folder / "deep" / "mine.toml").write_text('title = "t"\nextends = "../base.toml"\n')
    monkeypatch.chdir(folder / "deep")

    assert read_recipe("mine.toml").base["act"] == "../waves.py:wave"


def test_text_that_is_no_place_of_a_function_stays(folder):
    settings = {"title": "waves.py:wave", "act": "waves.py", "init": 3, "net": "a\0.py:f"}

    assert with_files_beside(settings, folder) == settings
