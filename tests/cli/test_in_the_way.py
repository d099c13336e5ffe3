"""No command replaces unasked what is not the file of its own configuration; a sweep's other cells go on."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from xavier_cli.config.run import RunConfig
from xavier_cli.runs.store import read_run, write_run
from xavier_cli.runs.surface import SurfaceConfig
from xavier_cli.runs.svm import SvmConfig
from xavier_cli.sweeps import plan, work
from xavier_cli.sweeps.cluster_answers import taken_in
from xavier_cli.sweeps.plan import Folders, cells
from xavier_cli.sweeps.recipe import read_recipe
from xavier_cli.sweeps.work import Outcome, Task, make
from xavier_cli.training.train import untrained

RECIPE = """
title = "Four rates"
[base]
depth = 2
[grid]
lr = [0.1, 0.2, 0.3, 0.4]
act = ["tanh", "softsign"]
"""
KINDS = ("another run", "interrupted", "renamed", "damaged", "text", "empty", "folder", "link to nowhere")


@pytest.fixture
def swept(tmp_path, monkeypatch, make_run):
    """The cells of a recipe, whose training is replaced; `trained` has the names of the files it wrote."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XAVIER_RUNS_DIR", raising=False)
    Path("mine.toml").write_text(RECIPE)

    folders = Folders(*map(Path, ("runs", "probes", "surfaces")))
    found = SimpleNamespace(cells=cells(read_recipe("mine.toml"), "tiny", folders), trained=[])

    def train(cells, task, hooks):
        for cell in cells:
            found.trained.append(cell.path.name)
            write_run(cell.path, make_run(cell.config, provenance=task.provenance, test_examples=10))
        return [True] * len(cells)

    monkeypatch.setattr(work, "_trained", train)
    return found


def put(kind, cell, other, make_run):
    """Something of this `kind` at the file of `cell`; `other` is another cell."""
    path = cell.path
    path.parent.mkdir(exist_ok=True)
    if kind == "another run":
        write_run(path, make_run(cell.config.with_(width=7), test_examples=10))
    elif kind == "interrupted":
        half = make_run(cell.config.with_(width=7), status="interrupted", records_done=1, test_examples=10)
        write_run(path, half)
    elif kind == "renamed":
        write_run(path, make_run(other.config, test_examples=10))
    elif kind == "damaged":
        write_run(path, make_run(cell.config, test_examples=10))
        path.write_bytes(path.read_bytes()[:-100])
    elif kind == "folder":
        path.mkdir()
        (path / "kept").touch()
    elif kind == "link to nowhere":
        path.symlink_to("nowhere")
    else:
        path.write_text("mine" * (kind == "text"))


def state(path):
    status = os.lstat(path)
    return status.st_ino, status.st_mtime_ns, status.st_size


@pytest.mark.parametrize("kind", KINDS)
def test_a_sweep_refuses_the_cell_and_makes_the_others(swept, xavier, make_run, kind):
    first, second, *_ = swept.cells
    put(kind, first, second, make_run)
    before = state(first.path)
    planned = json.loads(xavier("sweep", "mine.toml", "--scale", "tiny", "--dry-run", "-f", "json").out)
    shown = xavier("sweep", "mine.toml", "--scale", "tiny", "--dry-run")
    answer = xavier("sweep", "mine.toml", "--scale", "tiny")

    assert [cell["state"] for cell in planned["cells"]] == ["in the way", *["to do"] * 7]
    assert (planned["finished"], planned["in_the_way"], planned["to_do"]) == (0, 1, 7)
    assert "in the way  1" in shown.out
    assert shown.out.count("move it away") == 1
    assert answer.code == 4
    assert "8 cells: 0 finished, 1 with something else in the way, 7 to make" in answer.err
    (line,) = [line for line in answer.err.splitlines() if "move it away" in line]
    assert line.startswith(f"xavier: `{first.path}` is in the way: ")
    assert "7 finished, 1 failed; 7 made now" in answer.out
    assert state(first.path) == before
    assert sorted(swept.trained) == sorted(cell.path.name for cell in swept.cells[1:])

    first.path.rename("away")
    again = xavier("sweep", "mine.toml", "--scale", "tiny", "--rerun", "failed")
    assert again.code == 0, again.err
    assert swept.trained[-1] == first.path.name


def test_its_own_runs_are_found_resumed_or_made(swept, xavier, make_run):
    whole, half, *_ = swept.cells
    write_run(whole.path, make_run(whole.config, test_examples=10))
    unfinished = make_run(half.config, status="interrupted", records_done=1, test_examples=10)
    write_run(half.path, unfinished)
    answer = xavier("sweep", "mine.toml", "--scale", "tiny")

    assert answer.code == 0
    assert whole.path.name not in swept.trained
    assert half.path.name in swept.trained


def test_with_fail_fast_nothing_is_trained(swept, xavier, make_run):
    put("text", swept.cells[0], swept.cells[1], make_run)

    assert xavier("sweep", "mine.toml", "--scale", "tiny", "--fail-fast").code == 4
    assert swept.trained == []


def test_many_are_told_in_few_lines(swept, xavier, make_run, monkeypatch):
    from xavier_cli.cli.options import recipes

    monkeypatch.setattr(recipes, "MOST_LINES", 3)
    for cell in swept.cells:
        put("text", cell, cell, make_run)
    answer = xavier("sweep", "mine.toml", "--scale", "tiny")

    assert answer.code == 4
    assert answer.err.count("is in the way") == 3
    assert "so are 5 more" in answer.err


def test_reproduce_refuses_the_cell_and_makes_the_others(swept, xavier, make_run):
    put("another run", swept.cells[0], swept.cells[1], make_run)
    before = state(swept.cells[0].path)
    answer = xavier("reproduce", "mine.toml", "--scale", "tiny")

    assert answer.code == 4
    assert "is in the way: another run, trained with width 7" in answer.err
    assert state(swept.cells[0].path) == before
    assert len(swept.trained) == 7


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_put_there_after_the_plan_stays(swept, make_run, kind):
    group = plan.groups(swept.cells)[0]
    first, second, *_ = group.cells
    put(kind, first, second, make_run)
    before = state(first.path)
    outcomes = {
        outcome.cell: outcome for outcome in make(group, Task(), lambda progress: None, lambda: False)
    }

    assert outcomes[first].ending == "failed"
    assert "is in the way" in outcomes[first].why
    assert {outcomes[cell].ending for cell in group.cells[1:]} == {"done"}
    assert state(first.path) == before


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_put_there_while_a_cluster_makes_it_stays(swept, make_run, tmp_path, kind):
    first, second, *_ = swept.cells
    write_run(tmp_path / "there.h5", make_run(first.config, test_examples=10))
    content = (tmp_path / "there.h5").read_bytes()
    put(kind, first, second, make_run)
    before = state(first.path)
    outcome = taken_in(first, Outcome(first, "done"), content)

    assert outcome.ending == "failed"
    assert "is in the way" in outcome.why
    assert state(first.path) == before


def test_weights_of_another_run_are_in_the_way_of_who_keeps_them(swept, xavier, make_run):
    first = swept.cells[0]
    weights = first.path.with_name(f"{first.path.stem}.weights.npz")
    weights.parent.mkdir()
    weights.write_text("mine")
    asked = ("sweep", "mine.toml", "--scale", "tiny", "--dry-run", "-f", "json")

    assert json.loads(xavier(*asked).out)["to_do"] == 8
    planned = json.loads(xavier(*asked, "--save-weights", "final").out)
    assert [cell["state"] for cell in planned["cells"]] == ["in the way", *["to do"] * 7]


TINY = ("--depth", "1", "--width", "3", "--seeds", "1", "--jacobian-examples", "0")


@pytest.mark.parametrize("command", ["train", "probe", "surface", "svm"])
@pytest.mark.parametrize("kind", ["another", "text", "link to nowhere"])
def test_a_command_of_one_file_refuses_it_by_name_unless_forced(
    xavier, make_run, plausible_surface, tmp_path, monkeypatch, command, kind
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XAVIER_RUNS_DIR", raising=False)
    given = {"depth": 1, "width": 3, "seeds": 1, "jacobian_examples": 0}
    path, arguments = {
        "train": (f"runs/{RunConfig.of(**given).file_stem()}.h5", TINY),
        "probe": (f"probes/{untrained(RunConfig.of(**given)).file_stem()}.h5", TINY),
        "surface": (f"surfaces/{SurfaceConfig.of(points=5).file_stem()}.h5", ("--points", "5")),
        "svm": (f"svms/{SvmConfig.of(data='shapeset:300').file_stem()}.h5", ("--examples", "300")),
    }[command]
    path = Path(path)
    path.parent.mkdir()
    if kind == "another":
        # Of another kind for `svm`, which has one setting.
        is_run = command in ("train", "probe")
        write_run(path, make_run(width=4, test_examples=10) if is_run else plausible_surface(points=9))
    elif kind == "text":
        path.write_text("mine")
    else:
        path.symlink_to("nowhere")
    before = state(path)
    refused = xavier(command, *arguments, "-q")

    assert refused.code == (2 if kind == "another" and command != "svm" else 5), refused.err
    assert refused.err.startswith(f"xavier: `{path}`"), refused.err
    assert refused.err.endswith(": `--force` replaces it\n")
    assert refused.err.count("\n") == 1
    assert refused.out == ""
    assert state(path) == before
    if command == "surface":
        assert xavier(command, *arguments, "-q", "--force").code == 0
        assert not path.is_symlink()
        assert xavier(command, *arguments, "-q").err == "already computed; `--force` computes it again\n"


def test_a_probe_of_the_same_configuration_is_made_again(xavier, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        assert xavier("probe", *TINY, "-q").code == 0
    (path,) = Path("probes").glob("*.h5")
    assert read_run(path).status == "complete"
