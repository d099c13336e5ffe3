"""Which program is running: a checkout has its commit, an installed package has none."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from pathlib import Path

import pytest

from xavier_cli.sweeps.origin import source_commit, this_origin


@pytest.fixture
def git(tmp_path, monkeypatch):
    """A function that runs git in a new checkout, `tmp_path`."""
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "a")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "a@b.c")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)

    def run(*words: str) -> str:
        done = subprocess.run(["git", "-C", tmp_path, *words], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    (tmp_path / "xavier_cli").mkdir()
    (tmp_path / "recipes" / "results").mkdir(parents=True)
    for name in ("pyproject.toml", "xavier_cli/a.py", "recipes/a.toml", "recipes/results/a.json"):
        (tmp_path / name).write_text("")
    run("init", "-q")
    run("add", "-A")
    run("commit", "-qm", "one")
    return run


def test_a_checkout_has_its_commit_and_says_whether_it_was_changed(tmp_path, git):
    commit = git("rev-parse", "HEAD")
    assert source_commit(tmp_path) == (commit, False)
    # Results are written one by one.
    (tmp_path / "recipes/results/a.json").write_text("{}")
    assert source_commit(tmp_path) == (commit, False)
    (tmp_path / "recipes/a.toml").write_text("title = 1")
    assert source_commit(tmp_path) == (commit, True)
    git("checkout", "recipes/a.toml")
    (tmp_path / "xavier_cli/new.py").write_text("")
    assert source_commit(tmp_path) == (commit, True)


def test_a_package_inside_somebodys_repository_has_no_commit_of_it(tmp_path, git):
    inside = tmp_path / "venv" / "site-packages"
    inside.mkdir(parents=True)

    assert source_commit(inside) == (None, None)


def test_without_git_there_is_no_commit(tmp_path, git, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))

    assert source_commit(tmp_path) == (None, None)


def test_the_origin_says_what_machine_and_not_whose():
    text = json.dumps(this_origin(("cpu",)).model_dump())

    assert '"jax"' in text
    assert this_origin().processor
    assert platform.node() not in text
    assert str(Path.home()) not in text
