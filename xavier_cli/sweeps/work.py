"""Makes the cells of one group in this process, and says how each ended; a bad one never hides the others."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from xavier_cli.config.run import RunConfig
from xavier_cli.config.settings import SETTINGS
from xavier_cli.data.sets import DataDamagedError, DataMissingError
from xavier_cli.errors import ConfigError, LockedError, StorageError
from xavier_cli.files.locks import lock_output
from xavier_cli.runs.errors import ResumeError
from xavier_cli.runs.store import rehearse_run, write_run
from xavier_cli.runs.surface import Surface, SurfaceConfig
from xavier_cli.sanitize import said
from xavier_cli.sweeps.plan import Group, SweepCell, is_finished
from xavier_cli.training import surface as surface_room
from xavier_cli.training.engine.layout import Strategy
from xavier_cli.training.engine.loop import NoRunError, Progress, TrainingHooks
from xavier_cli.training.engine.training_data import TrainingData, prepare
from xavier_cli.training.session import begin

Ending = Literal["done", "failed", "stopped", "locked"]
SECONDS_FOR_ALL_LOCKS = 1.0
_EXPECTED = (DataMissingError, DataDamagedError, ConfigError, ResumeError, StorageError)


@dataclass(frozen=True)
class Outcome:
    """How a cell ended; `why` says in one line why it failed, or who is writing it.

    `elsewhere` is true for a cell that was done already: another process made it after the plan was.
    """

    cell: SweepCell
    ending: Ending
    why: str = ""
    elsewhere: bool = False


@dataclass(frozen=True)
class Task:
    """What all cells of a sweep are made with."""

    data_dir: Path | None = None
    strategy: Strategy = "auto"
    member_batch: int | None = None
    provenance: dict[str, Any] = field(default_factory=dict)


def make(
    group: Group, task: Task, report: Callable[[Progress], None], stopped: Callable[[], bool]
) -> list[Outcome]:
    """Train, probe or map what of `group` is not finished, and write its files; an outcome per cell.

    Whoever is stopped leaves what it takes to go on with the group. A cell that another process is writing
    is left to it: its outcome is "locked", and the others are made.
    """
    with ExitStack() as locks:
        mine, outcomes = _locked(group, locks, stopped)
        # Another process may have finished some since the plan was made.
        finished = [cell for cell in mine if is_finished(cell)]
        outcomes += [Outcome(cell, "done", elsewhere=True) for cell in finished]
        if rest := [cell for cell in mine if cell not in finished]:
            outcomes += _made(rest, task, TrainingHooks(report, stopped, provenance=task.provenance))
    return outcomes


def _locked(
    group: Group, locks: ExitStack, stopped: Callable[[], bool]
) -> tuple[list[SweepCell], list[Outcome]]:
    """The cells that are locked here now, until `locks` is left, and the outcomes of those that are not.

    Where some are another's, it tries a while to have all: another sweep may be taking or leaving them at
    this very moment, and only together do they go on from what they left together.
    """
    until = time.monotonic() + SECONDS_FOR_ALL_LOCKS
    while True:
        mine: list[SweepCell] = []
        outcomes: list[Outcome] = []
        with ExitStack() as attempt:
            for cell in group.cells:
                try:
                    attempt.enter_context(lock_output(cell.path))
                    mine.append(cell)
                except StorageError as error:
                    ending: Ending = "locked" if isinstance(error, LockedError) else "failed"
                    outcomes.append(Outcome(cell, ending, str(error)))
            is_split = bool(mine) and any(outcome.ending == "locked" for outcome in outcomes)
            if not is_split or stopped() or time.monotonic() > until:
                locks.push(attempt.pop_all())
                return mine, outcomes
        # Not the same for everybody, so that two who want the same do not try in step.
        time.sleep(random.uniform(0.02, 0.1))


def _made(cells: Sequence[SweepCell], task: Task, hooks: TrainingHooks) -> list[Outcome]:
    try:
        made = _trained(cells, task, hooks)
    except (NoRunError, surface_room.SurfaceInterruptedError):
        return [Outcome(cell, "stopped") for cell in cells]
    except Exception as error:
        return [Outcome(cell, "failed", _line(error)) for cell in cells]
    return [
        Outcome(cell, "done" if complete else "stopped") for cell, complete in zip(cells, made, strict=True)
    ]


def _trained(cells: Sequence[SweepCell], task: Task, hooks: TrainingHooks) -> list[bool]:
    """Write the files of `cells`; whether each is complete."""
    first = cells[0].config
    if isinstance(first, SurfaceConfig):
        rehearse_run(cells[0].path, Surface(first, {}, provenance=hooks.provenance))
        write_run(cells[0].path, surface_room.two_weights(first, hooks))
        return [True]
    configs = [cell.config for cell in cells if isinstance(cell.config, RunConfig)]
    training = begin(
        configs,
        task.data_dir,
        strategy=task.strategy,
        member_batch=task.member_batch,
        read=lambda config, data_dir: _prepared(_data_of(config), data_dir),
    )
    runs = training.train_to_files([cell.path for cell in cells], hooks)
    return [run.status == "complete" for run in runs]


def _data_of(config: RunConfig) -> RunConfig:
    """The same for configurations that differ in the network and its training alone."""
    fields = RunConfig.model_fields
    others = (name for name, row in SETTINGS.items() if row.role != "data" and not row.in_examples)
    return config.with_(**{name: fields[name].default for name in others})


@lru_cache(maxsize=1)
def _prepared(config: RunConfig, data_dir: Path | None) -> TrainingData:
    """Prepared once for all groups in a row that learn from the same."""
    return prepare(config, data_dir)


def _line(error: Exception) -> str:
    """Why a cell failed, in one line; with the error's name where nobody expected it."""
    text = " ".join(said(error).split())[:500]
    return text if isinstance(error, _EXPECTED) else f"{type(error).__name__}: {text}"
