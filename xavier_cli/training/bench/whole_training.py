"""Times a training as `xavier train` runs it: engine, records, evaluation, checkpoints and the run file."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from xavier_cli.config.run import RunConfig
from xavier_cli.training.engine.loop import Progress, TrainingHooks
from xavier_cli.training.session import Session

SETTLED = 4
"""The segment whose end is where time begins to count: by then segments have their length."""
# How often it is seen whether other threads work, in seconds; and how long they are waited for at most.
_TICK, _LONGEST = 0.2, 120.0


def updates_per_record(config: RunConfig) -> float:
    """The updates from one record to the next, on average."""
    return config.updates / (len(config.record_updates()) - 1)


def time_training(training: Session, records: int, seconds: float) -> float:
    """Seconds per update and seed of a `training` into a file, as a long one takes them.

    Training is stopped after `seconds` and whole distances between `records`, or more, or at its end. Time
    counts from `SETTLED` on: what comes once (compiling, the first record, the last evaluation, the finished
    file) cancels, as in the difference of a long training and a short one.
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
    (first, began), (last, ended) = marks[SETTLED - 1], marks[-1]
    return (ended - began) / (last - first) / len(config.seeds)


def _wait_for_threads() -> None:
    """Wait until this process computes nothing: called after a segment, when the devices are done."""
    ends = time.perf_counter() + _LONGEST
    while time.perf_counter() < ends:
        before, began = time.process_time(), time.perf_counter()
        time.sleep(_TICK)
        if time.process_time() - before < (time.perf_counter() - began) / 10:
            break
