"""Real Dask schedulers and workers, workers killed: `-m slow`, and 200 cells with `-m faults`."""

from __future__ import annotations

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from xavier_cli.runs.store import read_result, read_run

TIMEOUT = 580
SURFACES = """
title = "tiny surfaces"
command = "surface"
[base]
points = 5
[grid]
seed = {seeds}
"""
TRAININGS = """
title = "longer trainings"
[base]
depth = 1
width = 8
seeds = 1
records = 2
eval_examples = 100
jacobian_examples = 0
[grid]
updates = [20_000, 20_001]
"""
XAVIER = [sys.executable, "-c", "from xavier_cli.cli import main; main()"]
ENVIRONMENT = {
    **os.environ,
    "XAVIER_RUNS_DIR": "runs",
    "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    "DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "error",
}


class Machines:
    """A scheduler and `count` workers, each a process; `kill` takes one and puts another in its place."""

    def __init__(self, folder: Path, count: int):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{port}"
        self._folder = folder
        self.kills = 0
        folder.mkdir()
        self.scheduler = self._start("scheduler", "--host", "127.0.0.1", "--port", str(port))
        self.workers = [self._worker() for _ in range(count)]

    def _start(self, kind: str, *arguments: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "distributed.cli.dask_" + kind, "--no-dashboard", *arguments]
        return subprocess.Popen(command, cwd=self._folder, env=ENVIRONMENT, stderr=subprocess.DEVNULL)

    def _worker(self) -> subprocess.Popen[bytes]:
        return self._start("worker", self.address, "--nthreads", "1", "--no-nanny")

    def kill(self, index: int) -> None:
        self.workers[index].kill()
        self.workers[index].wait()
        self.kills += 1
        self.workers[index] = self._worker()

    def end(self) -> None:
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()


@pytest.fixture
def machines(tmp_path):
    """A function that starts `count` workers and their scheduler."""
    with contextlib.ExitStack() as stack:

        def start(count: int) -> Machines:
            made = Machines(tmp_path / "machines", count)
            stack.callback(made.end)
            return made

        yield start


def start(folder: Path, recipe: str, *arguments: str) -> subprocess.Popen[str]:
    folder.mkdir(exist_ok=True)
    (folder / "recipe.toml").write_text(recipe)
    return subprocess.Popen(
        [*XAVIER, "sweep", "recipe.toml", "--scale", "tiny", *arguments],
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> str:
    out, err = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 0, err
    print(err[-3000:], out[-1000:])
    return err


def until(process: subprocess.Popen[str]) -> Iterator[None]:
    """Comes round every little while for as long as `process` runs, and not for ever."""
    end = time.monotonic() + TIMEOUT
    while process.poll() is None and time.monotonic() < end:
        yield
        time.sleep(0.05)


@pytest.mark.parametrize(
    ("cells", "workers", "each"),
    [
        pytest.param(24, 2, 8, marks=pytest.mark.slow),
        pytest.param(200, 4, 10, marks=pytest.mark.faults),
    ],
)
def test_workers_killed_again_and_again_no_cell_is_lost_and_none_differs(
    machines, tmp_path, count, cells, workers, each
):
    recipe = SURFACES.format(seeds=list(range(cells)))
    there = machines(workers)
    process = start(tmp_path / "cluster", recipe, "--cluster", there.address, "--cluster-wait", "200")
    made, turns = tmp_path / "cluster" / "surfaces", itertools.cycle(range(workers))
    for _ in until(process):
        if len(list(made.glob("*.h5"))) >= each * (there.kills + 1):
            there.kill(next(turns))
    ended(process)
    ended(start(tmp_path / "local", recipe))
    names = sorted(path.name for path in made.glob("*.h5"))
    count(**{f"cluster_cells_of_{cells}": len(names), "cluster_workers_killed": there.kills})

    assert there.kills >= cells // each - 1
    assert len(names) == cells
    assert names == sorted(path.name for path in (tmp_path / "local" / "surfaces").glob("*.h5"))
    for name in names:
        here = tmp_path / "local" / "surfaces"
        one, other = (read_result(folder / name, "surface") for folder in (made, here))
        assert one.config == other.config
        assert all(np.array_equal(one[array], other[array]) for array in other.arrays)
    assert sorted({path.suffix for path in made.iterdir()}) == [".h5"]


@pytest.mark.slow
def test_a_killed_workers_training_is_gone_on_with_by_another(machines, tmp_path):
    there = machines(2)
    process = start(tmp_path / "cluster", TRAININGS, "--cluster", there.address, "--cluster-wait", "200")
    runs = tmp_path / "cluster" / "runs"
    for _ in until(process):
        if not there.kills and list(runs.glob(".*.ckpt")):
            there.kill(0)
            there.kill(1)
    ended(process)
    ended(start(tmp_path / "local", TRAININGS))
    found = {path.name: read_run(path) for path in runs.glob("*.h5")}

    assert there.kills == 2
    assert len(found) == 2
    assert any(run.provenance.get("resumed_at") for run in found.values())
    for name, run in found.items():
        local = read_run(tmp_path / "local" / "runs" / name)
        assert run.status == local.status == "complete"
        for array in local.arrays:
            assert np.array_equal(run[array], local[array], equal_nan=local[array].dtype.kind == "f"), array
    assert {path.suffix for path in runs.iterdir()} == {".h5"}


@pytest.mark.slow
def test_stopped_it_takes_its_work_back_and_a_lost_scheduler_is_told(machines, tmp_path):
    there = machines(1)
    recipe = TRAININGS.replace("20_000, 20_001", "50_000_000, 50_000_001")
    arguments = ("--cluster", there.address, "--cluster-wait", "200")
    runs = tmp_path / "cluster" / "runs"
    process = start(tmp_path / "cluster", recipe, *arguments)
    for _ in until(process):
        if list(runs.glob(".*.ckpt")):
            break
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "2 of 2 cells left; progress is kept; the same command resumes them" in err
    assert not list(runs.glob(".*.lock"))

    process = start(tmp_path / "cluster", recipe, *arguments)
    for _ in until(process):
        if list(runs.glob(".*.lock")):
            break
    there.scheduler.kill()
    _, err = process.communicate(timeout=120)
    assert process.returncode == 4, err
    assert "is gone; the same command resumes what is left" in err
    assert "Traceback" not in err, err
