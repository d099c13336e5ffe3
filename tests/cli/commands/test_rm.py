"""`xavier rm`, through its front door."""

from __future__ import annotations

import io
import json
import os
from dataclasses import replace

import numpy as np
import pytest

from xavier_cli.files.locks import lock_output
from xavier_cli.runs.store import read_run, write_run
from xavier_cli.runs.weights import parameter_shapes


@pytest.fixture
def kept(shelf):
    """The runs, one with weights and a checkpoint; all names in the folder."""
    run = read_run(shelf / "tanh-normalized.h5")
    shapes = parameter_shapes(run.config, run.facts.inputs, run.facts.classes)
    weights = {name: np.zeros((len(run.seeds), *shape), np.float32) for name, shape in shapes.items()}
    write_run(run.path, replace(run, weights=weights))
    (shelf / ".tanh-normalized.h5.ckpt").write_bytes(b"x" * 1000)
    return shelf


def names(folder):
    return {path.name for path in folder.iterdir()}


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def answer_with(monkeypatch):
    """A function that answers the question, as on a terminal."""
    return lambda text: monkeypatch.setattr("sys.stdin", Terminal(text))


def test_a_dry_run_says_what_would_go_and_removes_nothing(kept, xavier):
    before = names(kept)
    answer = xavier("rm", "tanh-normalized", "--dry-run")
    told = json.loads(xavier("rm", "tanh-normalized", "--dry-run", "-f", "json").out)
    (run,) = told["runs"]

    assert names(kept) == before
    assert answer.code == 0
    assert "checkpoint, weights" in answer.out
    assert "Would remove 1 run" in answer.out
    assert sorted(run["with"]) == ["runs/.tanh-normalized.h5.ckpt", "runs/tanh-normalized.weights.npz"]
    files = ("tanh-normalized.h5", ".tanh-normalized.h5.ckpt", "tanh-normalized.weights.npz")
    assert run["bytes"] == told["bytes"] == sum((kept / name).stat().st_size for name in files)
    assert told["removed"] is False


def test_yes_removes_the_run_with_all_that_is_its_own(kept, xavier):
    answer = xavier("rm", "tanh-normalized", "-y")

    assert answer.code == 0
    assert "Removed 1 run" in answer.out
    assert names(kept) == {"tanh-standard.h5", "softsign-normalized.h5"}


@pytest.mark.parametrize(("said", "code", "left"), [("y\n", 0, 2), ("n\n", 2, 3), ("\n", 2, 3), ("", 1, 3)])
def test_it_asks_on_a_terminal_and_no_is_the_default(shelf, xavier, answer_with, said, code, left):
    answer_with(said)
    answer = xavier("rm", "tanh-standard")

    assert "runs/tanh-standard.h5" in answer.err
    assert "Remove 1 run" in answer.err
    assert (answer.code, len(names(shelf))) == (code, left)


def test_without_a_terminal_it_needs_yes(shelf, xavier, monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    answer = xavier("rm", "tanh-standard")

    assert answer.code == 2
    assert answer.err.splitlines() == [
        "xavier: rm asks before it removes, and there is no terminal: `-y` removes without asking"
    ]
    assert len(names(shelf)) == 3


def test_runs_are_chosen_by_condition_tag_path_and_pattern(shelf, xavier):
    xavier("tag", "tanh-standard", "draft")

    assert json.loads(xavier("rm", "runs/tanh-*.h5", "--dry-run", "-f", "json").out)["bytes"] > 0
    assert xavier("rm", "--where", "tag=draft", "-y").code == 0
    assert names(shelf) == {"tanh-normalized.h5", "softsign-normalized.h5"}
    assert xavier("rm", "runs/", "--where", "act=softsign", "-y").code == 0
    assert names(shelf) == {"tanh-normalized.h5"}
    none = xavier("rm", "--where", "tag=draft", "-y")
    assert (none.code, "nothing was removed" in none.err) == (0, True)


def test_a_quoted_pattern_is_of_names_in_the_folder_of_runs(kept, xavier):
    for name in ("notes.txt", "tanh-standard.md", "mine.h5"):
        (kept.parent / name).write_text("no run")
    (kept / "notes.txt").write_text("mine")
    every = {"tanh-normalized", "tanh-standard", "softsign-normalized"}

    def matched(pattern):
        answer = xavier("rm", pattern, "--dry-run", "-f", "json")
        assert answer.err == ""
        return {run["run"].removesuffix(".h5") for run in json.loads(answer.out)["runs"]}

    assert matched("*") == matched("runs/*") == every
    assert matched("tanh-*") == matched("tanh-*.h5") == {"tanh-normalized", "tanh-standard"}
    nothing = xavier("rm", "*.txt", "-y")
    assert (nothing.code, nothing.err) == (5, "xavier: `*.txt`: no run matches; `xavier ls` lists them\n")
    assert xavier("rm", "*", "-y").code == 0
    assert names(kept) == {"notes.txt"}
    assert {"notes.txt", "tanh-standard.md", "mine.h5"} <= names(kept.parent)


def test_nothing_named_removes_nothing(shelf, xavier):
    answer = xavier("rm", "-y")

    assert answer.code == 2
    assert "name the runs to remove" in answer.err
    assert len(names(shelf)) == 3


def test_what_is_no_run_stays(shelf, xavier, plausible_surface, tmp_path):
    (shelf / "notes.txt").write_text("mine")
    (shelf / "damaged.h5").write_bytes(b"damaged")
    write_run(shelf / "surface.h5", plausible_surface())
    (shelf / "dangling.h5").symlink_to("nowhere")
    before = names(shelf)
    strange = ("notes.txt", "damaged.h5", "surface.h5", "dangling.h5")

    for name in strange:
        answer = xavier("rm", f"runs/{name}", "-y")
        assert answer.code == 5, name
        assert name in answer.err
    assert names(shelf) == before
    # Among others, those go.
    assert xavier("rm", "runs/damaged.h5", "tanh-standard", "-y").code == 4
    assert before - names(shelf) == {"tanh-standard.h5"}


def test_a_run_that_is_being_written_stays_and_is_named(shelf, xavier):
    with lock_output(shelf / "tanh-standard.h5"):
        alone = xavier("rm", "tanh-standard", "-y")
        among = xavier("rm", "runs/tanh-*.h5", "-y")

    assert (alone.code, among.code) == (6, 4)
    assert f"being written by process {os.getpid()}" in alone.err
    assert names(shelf) == {"tanh-standard.h5", "softsign-normalized.h5"}
