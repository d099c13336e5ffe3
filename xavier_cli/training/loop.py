"""The host's side of training: segments, records in between, and what is told to whoever watches."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from xavier_cli.runs.record import Run, Status
from xavier_cli.training.engine import Engine, Record
from xavier_cli.training.history import History

SEGMENT_SECONDS = 1.0
"""How long the devices are left alone at most: signals are seen, and progress is shown, in between."""

FIRST_SEGMENT = 20
# What there is so far is published this often, and never at more than 2 % of the time.
PUBLISH_SECONDS = 10.0
PUBLISH_COSTS = 50

Doing = Literal["compiling", "training", "evaluating"]


@dataclass(frozen=True)
class Progress:
    """Where training stands; `valid_error` is the mean over members at the last record.

    When `evaluating`, each of `total` rows, not updates, holds `members` points.
    """

    doing: Doing
    updates: int
    total: int
    members: int
    valid_error: float | None = None
    phase: str = ""


@dataclass(frozen=True)
class Watcher:
    """Who is told, who may stop it, and who keeps what there is so far."""

    report: Callable[[Progress], None] = lambda _: None
    stopped: Callable[[], bool] = lambda: False
    publish: Callable[[list[Run]], None] | None = None
    provenance: dict[str, Any] = field(default_factory=dict)


def train_population(engine: Engine, watcher: Watcher) -> list[Run]:
    """Train a population to the end, or until stopped; one run per variant.

    The host stores a record while the devices compute the segment after it.
    """
    population, config = engine.population, engine.population.config
    records = config.record_updates()
    created = datetime.now(UTC).isoformat(timespec="milliseconds")
    history = History(engine)
    pending: tuple[int, Record] | None = None
    segment, done, valid_error = FIRST_SEGMENT, 0, None

    def report(doing: Doing) -> None:
        watcher.report(Progress(doing, done, records[-1], population.members, valid_error))

    def runs(status: Status) -> list[Run]:
        timings = {
            "compile_seconds": round(engine.compile_seconds, 3),
            "train_seconds": round(time.perf_counter() - started, 3),
        }
        return history.runs(engine.diverged_at(), status, created, {**watcher.provenance, **timings})

    report("compiling")
    engine.start()
    started = published = time.perf_counter()
    publishing_cost = 0.0
    for at in records:
        while done < at and not watcher.stopped():
            began = time.perf_counter()
            step = min(segment, at - done)
            engine.advance(done, done + step)
            if pending:
                history.add(pending[0], engine.read(pending[1]))
                valid_error = history.mean_valid_error()
                pending = None
                due = began - published > max(PUBLISH_SECONDS, PUBLISH_COSTS * publishing_cost)
                if watcher.publish and due:
                    watcher.publish(runs("running"))
                    published = time.perf_counter()
                    publishing_cost = published - began
            engine.wait()
            done += step
            seconds = time.perf_counter() - began
            segment = max(1, min(4 * segment, int(step * SEGMENT_SECONDS / seconds)))
            report("training")
        if done < at:
            break
        since = at - (history.updates[-1] if history.updates else 0)
        # Without training there is no result yet that would be worth every example.
        whole = 0 < at == records[-1]
        held_out = (engine.material.valid, engine.material.test)
        examples = max(len(part.labels) for part in held_out) if whole else config.eval_examples
        pending = at, engine.observe(since, examples)
        if at in config.jacobian_updates():
            history.add_jacobians(at, engine.jacobians())
    if pending:
        history.add(pending[0], engine.read(pending[1]))
        if 0 < pending[0] == records[-1]:
            history.finish(engine.read_correct(pending[1]))
    return runs("complete" if history.updates[-1] == records[-1] else "interrupted")
