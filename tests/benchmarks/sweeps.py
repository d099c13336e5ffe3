"""Sweeps of many small cells: under kills, their memory over time, and how much of their time trains.

    python tests/benchmarks/sweeps.py restarts [CELLS]            workers and whole sweeps killed
    python tests/benchmarks/sweeps.py jobs [CELLS] [WORKERS]      the share that trains, of `--jobs`
    python tests/benchmarks/sweeps.py cluster [CELLS] [WORKERS]   the same on a Dask cluster of this machine
    python tests/benchmarks/sweeps.py report [RUNS]               time, memory and size of a page of many runs

What trains are updates, evaluation and layer statistics, as each run says. Where workers are more than cores
the clock says little of them, since they wait for each other: then the processors' seconds count, those that
trained of all that the sweep, its workers and the scheduler used. They count from when every worker may have
finished a cell: starting up, which a long sweep does once, is told apart.
"""

from __future__ import annotations

import contextlib
import os
import random
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from support.sweep_processes import children, is_worker, start

from xavier_cli.config.run import RunConfig
from xavier_cli.runs.record import Run, spent_seconds
from xavier_cli.runs.store import read_run, write_run

TINY = """
title = "tiny cells"
[base]
depth = 1
seeds = 1
records = 2
eval_examples = 100
jacobian_examples = 0
[grid]
width = [8, 16, 24]
updates = [{updates}]
"""
# About a second of one core each.
SECOND = """
title = "cells of a second"
[base]
depth = 2
width = 100
seeds = 1
records = 5
[grid]
updates = [{updates}]
"""
TRAINS = ("updates", "pretraining", "evaluation", "probes")
ACTS = ("tanh", "softsign", "hard_tanh")
TICKS = os.sysconf("SC_CLK_TCK")


def recipe(text: str, first: int, count: int) -> str:
    return text.format(updates=", ".join(str(first + i) for i in range(count)))


def finished(folder: Path) -> dict[str, Run]:
    found = {}
    for path in folder.glob("*.h5"):
        run = read_run(path)
        if run.status == "complete":
            found[path.name] = run
    return found


def megabytes(pid: int) -> float:
    """The memory of a process; 0 once it has ended."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize() / 1e6
    return 0.0


def processor_seconds(pids: list[int]) -> float:
    used = 0.0
    for pid in pids:
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            used += (int(fields[11]) + int(fields[12])) / TICKS
    return used


def everyone(pid: int) -> list[int]:
    """A process and all below it."""
    return [pid, *(each for child in children(pid) for each in everyone(child))]


def restarts(cells: int, seed: int = 0) -> None:
    """Kill a worker, or every third time the whole sweep, at random times until all is done."""
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as place:
        folder, text = Path(place), recipe(TINY, 20, cells // 3)
        runs, kills, starts, began = folder / "runs", 0, 0, time.monotonic()
        print("cells   sweep MB   largest worker MB   workers killed   sweeps killed")
        told, sweeps_killed, code = -1, 0, None
        while code != 0 and starts < 100:
            process = start(folder, text, "--jobs", "2", "-q", said=folder / "said.txt")
            starts += 1
            kill_at = time.monotonic() + rng.uniform(1, 4)
            while process.poll() is None:
                time.sleep(0.2)
                done = len(list(runs.glob("*.h5")))
                workers = [pid for pid in children(process.pid) if is_worker(pid)]
                if done // 30 > told and workers:
                    told = done // 30
                    largest = max(map(megabytes, workers))
                    memory = f"{megabytes(process.pid):10.0f} {largest:19.0f}"
                    print(f"{done:5} {memory} {kills:16} {sweeps_killed:15}", flush=True)
                if time.monotonic() > kill_at and workers:
                    kill_at = time.monotonic() + rng.uniform(1, 4)
                    if rng.random() < 1 / 3:
                        sweeps_killed += 1
                        os.killpg(process.pid, signal.SIGKILL)
                    else:
                        kills += 1
                        with contextlib.suppress(ProcessLookupError):
                            os.kill(rng.choice(workers), signal.SIGKILL)
            code = process.wait()
            if code not in (0, -signal.SIGKILL):
                print((folder / "said.txt").read_text())
                break
        took = time.monotonic() - began
        print(f"{kills} workers and {sweeps_killed} sweeps killed in {took:.0f} s, code {code}")
        made = finished(runs)
        different = compared(made, folder / "whole", min(cells, 60))
        print(
            f"{len(made)} of {cells} done, {different} different of {min(cells, 60)} trained again in one go"
        )
        if code or different or len(made) != cells:
            raise SystemExit(1)


def compared(made: dict[str, Run], folder: Path, cells: int) -> int:
    """How many of the first `cells` have other numbers than where nothing was killed."""
    folder.mkdir()
    assert start(folder, recipe(TINY, 20, cells // 3), "-q").wait() == 0
    different = 0
    for name, run in finished(folder / "runs").items():
        other = made.get(name)
        wrong = [
            array
            for array in run.arrays
            if other is None
            or array not in other.arrays
            or not np.array_equal(run[array], other[array], equal_nan=run[array].dtype.kind == "f")
        ]
        if wrong:
            different += 1
            resumed = other.provenance.get("resumed_at") if other else "missing"
            print(f"{name} (resumed at {resumed}) differs in {', '.join(wrong)}")
    return different


@contextlib.contextmanager
def cluster(workers: int) -> Iterator[tuple[str, list[int]]]:
    """A scheduler and its workers, a process each with one thread; its address and their ids."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address, quiet = f"tcp://127.0.0.1:{port}", {"stderr": subprocess.DEVNULL, "stdout": subprocess.DEVNULL}
    program, options = [sys.executable, "-m"], ["--no-dashboard"]
    processes = [
        subprocess.Popen(
            [
                *program,
                "distributed.cli.dask_scheduler",
                *options,
                "--host",
                "127.0.0.1",
                "--port",
                str(port),
            ],
            **quiet,
        )
    ]
    try:
        processes += [
            subprocess.Popen(
                [*program, "distributed.cli.dask_worker", address, *options, "--nthreads", "1", "--no-nanny"],
                **quiet,
            )
            for _ in range(workers)
        ]
        yield address, [process.pid for process in processes]
    finally:
        for process in processes:
            process.kill()
            process.wait()


def share(cells: int, workers: int, on_cluster: bool) -> None:
    """Print how much of the processors' time and of the workers' clock trained."""
    with tempfile.TemporaryDirectory() as place, contextlib.ExitStack() as stack:
        folder = Path(place)
        options, others = ["--jobs", str(workers)], []
        if on_cluster:
            address, others = stack.enter_context(cluster(workers))
            options = ["--cluster", address, "--cluster-wait", "300"]
        process = start(folder, recipe(SECOND, 20_000, cells), "-q", *options, said=folder / "said.txt")
        before, told = {}, time.monotonic()
        used_before, used, from_then = 0.0, 0.0, told
        while process.poll() is None:
            time.sleep(0.1)
            names = {path.name for path in (folder / "runs").glob("*.h5")}
            used = max(used, processor_seconds([*others, *everyone(process.pid)]))
            if not before and len(names) >= workers:
                before, used_before, from_then = dict.fromkeys(names), used, time.monotonic()
            if time.monotonic() - told > 60:
                told = time.monotonic()
                print(f"  {len(names)} of {cells} cells, {used:.0f} processor seconds", flush=True)
        wall = time.monotonic() - from_then
        if process.returncode:
            print((folder / "said.txt").read_text())
        made = {name: run for name, run in finished(folder / "runs").items() if name not in before}
        spent = [spent_seconds(run) for run in made.values()]
        parts = {part: sum(each[part] for each in spent) for part in spent[0]}
        trained = 0.0
        for run, each in zip(made.values(), spent, strict=True):
            share_of_cell = sum(each[part] for part in TRAINS) / max(1e-9, run.provenance["train_seconds"])
            trained += run.provenance["processor_seconds"] * share_of_cell
        kind = "a cluster's workers" if on_cluster else "jobs"
        print(f"{len(made)} cells on {workers} {kind}, {os.cpu_count()} cores, code {process.returncode}")
        print(f"starting up: {used_before:.0f} processor seconds until {len(before)} cells were there")
        whole = used - used_before
        print(f"processor seconds: {trained:.1f} trained of {whole:.1f}, {100 * trained / whole:.0f} %")
        on_clock = sum(parts[part] for part in TRAINS)
        percent = 100 * on_clock / workers / wall
        print(f"by the clock: {on_clock:.1f} of {workers} x {wall:.1f} s, {percent:.0f} %")
        print("a cell's parts:", ", ".join(f"{name} {s / len(made):.3f} s" for name, s in parts.items()))


def report(count: int) -> None:
    """Make a page of `count` planted runs, and print what it costs."""
    from conftest import plausible_run

    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for number in range(count):
            act, init = ACTS[number % 3], ("normalized", "standard")[number // 3 % 2]
            settings = {"act": act, "init": init, "depth": 2 + number // 6, "updates": 20_000, "seeds": 5}
            run = plausible_run(RunConfig.of(**settings), final_error=0.3 + 0.3 * number / count)
            write_run(folder / "runs" / f"{number:03}.h5", run)
        page = folder / "report.html"
        began = time.monotonic()
        program = "from xavier_cli.cli import main; main()"
        files = sorted(map(str, (folder / "runs").glob("*.h5")))
        done = subprocess.run([sys.executable, "-c", program, "report", *files, "-o", str(page)], cwd=folder)
        took = time.monotonic() - began
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        busy, size = used.ru_utime + used.ru_stime, page.stat().st_size / 1e6
        print(f"{count} runs: {took:.1f} s, {busy:.1f} processor seconds, {used.ru_maxrss / 1e3:.0f} MB")
        print(f"page of {size:.1f} MB, code {done.returncode}")
        if "--keep" in sys.argv:
            page.replace("report.html")


def main(what: str, *counts: str) -> None:
    numbers = [int(text) for text in counts if text.isdigit()]
    if what == "restarts":
        restarts(*(numbers or [300]))
    elif what == "report":
        report(*(numbers or [60]))
    else:
        share(*(numbers + [60, 8 if what == "cluster" else 2][len(numbers) :]), on_cluster=what == "cluster")


if __name__ == "__main__":
    main(*sys.argv[1:])
