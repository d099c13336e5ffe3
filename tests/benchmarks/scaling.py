"""Simulates a sweep on many workers that fail: how long it takes, and what the failures cost.

    python tests/benchmarks/scaling.py [CELLS] [WORKERS]

Nothing is trained. A cell is a run of its own, so that a failure loses what a worker did since it last kept
its state (10 s, `training/engine/autosave.py`) and the time to start again. A worker compiles a program where
its last cell had another, and takes a little for each cell. What is assumed stands below; measure it with
`xavier bench` and `tests/benchmarks/{startup,sweeps}.py`. SCALING.md says what follows.
"""

from __future__ import annotations

import heapq
import random
import sys
from dataclasses import dataclass
from typing import NamedTuple

from xavier_cli.config.run import RunConfig
from xavier_cli.training.estimate import SECONDS_PER_PROGRAM, core_seconds

KEPT_EVERY = 10.0
CLAIM = 0.05
"""Seconds in which the shared folder hands out one cell: claims follow one another."""
CELL = 0.3
"""Seconds of a cell that do not train: its file, its checkpoint, what its programs are given."""


class Cell(NamedTuple):
    """Seconds of one core, and the number of its program."""

    cost: float
    program: int


@dataclass(frozen=True)
class Outcome:
    """Seconds from begin to end, the share of the workers' time that trained, failures, claims waited for."""

    seconds: float
    useful: float
    failures: int
    waited: float


def simulate(cells: list[Cell], workers: int, mean_life: float, restart: float, seed: int = 0) -> Outcome:
    """`cells` on `workers` that live `mean_life` seconds on average and then start anew."""
    rng = random.Random(seed)
    # The longest first, as a plan that knows costs would.
    queue = [(cell, 0.0) for cell in sorted(cells)]
    loaded: dict[int, int] = {}
    free = [(0.0, worker) for worker in range(workers)]
    heapq.heapify(free)
    door, end, failures, waited = 0.0, 0.0, 0, 0.0
    returned: list[tuple[float, Cell, float]] = []
    while queue or returned:
        now, worker = heapq.heappop(free)
        while returned and (not queue or returned[0][0] <= now):
            at, cell, done = heapq.heappop(returned)
            queue.append((cell, done))
            now = max(now, at)
        cell, done = queue.pop()
        begin = max(now, door)
        waited += begin - now
        door = begin + CLAIM
        life = rng.expovariate(1 / mean_life)
        before = CELL + SECONDS_PER_PROGRAM * (loaded.get(worker) != cell.program)
        needed = before + cell.cost - done
        loaded[worker] = cell.program
        if life < needed:
            failures += 1
            loaded.pop(worker)
            trained = max(0.0, life - before)
            # Another worker takes it up when the lock of the dead one is seen to be stale.
            heapq.heappush(returned, (begin + life, cell, done + trained // KEPT_EVERY * KEPT_EVERY))
            heapq.heappush(free, (begin + life + restart, worker))
        else:
            end = max(end, begin + needed)
            heapq.heappush(free, (begin + needed, worker))
    return Outcome(end, sum(cell.cost for cell in cells) / (end * workers), failures, waited)


def sweep_cells(count: int) -> list[Cell]:
    """`count` runs of 5 seeds on one core each: widths 100 to 1000, depths 1 to 5."""
    shapes = [
        RunConfig.of(width=width, depth=depth, seeds=5) for width in (100, 300, 1000) for depth in (1, 3, 5)
    ]
    one = [Cell(core_seconds(config), number) for number, config in enumerate(shapes)]
    return [one[i % len(one)] for i in range(count)]


if __name__ == "__main__":
    cells, workers = [int(text) for text in (sys.argv[1:] + ["10000", "1000"][len(sys.argv) - 1 :])]
    planned = sweep_cells(cells)
    whole = sum(cell.cost for cell in planned)
    print(f"{cells:,} cells, {whole / 3600:,.0f} core hours, on {workers:,} workers")
    print("mean life of a worker    hours   useful   failures   waited for a claim (mean)")
    for life in (1e9, 24 * 3600, 4 * 3600, 3600, 600):
        found = simulate(planned, workers, life, restart=60)
        text = "for ever" if life == 1e9 else f"{life / 3600:.1f} h"
        print(
            f"{text:>21} {found.seconds / 3600:8.2f} {100 * found.useful:6.0f} % {found.failures:10,} "
            f"{found.waited / cells:10.2f} s"
        )
