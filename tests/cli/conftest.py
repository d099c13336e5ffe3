"""Fixtures of the command line's tests: runs with exact errors, and the command itself."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from xavier_cli.cli import main
from xavier_cli.cli.app import app
from xavier_cli.runs.record import Run
from xavier_cli.runs.store import write_run

SETTINGS = {"depth": 5, "width": 30, "lr": 0.03, "batch_size": 10, "updates": 100_000}
TANH_S = (0.594, 0.575, 0.610, 0.621, 0.570)
TANH_N = (0.477, 0.470, 0.485, 0.481, 0.472)
SOFTSIGN_N = (0.474, 0.481, 0.465, 0.476, 0.474)


@dataclass(frozen=True)
class Answer:
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def exact_run(make_run) -> Callable[..., Run]:
    """A function that makes a run with exactly these test errors at the end, and valid errors just above."""

    def make(errors, first_seed=0, **settings) -> Run:
        seeds = f"{first_seed}:{first_seed + len(errors)}"
        settings = {**SETTINGS, "seeds": seeds, "jacobian": False, "test_examples": 100, **settings}
        run = make_run(**settings)
        arrays = dict(run.arrays)
        for name, shift in (("test_error", 0.0), ("valid_error", 0.001)):
            curve = np.array(arrays[f"curves/{name}"])
            curve[:, -1] = np.where(run.diverged, np.nan, np.add(errors, shift))
            arrays[f"curves/{name}"] = curve
        return replace(run, arrays=arrays)

    return make


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory, exact_run) -> Path:
    """A folder with three experiments, written once for `shelf`."""
    folder = tmp_path_factory.mktemp("written")
    write_run(folder / "tanh-standard.h5", exact_run(TANH_S, init="standard"))
    write_run(folder / "tanh-normalized.h5", exact_run(TANH_N))
    write_run(folder / "softsign-normalized.h5", exact_run(SOFTSIGN_N, act="softsign"))
    return folder


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: Path) -> Path:
    """The runs' folder with three experiments, `runs` in the current folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XAVIER_RUNS_DIR", raising=False)
    return shutil.copytree(written, tmp_path / "runs")


def run_main(patch: pytest.MonkeyPatch, *arguments: object, width: int = 80) -> int:
    """The exit code of a command in this process; `patch` is undone by whoever made it."""
    patch.setattr(sys, "argv", ["xavier", *map(str, arguments)])
    patch.setenv("COLUMNS", str(width))
    # Every start adds its commands, which another process would not see.
    patch.setattr(app, "registered_commands", [])
    patch.setattr(app, "registered_groups", [])
    # The developer who runs the tests may have personal settings.
    patch.setenv("XDG_CONFIG_HOME", os.devnull)
    with pytest.raises(SystemExit) as left:
        main()
    return int(left.value.code or 0)


@pytest.fixture
def xavier(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    """The command: takes its arguments, answers with exit code, stdout and stderr."""

    def run(*arguments: object, width: int = 80) -> Answer:
        code = run_main(monkeypatch, *arguments, width=width)
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def prepare() -> Callable[..., None]:
    """A function for fixtures of modules: runs a command in a folder, which has to end well."""

    def run(folder: Path, *arguments: object) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            patch.delenv("XAVIER_RUNS_DIR", raising=False)
            assert run_main(patch, *arguments) == 0

    return run
