"""Sweeps killed and started again at once, and two of one recipe at once: no cell is wrongly failed.

30 kills with `-m faults`, 3 in the normal run.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import Popen

import numpy as np
import pytest
from support.sweep_processes import ON_ONE_CORE, TIMEOUT, assert_the_same_runs, children, start, sweep

# Two cells per program, so that they are postponed, run and resumed together. Every process loads the
# programs, which are much smaller over arrays than where Shapeset is drawn.
RECIPE = """
title = "tiny pairs"
[base]
data = "DATA"
depth = 1
width = 8
records = 2
eval_examples = 100
jacobian_examples = 0
[grid]
updates = [20, 21, 22, 23]
init = ["standard", "normalized"]
"""
CELLS = 8


@pytest.fixture(scope="module")
def recipe(tmp_path_factory) -> str:
    """`RECIPE` over arrays in a file."""
    path = tmp_path_factory.mktemp("data") / "tiny.npz"
    x = np.random.default_rng(0).integers(0, 256, (4000, 6)).astype(np.uint8)
    np.savez(path, x=x, y=(x[:, 0] > 127).astype(np.int64))
    return RECIPE.replace("DATA", str(path))


@pytest.fixture(scope="module")
def pairs(recipe) -> str:
    """Two pairs of cells alone."""
    return recipe.replace("20, 21, 22, 23", "20, 21")


@pytest.fixture(scope="module")
def whole(tmp_path_factory, recipe) -> Path:
    """The runs of an uninterrupted sweep, which leaves its programs to the workers that are to be killed."""
    folder = tmp_path_factory.mktemp("whole")
    done = sweep(folder, recipe, "-q", program=ON_ONE_CORE)
    assert done.returncode == 0, done.stderr
    return folder / "runs"


@pytest.fixture
def said(tmp_path) -> Callable[[], str]:
    """What all processes that were started with `said=tmp_path / ...txt` said."""
    return lambda: "\n".join(path.read_text() for path in sorted(tmp_path.rglob("*.txt")))


def until(there: Callable[[], object], process: Popen[str] | None = None) -> bool:
    """Wait until something is there; False where `process` ended before."""
    end = time.monotonic() + TIMEOUT
    while not there():
        if process and process.poll() is not None:
            return False
        assert time.monotonic() < end, "nothing came in time"
        time.sleep(0.02)
    return True


def holders(process: Popen[str], folder: Path) -> list[int]:
    """The workers of `process` that hold a lock in `folder`, by what they wrote into it."""
    pids = set()
    for lock in folder.glob("runs/.*.lock"):
        try:
            pids.add(int(lock.read_text().split()[0]))
        except (OSError, IndexError, ValueError):
            continue
    # Only where there are any: all processes of the machine are looked at.
    return [pid for pid in children(process.pid) if pid in pids] if pids else []


@pytest.mark.parametrize("kills", [3, pytest.param(30, marks=pytest.mark.faults)])
def test_killed_and_started_again_at_once_no_cell_is_wrongly_failed(
    whole, recipe, tmp_path, count, said, kills
):
    failed = done = 0
    rng = random.Random(kills)
    for first in range(0, kills, 3):
        folder = tmp_path / str(first)
        folder.mkdir()
        killed = 0
        while killed < 3:
            process = start(folder, recipe, "--jobs", "2", said=folder / f"{killed}.txt")
            until(lambda: holders(process, folder), process)  # noqa: B023
            time.sleep(rng.uniform(0, 0.7))
            process.kill()
            if process.wait() != -signal.SIGKILL:
                # It was through: once more from the beginning.
                shutil.rmtree(folder / "runs")
            else:
                killed += 1
        process = start(folder, recipe, "--jobs", "2", said=folder / "last.txt")
        code = process.wait(TIMEOUT)
        assert code == 0, said()
        assert_the_same_runs(whole, folder / "runs")
        assert not list(folder.glob("runs/.sweep*"))
        failed += sum(": failed" in line or "is being written by" in line for line in said().splitlines())
        done += CELLS
    count(sweeps_killed_and_restarted=kills, sweep_cells_done=done, sweep_cells_wrongly_failed=failed)

    assert failed == 0


@pytest.fixture
def orphans(tmp_path, pairs) -> Iterator[Callable[[str], list[int]]]:
    """A function that kills a sweep and leaves its workers, those that hold a lock being stuck."""
    found: list[int] = []

    def leave(program: str) -> list[int]:
        process = start(tmp_path, pairs, "--jobs", "2", program=program, said=tmp_path / "first.txt")
        assert until(lambda: holders(process, tmp_path), process)
        for pid in holders(process, tmp_path):
            found.append(pid)
            # As in the middle of a long compilation, which nothing interrupts.
            os.kill(pid, signal.SIGSTOP)
        process.kill()
        process.wait()
        assert found
        return found

    yield leave
    for pid in found:
        if is_there(pid):
            os.kill(pid, signal.SIGKILL)


def is_there(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_workers_are_killed_with_their_sweep_however_stuck_they_are(orphans):
    for pid in orphans("from xavier_cli.cli import main; main()"):
        until(lambda: not is_there(pid))  # noqa: B023


def test_orphans_that_the_kernel_does_not_kill_are_waited_for_until_one_is_asked_to_leave(
    orphans, pairs, tmp_path, said
):
    program = "from support import impatient_sweep; impatient_sweep.orphaning()"
    left = orphans(program)
    for name in ("asked.txt", "last.txt"):
        process = start(tmp_path, pairs, "--jobs", "2", program=program, said=tmp_path / name)
        assert until(lambda: "; Ctrl-C stops waiting" in (tmp_path / name).read_text(), process), said()  # noqa: B023
        assert all(map(is_there, left))
        if name == "asked.txt":
            process.send_signal(signal.SIGINT)
            assert process.wait(TIMEOUT) == 130, said()
            assert "of 4 cells left; progress is kept; the same command resumes them" in said()
    for pid in left:
        os.kill(pid, signal.SIGCONT)

    assert process.wait(TIMEOUT) == 0, said()
    assert "4 finished;" in said()


def test_the_control_whose_workers_outlive_it_and_who_waits_for_nobody_fails_cells(
    orphans, pairs, tmp_path, said
):
    program = "from support import impatient_sweep; impatient_sweep.impatient()"
    orphans(program)
    process = start(tmp_path, pairs, "--jobs", "2", program=program, said=tmp_path / "second.txt")

    assert process.wait(TIMEOUT) == 4, said()
    assert "is being written by process" in said()


def test_two_sweeps_of_one_recipe_at_once_make_every_cell_once(whole, recipe, tmp_path):
    both = [start(tmp_path, recipe, "-f", "json", "--jobs", jobs) for jobs in ("1", "2")]
    ended = [process.communicate(timeout=TIMEOUT) for process in both]

    assert [process.returncode for process in both] == [0, 0], ended
    pages = [json.loads(out) for out, _ in ended]
    assert sum(page["made_now"] for page in pages) == CELLS
    assert all(cell["state"] == "finished" for page in pages for cell in page["cells"])
    for page, (_, err) in zip(pages, ended, strict=True):
        others = CELLS - page["made_now"]
        assert not others or f"{others} cells finished by another process meanwhile" in err
    assert_the_same_runs(whole, tmp_path / "runs")
