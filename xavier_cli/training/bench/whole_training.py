"""Times a training as `xavier train` runs it: engine, records, evaluation, checkpoints and the run file."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from xavier_cli.config.run import RunConfig
from xavier_cli.training.bench.turns import Times
from xavier_cli.training.engine.loop import Progress, TrainingHooks
from xavier_cli.training.session import Session

SETTLED = 4
"""The segment whose end is where time begins to count: by then segments have their length."""
# How often it is seen whether other threads work, in seconds; and how long they are waited for at most.
_TICK, _LONGEST = 0.2, 120.0


def updates_per_record(config: RunConfig) -> float:
    """The updates from one record to the next, on average."""
    return config.updates / (len(config.record_updates()) - 1)


def time_training(training: Session, records: int, seconds: float) -> Times:
    """The times of a `training` into a file, as a long one takes them.

    Training is stopped after `seconds` and whole distances between `records`, or more, or at its end. Time
    counts from `SETTLED` on: what comes once (compiling, the first record, the last evaluation, the finished
    file) cancels, as in the difference of a long training and a short one. The rounds are those distances,
    their median that of `typical_times`.
    """
    marks: list[tuple[int, float]] = []
    config = training.configs[0]
    distance = updates_per_record(config)

    def report(progress: Progress) -> None:
        if progress.doing == "training":
            if len(marks) == SETTLED - 1:
                # Singular values of the first record and theory's predictions come from threads, once.
                _wait_for_threads()
            marks.append((progress.updates, time.perf_counter()))

    def is_enough() -> bool:
        if len(marks) <= SETTLED:
            return False
        (first, began), (before, _), (last, ended) = marks[SETTLED - 1], *marks[-2:]
        # Whole distances have their share of records; they differ by an update.
        passed, passed_before = (int((each - first + 1) / distance) for each in (last, before))
        return passed > passed_before and passed >= records and ended - began >= seconds

    with TemporaryDirectory(prefix="xavier-bench-") as folder:
        hooks = TrainingHooks(report=report, stopped=is_enough)
        training.train_to_file(Path(folder) / "run.h5", hooks, resume=False)
    ends = _whole_distances(marks[SETTLED - 1 :], distance)
    rates = [(ended - began) / (last - first) for (first, began), (last, ended) in pairwise(ends)]
    jacobians = config.jacobian_updates()
    has_jacobians = [any(first <= at < last for at in jacobians) for (first, _), (last, _) in pairwise(ends)]
    return typical_times([each / len(config.seeds) for each in rates], has_jacobians)


def typical_times(rates: Sequence[float], has_jacobians: Sequence[bool]) -> Times:
    """`rates` of distances in one: like the times of programs, robust against a machine that others use too.

    Distances with Jacobians take longer than the others: the mean of both medians, each by its share.
    """
    of_kind: dict[bool, list[float]] = {}
    for rate, kind in zip(rates, has_jacobians, strict=True):
        of_kind.setdefault(kind, []).append(rate)
    typical = sum(len(each) * statistics.median(each) for each in of_kind.values()) / len(rates)
    return Times(typical, min(rates), max(rates))


def _whole_distances(marks: Sequence[tuple[int, float]], distance: float) -> list[tuple[int, float]]:
    """Those of `marks`, updates and when they were done, that are a whole `distance` apart; at least two."""
    ends = [marks[0]]
    for mark in marks[1:]:
        # Distances differ by an update.
        if (mark[0] - marks[0][0] + 1) // distance >= len(ends):
            ends.append(mark)
    return ends if len(ends) > 1 else [marks[0], marks[-1]]


def _wait_for_threads() -> None:
    """Wait until this process computes nothing: called after a segment, when the devices are done."""
    ends = time.perf_counter() + _LONGEST
    while time.perf_counter() < ends:
        before, began = time.process_time(), time.perf_counter()
        time.sleep(_TICK)
        if time.process_time() - before < (time.perf_counter() - began) / 10:
            break
