"""Sweeps in processes of their own, for the tests that kill them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from xavier_cli.runs.store import read_run

PROGRAM = "from xavier_cli.cli import main; main()"
# Trains as each worker of `--jobs` does on two cores, with the same programs.
ON_ONE_CORE = (
    "import os; hasattr(os, 'sched_setaffinity') "
    f"and os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); {PROGRAM}"
)
TIMEOUT = 240


def start(
    folder: Path, recipe: str, *arguments: str, program: str = PROGRAM, said: Path | None = None
) -> subprocess.Popen[str]:
    """A sweep of `recipe` in `folder`; with `said`, whatever it and its orphans say goes there."""
    (folder / "recipe.toml").write_text(recipe)
    with said.open("w") if said else nullcontext(subprocess.PIPE) as where:
        return subprocess.Popen(
            [sys.executable, "-c", program, "sweep", "recipe.toml", "--scale", "tiny", *arguments],
            cwd=folder,
            env={
                **os.environ,
                "XAVIER_RUNS_DIR": "runs",
                "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
            },
            stdout=where,
            stderr=where,
            text=True,
            start_new_session=True,
        )


def sweep(
    folder: Path, recipe: str, *arguments: str, program: str = PROGRAM
) -> subprocess.CompletedProcess[str]:
    process = start(folder, recipe, *arguments, program=program)
    out, err = process.communicate(timeout=TIMEOUT)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def wait_for(folder: Path, files: int, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + TIMEOUT
    while len(list(folder.glob("*.h5"))) < files and process.poll() is None and time.monotonic() < until:
        time.sleep(0.005)


def times(folder: Path) -> dict[str, int]:
    """When each complete run was written: an interrupted sweep publishes what there is of others, too."""
    return {
        path.name: path.stat().st_mtime_ns
        for path in folder.glob("*.h5")
        if read_run(path).status == "complete"
    }


def assert_the_same_runs(one: Path, other: Path) -> None:
    assert sorted(times(one)) == sorted(times(other))
    for name in times(one):
        first, second = read_run(one / name), read_run(other / name)
        assert first.config == second.config
        assert first.status == second.status == "complete"
        assert first.provenance["command_id"] == second.provenance["command_id"]
        assert first.arrays.keys() == second.arrays.keys()
        for array in first.arrays:
            assert np.array_equal(first[array], second[array], equal_nan=first[array].dtype.kind == "f"), (
                array
            )


def wait_for_workers(process: subprocess.Popen[str], count: int) -> list[int]:
    until = time.monotonic() + TIMEOUT
    while process.poll() is None and time.monotonic() < until:
        workers = [pid for pid in children(process.pid) if is_worker(pid)]
        if len(workers) >= count:
            return workers
        # Looking at all processes of the machine takes a core from the workers that are waited for.
        time.sleep(0.02)
    return []


def children(pid: int) -> list[int]:
    found = []
    for task in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(task.read_text().rpartition(")")[2].split()[1]) == pid:
                found.append(int(task.parent.name))
        except (OSError, IndexError):
            continue
    return found


def is_worker(pid: int) -> bool:
    try:
        return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
