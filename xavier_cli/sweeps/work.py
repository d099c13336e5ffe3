"""Runs the cells of one group in this process; a failed cell does not affect the others."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from xavier_cli.config.run import RunConfig
from xavier_cli.config.settings import SETTINGS
from xavier_cli.data.sets import DataDamagedError, DataMissingError
from xavier_cli.errors import ConfigError, LockedError, StorageError
from xavier_cli.files.locks import lock_output
from xavier_cli.runs.checkpoint import checkpoint_paths
from xavier_cli.runs.errors import CheckpointError, ResumeError, RunFileError
from xavier_cli.runs.own_file import OwnFile, in_the_way
from xavier_cli.runs.record import Run
from xavier_cli.runs.result import ResultConfig
from xavier_cli.runs.store import rehearse_run
from xavier_cli.runs.surface import Surface, SurfaceConfig
from xavier_cli.runs.svm import SupportVectorMachine, SvmConfig
from xavier_cli.runs.weights import Saved
from xavier_cli.sanitize import said
from xavier_cli.sweeps.finished import BlockedCellError, is_finished, is_made
from xavier_cli.sweeps.plan import Group, SweepCell, is_look
from xavier_cli.training import surface as surface_room
from xavier_cli.training import svm as svm_room
from xavier_cli.training.engine.layout import Strategy
from xavier_cli.training.engine.loop import NoRunError, Progress, TrainingHooks
from xavier_cli.training.engine.training_data import TrainingData, prepare, shapeset_set
from xavier_cli.training.session import begin
from xavier_cli.vocabulary.network_info import NetworkError
from xavier_cli.vocabulary.user_functions import UserFunctionError

Ending = Literal["done", "failed", "stopped", "locked"]
SECONDS_FOR_ALL_LOCKS = 1.0
# What a custom function or network is blamed for, and an initializer that does not fit it.
_OF_CODE = (ConfigError, NetworkError, UserFunctionError)
_EXPECTED = (DataMissingError, DataDamagedError, ResumeError, StorageError, *_OF_CODE)


@dataclass(frozen=True)
class Outcome:
    """How a cell ended; `why` says in one line why it failed, or which process is writing it.

    `elsewhere` is true if another process has finished the cell since the plan was made.
    """

    cell: SweepCell
    ending: Ending
    why: str = ""
    elsewhere: bool = False


@dataclass(frozen=True)
class Task:
    """The options that all cells of a sweep share.

    `look` measures a custom network at initialization. It is given, since it needs rooms of every floor
    below the library; a function of a module, so that other processes get it by name.
    """

    data_dir: Path | None = None
    strategy: Strategy = "auto"
    member_batch: int | None = None
    provenance: dict[str, Any] = field(default_factory=dict)
    save_weights: Saved | None = None
    look: Callable[[RunConfig, Path | None], Run] | None = None


def make(
    group: Group, task: Task, report: Callable[[Progress], None], stopped: Callable[[], bool]
) -> list[Outcome]:
    """Make the unfinished cells of `group` and write their files; returns an outcome per cell.

    If stopped, it leaves a checkpoint from which the group can be resumed. A cell that another process is
    writing has the outcome "locked", and the others are run.
    """
    with ExitStack() as locks:
        mine, outcomes = _locked(group, locks, stopped)
        rest = []
        for cell in mine:
            # Another process may have finished it, or something else been put there, since the plan was made.
            try:
                if is_made(cell, task.save_weights):
                    outcomes.append(Outcome(cell, "done", elsewhere=True))
                else:
                    rest.append(cell)
            except BlockedCellError as error:
                outcomes.append(Outcome(cell, "failed", str(error)))
        if rest:
            outcomes += _made(rest, task, _hooks(task, report, stopped))
    return outcomes


def _hooks(task: Task, report: Callable[[Progress], None], stopped: Callable[[], bool]) -> TrainingHooks:
    return TrainingHooks(report, stopped, provenance=task.provenance, save_weights=task.save_weights)


def _locked(
    group: Group, locks: ExitStack, stopped: Callable[[], bool]
) -> tuple[list[SweepCell], list[Outcome]]:
    """Lock the cells until `locks` is closed; returns those that were locked, and outcomes of the others.

    If another process holds some, retry for a while to lock all: another sweep may just be locking or
    releasing them, and a group is resumed from its checkpoint only as a whole.
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
        # A random time, so that two processes do not retry in step.
        time.sleep(random.uniform(0.02, 0.1))


def _made(cells: Sequence[SweepCell], task: Task, hooks: TrainingHooks) -> list[Outcome]:
    try:
        made = _trained(cells, task, hooks)
    except (NoRunError, surface_room.SurfaceInterruptedError, svm_room.SvmInterruptedError):
        return _left(cells, task, "stopped")
    except Exception as error:
        # Perhaps of one initializer alone, which does not fit the network: the others are trained without it.
        apart = _by_init(cells) if isinstance(error, _OF_CODE) else [cells]
        if len(apart) == 1 or hooks.stopped():
            return _left(cells, task, "failed", _line(error))
        return [outcome for part in apart for outcome in _made(part, task, hooks)]
    return [
        Outcome(cell, "done" if complete else "stopped") for cell, complete in zip(cells, made, strict=True)
    ]


def _left(cells: Sequence[SweepCell], task: Task, ending: Ending, why: str = "") -> list[Outcome]:
    """The outcomes of `cells` that ended so; those trained in turn before the others are done."""
    return [
        Outcome(cell, "done") if is_finished(cell, task.save_weights) else Outcome(cell, ending, why)
        for cell in cells
    ]


def _by_init(cells: Sequence[SweepCell]) -> list[Sequence[SweepCell]]:
    """`cells` by their initializers, each with its rates."""
    found: dict[object, list[SweepCell]] = {}
    for cell in cells:
        found.setdefault(getattr(cell.config, "init", None), []).append(cell)
    return [*found.values()]


def _trained(cells: Sequence[SweepCell], task: Task, hooks: TrainingHooks) -> list[bool]:
    """Train `cells` and write their files; returns whether each is complete."""
    first = cells[0].config
    own = OwnFile(cells[0].path, first) if isinstance(first, ResultConfig) else None
    if isinstance(first, SurfaceConfig):
        assert own is not None
        rehearse_run(cells[0].path, Surface(first, {}, provenance=hooks.provenance))
        own.write(surface_room.two_weights(first, hooks))
        return [True]
    if isinstance(first, SvmConfig):
        assert own is not None
        rehearse_run(cells[0].path, SupportVectorMachine(first, {}, provenance=hooks.provenance))
        # Said before images are generated.
        svm_room.require_sklearn()
        own.write(svm_room.fit_svm(first, shapeset_set(first.dataset), hooks))
        return [True]
    if is_look(cells[0]):
        return [_looked(cell, task, hooks) for cell in cells]
    if cells[0].command != "train":
        # The weights of a network that was not trained are drawn again at any time.
        hooks = replace(hooks, save_weights=None)
    configs = [cell.config for cell in cells if isinstance(cell.config, RunConfig)]
    training = begin(
        configs,
        task.data_dir,
        strategy=task.strategy,
        member_batch=task.member_batch,
        read=lambda config, data_dir: _prepared(_data_of(config), data_dir),
    )
    runs = training.train_to_files([cell.path for cell in cells], hooks)
    # Whoever was stopped did not begin with the rest.
    return [*(run.status == "complete" for run in runs), *[False] * (len(cells) - len(runs))]


def _looked(cell: SweepCell, task: Task, hooks: TrainingHooks) -> bool:
    """Measure the custom network of `cell` and write its file."""
    config = cell.config
    assert isinstance(config, RunConfig)
    assert task.look is not None
    own = OwnFile(cell.path, config)
    rehearse_run(cell.path, Run(config, {}, provenance=hooks.provenance))
    run = task.look(config, task.data_dir)
    own.write(replace(run, provenance={**run.provenance, **hooks.provenance}))
    return True


def _data_of(config: RunConfig) -> RunConfig:
    """A configuration that is equal for all that differ only in the network and its training."""
    fields = RunConfig.model_fields
    others = (name for name, row in SETTINGS.items() if row.role != "data" and not row.in_examples)
    alike = {name: fields[name].default for name in others}
    # Only whether there are any updates matters: the whole test set is used after training alone.
    return config.with_(**alike | ({"updates": fields["updates"].default} if config.updates else {}))


@lru_cache(maxsize=1)
def _prepared(config: RunConfig, data_dir: Path | None) -> TrainingData:
    """The training data, prepared once for consecutive groups that use the same."""
    return prepare(config, data_dir)


def _line(error: Exception) -> str:
    """Why a cell failed, in one line; with the type of an unexpected error."""
    if isinstance(error, CheckpointError):
        # A sweep has no `--force`.
        return f"{error.what}: without `{checkpoint_paths(error.run)[0]}` it is trained from the beginning"
    if isinstance(error, ResumeError | RunFileError):
        return in_the_way(error)
    text = " ".join(said(error).split())[:500]
    return text if isinstance(error, _EXPECTED) else f"{type(error).__name__}: {text}"
