"""Sweeps in processes of their own: killed and taken up again, over several workers, in shards."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from support.sweep_processes import (
    TIMEOUT,
    assert_the_same_runs,
    is_worker,
    start,
    sweep,
    times,
    wait_for,
    wait_for_workers,
)

from xavier_cli.runs.store import read_result, read_run

# One population each, since they differ in updates, but one program for all: that of `test_train.py`.
RECIPE = """
title = "tiny cells"
[base]
depth = 2
width = 8
records = 2
eval_examples = 100
jacobian_examples = 0
[grid]
updates = [20, 21, 22, 23, 24, 25]
"""
SURFACES = """
title = "tiny surfaces"
command = "surface"
[base]
points = 5
[grid]
seed = [0, 1, 2, 3, 4, 5]
"""


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    """A folder in which the sweep ran without interruption."""
    folder = tmp_path_factory.mktemp("whole")
    done = sweep(folder, RECIPE, "-q")
    assert done.returncode == 0, done.stderr
    return folder / "runs"


def test_killed_twice_in_the_middle_it_ends_in_the_same_files(whole, tmp_path):
    runs, kept = tmp_path / "runs", {}
    for number, (files, stop) in enumerate([(1, signal.SIGKILL), (3, signal.SIGINT)]):
        process = start(tmp_path, RECIPE)
        wait_for(runs, files, process)
        os.kill(process.pid, stop)
        _, err = process.communicate(timeout=TIMEOUT)
        there = times(runs)
        if stop == signal.SIGINT:
            assert f"{6 - len(there)} of 6 cells left; progress is kept; the same command resumes them" in err
        assert process.returncode == (-signal.SIGKILL, 130)[number], err
        # In the middle: something was finished, and something was left.
        assert files <= len(there) < 6
        assert kept.items() <= there.items()
        kept = there
    done = sweep(tmp_path, RECIPE)

    assert done.returncode == 0, done.stderr
    assert kept.items() <= times(runs).items()
    assert_the_same_runs(whole, runs)
    assert [path.name for path in runs.iterdir() if path.suffix == ".tmp"] == []


def test_workers_make_the_whole_one_of_them_killed(tmp_path):
    process = start(tmp_path, SURFACES, "--jobs", "2")
    killed = wait_for_workers(process, 1)
    os.kill(killed[0], signal.SIGKILL)
    _, err = process.communicate(timeout=TIMEOUT)

    assert killed
    assert process.returncode == 0, err
    surfaces = [read_result(path, "surface") for path in (tmp_path / "surfaces").glob("*.h5")]
    assert sorted(surface.config.seed for surface in surfaces) == [0, 1, 2, 3, 4, 5]
    assert {surface.provenance["command_id"] for surface in surfaces} == {
        surfaces[0].provenance["command_id"]
    }


def test_workers_leave_when_the_sweep_is_stopped(tmp_path):
    process = start(tmp_path, RECIPE.replace("[20, 21,", "[50_000_000, 50_000_001,"), "--jobs", "2")
    workers = wait_for_workers(process, 2)
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=TIMEOUT)

    assert len(workers) == 2
    assert process.returncode == 130, err
    assert not any(map(is_worker, workers))
    assert all(read_run(path).status == "complete" for path in (tmp_path / "runs").glob("*.h5"))
