"""Times programs in turns, since machines are noisy, each as long as training's own segments.

In training, a segment follows a segment: threads are awake, code and batches lie in the caches, and of the
weights those of the network that was trained last; a program is called once per segment. A turn of a few
updates, right after another program's, would measure the loading of what that one threw out of the caches.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from xavier_cli.training.engine.loop import FIRST_SEGMENT, SEGMENT_SECONDS
from xavier_cli.training.engine.segments import SegmentSizer

LEAD_UPDATES = 8
"""Updates before each measurement: after them the caches hold what they hold after a whole segment."""
# Each segment is up to four times as long as the one before.
_SEGMENTS = 10


@dataclass(frozen=True)
class Timed:
    """What is timed: `run(updates)` trains `seeds` networks by so many updates each, and waits.

    `lead` updates are made before each measurement, and not counted.
    """

    run: Callable[[int], None]
    seeds: int
    lead: int = LEAD_UPDATES


class Times(NamedTuple):
    """Seconds per update and seed: the median of all rounds, the fastest and the slowest round."""

    median: float
    fastest: float
    slowest: float


def segment_updates(timed: Timed, longest: int, seconds: float = SEGMENT_SECONDS) -> int:
    """How many updates training would put into a segment of this program, `longest` at most.

    Compiles what has not been compiled. `seconds` is the target, that of training unless given.
    """
    timed.run(1)
    sizer = SegmentSizer(FIRST_SEGMENT, seconds)
    for _ in range(_SEGMENTS):
        count = min(sizer.updates, longest)
        began = time.perf_counter()
        timed.run(count)
        took = time.perf_counter() - began
        sizer.record(count, took)
        if count == longest or took > seconds / 2:
            break
    return min(sizer.updates, longest)


def take_turns(programs: Mapping[str, Timed], counts: Mapping[str, int], rounds: int) -> dict[str, Times]:
    """The times of every program; `counts` are the updates of one turn.

    The programs have run before, so that nothing is compiled here.
    """
    seconds: dict[str, list[float]] = {what: [] for what in programs}
    for _ in range(rounds):
        for what, timed in programs.items():
            if timed.lead:
                timed.run(timed.lead)
            began = time.perf_counter()
            timed.run(counts[what])
            seconds[what].append((time.perf_counter() - began) / counts[what] / timed.seeds)
    return {what: Times(statistics.median(each), min(each), max(each)) for what, each in seconds.items()}
