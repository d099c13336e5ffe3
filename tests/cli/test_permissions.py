"""What may not be read is told in one line with its name, whoever asks, and never taken for missing."""

from __future__ import annotations

import pytest
from support.without_rights import without_rights

from xavier_cli.runs.store import write_run
from xavier_cli.sweeps.plan import Folders, cells
from xavier_cli.sweeps.recipe import read_recipe


@pytest.mark.parametrize(
    ("data", "closed", "named"),
    [
        ("images:pets", "pets", "pets"),
        ("images:pets/in", "pets", "pets/in"),
        ("images:pets", "pets/in/cat", "pets/in/cat"),
        ("pets/x.npz", "pets", "pets/x.npz"),
        ("pets/x.npz", "pets/x.npz", "pets/x.npz"),
        ("pets/images-idx3-ubyte", "pets", "pets/images-idx3-ubyte"),
        ("pets/images-idx3-ubyte", "pets/images-idx3-ubyte", "pets/images-idx3-ubyte"),
    ],
)
def test_data_that_may_not_be_read_are_named(tmp_path, data, closed, named):
    (tmp_path / "pets" / "in" / "cat").mkdir(parents=True)
    (tmp_path / "pets" / "in" / "cat" / "a.png").touch()
    for name in ("x.npz", "images-idx3-ubyte", "labels-idx1-ubyte"):
        (tmp_path / "pets" / name).touch()
    (tmp_path / closed).chmod(0)
    try:
        ended = without_rights(tmp_path, "data", "show", data)
    finally:
        (tmp_path / closed).chmod(0o755)

    assert ended.returncode == 5, ended.stderr
    assert ended.stderr == f"xavier: cannot read `{named}`: permission denied\n"


@pytest.fixture
def folder(tmp_path, make_run):
    """Runs in folders that let nobody in, in one that can only be listed, in an open one; a locked file."""
    small = make_run(depth=1, width=3, updates=10, records="2", seeds="1", only=("curves",), test_examples=10)
    for place in ("closed", "listed", "deep/in", "open"):
        write_run(tmp_path / place / "run.h5", small)
    write_run(tmp_path / "locked.h5", small)
    closed = {"closed": 0, "listed": 0o444, "deep": 0, "locked.h5": 0}
    for name, mode in closed.items():
        (tmp_path / name).chmod(mode)
    yield tmp_path
    for name in closed:
        (tmp_path / name).chmod(0o755)


@pytest.mark.parametrize(
    ("arguments", "runs", "named"),
    [
        (["ls", "closed"], "runs", "closed"),
        (["ls", "closed/run.h5"], "runs", "closed/run.h5"),
        (["ls", "closed/*.h5"], "runs", "closed"),
        (["ls", "d*/in/*.h5"], "runs", "deep"),
        (["compare", "deep/in"], "runs", "deep/in"),
        (["plot", "curves", "deep/in/run.h5", "-o", "x.png"], "runs", "deep/in/run.h5"),
        (["show", "listed"], "runs", "listed/run.h5"),
        (["check", "listed/run.h5"], "runs", "listed/run.h5"),
        (["export", "locked.h5", "--to", "csv"], "runs", "locked.h5"),
        (["rm", "closed/run.h5", "-y"], "runs", "closed/run.h5"),
        (["tag", "closed/run.h5", "x"], "runs", "closed/run.h5"),
        (["doctor", "locked.h5"], "runs", "locked.h5"),
        (["doctor", "closed/run.h5"], "runs", "closed/run.h5"),
        (["surface", "--around", "locked.h5"], "runs", "locked.h5"),
        (["ls"], "closed", "closed"),
        (["compare"], "deep/in", "deep/in"),
        (["ls", "run"], "closed", "closed"),
        (["ls", "run"], "listed", "listed/run.h5"),
        (["ls", "r*"], "deep/in", "deep/in"),
        (["sweep", "figure-11", "--dry-run"], "closed", "closed"),
        (["reproduce", "figure-11"], "listed", "listed"),
    ],
)
def test_runs_that_may_not_be_read_are_named(folder, monkeypatch, arguments, runs, named):
    monkeypatch.setenv("XAVIER_RUNS_DIR", runs)
    ended = without_rights(folder, *arguments)

    assert ended.returncode == 5, ended.stderr
    lines = [line for line in ended.stderr.splitlines() if not line.startswith("reading ")]
    assert lines == [f"xavier: cannot read `{named}`: permission denied"]
    assert ended.stdout == ""


def test_a_pattern_names_what_it_could_not_look_into_and_shows_the_rest(folder):
    ended = without_rights(folder, "ls", "*/*.h5")

    assert ended.returncode == 4
    assert ended.stderr.splitlines() == [
        "xavier: cannot read `closed`: permission denied",
        "xavier: cannot read `deep`: permission denied",
        "xavier: cannot read `listed/run.h5`: permission denied",
    ]
    assert "run" in ended.stdout


def test_a_sweep_neither_trains_nor_replaces_what_may_not_be_read(tmp_path, make_run):
    (tmp_path / "mine.toml").write_text("title = 'm'\n[base]\nwidth = 3\nrecords = 2\n[grid]\ndepth = [1]\n")
    (cell,) = cells(read_recipe(str(tmp_path / "mine.toml")), "tiny", Folders(*[tmp_path / "runs"] * 3))
    write_run(cell.path, make_run(cell.config, test_examples=10))
    before = cell.path.read_bytes()
    cell.path.chmod(0)
    ended = without_rights(tmp_path, "sweep", "mine.toml", "--scale", "tiny")
    cell.path.chmod(0o644)

    assert ended.returncode == 4, ended.stderr
    assert f"cannot read `runs/{cell.path.name}`: permission denied" in ended.stderr
    assert "1 failed; 0 made now" in ended.stdout
    assert cell.path.read_bytes() == before
