"""Trains into run files with checkpoints, so that an interrupted training can be resumed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from xavier_cli.config.run import RunConfig
from xavier_cli.runs import checkpoint as checkpoints
from xavier_cli.runs.errors import ResumeError
from xavier_cli.runs.listing import run_path
from xavier_cli.runs.own_file import OwnFile
from xavier_cli.runs.reader import read_checkpoint
from xavier_cli.runs.record import Run
from xavier_cli.runs.store import rehearse_run
from xavier_cli.runs.weights import rehearse_weights
from xavier_cli.training import resume as resuming
from xavier_cli.training.engine.architectures.architecture import sizes_of_network
from xavier_cli.training.engine.layout import Strategy
from xavier_cli.training.engine.loop import TrainingHooks
from xavier_cli.training.engine.records import pretrained_in
from xavier_cli.training.engine.snapshot import Snapshot
from xavier_cli.training.engine.training_data import TrainingData
from xavier_cli.training.memory import check_weights_memory
from xavier_cli.training.train import train, train_together


def train_to_file(
    config: RunConfig,
    training_data: TrainingData,
    path: Path,
    *,
    strategy: Strategy = "auto",
    hooks: TrainingHooks | None = None,
    resume: bool = True,
    keep_all: bool = False,
    member_batch: int | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> Run:
    """Train `config` into the run file at `path`, whose lock the caller holds; the run, complete or not.

    With `resume` the training is resumed from the checkpoint beside the file, if there is one; without, that
    is removed. `keep_all` writes every rate of a search as a run of its own. `member_batch` is that of
    `train`. `note` receives remarks, a line each. A complete run of `config` that is there already, without
    the weights that are to be kept, stays until there is one with them. Raises `ResumeError` where the
    checkpoint, or what lies at `path`, is of another training, and `RunFileError` where that cannot be read,
    before anything is written: without `resume` it is replaced; `StorageError`; and `NoRunError`, after which
    it can be resumed.
    """
    hooks = hooks or TrainingHooks()
    if hooks.save_weights:
        sizes = sizes_of_network(config, training_data)
        check_weights_memory([config], hooks.save_weights, training_data.facts, sizes)
    rates = _rates(config, path) if keep_all else {}
    # Of the rates the one whose run has the longest name.
    longest = sorted(rates, key=lambda rate: len(rate.name))[-1:]
    _rehearse(path, {path: config} | {rate: rates[rate] for rate in longest}, training_data, hooks)
    own = OwnFile(path, config, replaces=not resume, has_weights=hooks.save_weights is not None)
    searched_files = {rate: OwnFile(rate, one, replaces=not resume) for rate, one in rates.items()}
    former = own.former if isinstance(own.former, Run) else None
    replaces_complete = hooks.save_weights is not None and former is not None and former.status == "complete"
    trail = _CheckpointSeries(path, config, resuming.identity_of(config, training_data), note, hooks)
    begun: dict[str, Snapshot] = {}
    tags, note_on_it = (former.tags, former.note) if resume and former else ((), "")
    if resume:
        begun = trail.recover(strategy, former.created_utc if former else "")
    else:
        checkpoints.remove_checkpoints(path)
    hooks = trail.marked(hooks)

    def publish(runs: list[Run]) -> None:
        # At the end it is refused, when all is in the checkpoint.
        if not own.is_in_the_way:
            own.write(replace(runs[0], tags=tags, note=note_on_it))

    if not replaces_complete:
        hooks = replace(hooks, publish=publish)
    run, searched = train(
        config,
        training_data,
        strategy=strategy,
        hooks=hooks,
        member_batch=member_batch,
        begun=begun,
        save=trail.save,
    )
    run = replace(run, tags=tags, note=note_on_it)
    if run.status == "complete" or not replaces_complete:
        own.write(run)
    for each_run in searched if keep_all else ():
        searched_files[_rate_path(each_run.config, path)].write(each_run)
    if run.status == "complete":
        checkpoints.remove_checkpoints(path)
    return run


def train_group_to_files(
    configs: Sequence[RunConfig],
    training_data: TrainingData,
    paths: Sequence[Path],
    *,
    strategy: Strategy = "auto",
    hooks: TrainingHooks | None = None,
    member_batch: int | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> list[Run]:
    """Train configurations that differ in initializer and rate alone as one population, a file for each.

    The caller holds the files' locks. The checkpoint lies beside the first of them, under a name that
    identifies the group, and a later call resumes from it; the files are written when all runs are complete.
    Raises `ResumeError` and `RunFileError` where something else lies at one of `paths`, and `StorageError`.
    """
    identity = {
        **resuming.identity_of(configs[0], training_data),
        "variants": [[config.init, config.lr] for config in configs],
    }
    name = hashlib.sha256("".join(config.sha256() for config in configs).encode()).hexdigest()[:16]
    hooks = hooks or TrainingHooks()
    if hooks.save_weights:
        sizes = sizes_of_network(configs[0], training_data)
        check_weights_memory(configs, hooks.save_weights, training_data.facts, sizes)
    trail = _CheckpointSeries(
        paths[0].with_name(f"{checkpoints.GROUP}{name}"), configs[0], identity, note, hooks
    )
    _rehearse(trail.path, dict(zip(paths, configs, strict=True)), training_data, hooks)
    saves = hooks.save_weights is not None
    files = [OwnFile(path, config, has_weights=saves) for path, config in zip(paths, configs, strict=True)]
    try:
        begun = trail.recover(strategy)
    except ResumeError as error:
        # The same cells with other data or another machine; a sweep cannot ask.
        note(f"{error}; they are trained from the beginning")
        begun = {}
    hooks = trail.marked(hooks)
    runs = train_together(
        configs,
        training_data,
        strategy=strategy,
        hooks=hooks,
        member_batch=member_batch,
        begun=begun,
        save=trail.save,
    )
    if all(run.status == "complete" for run in runs):
        with ExitStack() as written:
            # Whatever is in the way of one, the others are written.
            for file, run in zip(files, runs, strict=True):
                former = file.former
                marked = replace(run, tags=former.tags, note=former.note) if isinstance(former, Run) else run
                written.callback(file.write, marked)
        checkpoints.remove_checkpoints(trail.path)
    return runs


def _rehearse(
    trained: Path, files: Mapping[Path, RunConfig], training_data: TrainingData, hooks: TrainingHooks
) -> None:
    """Raise `StorageError` where one of `files`, or the checkpoint of `trained`, could not be written.

    Found out before training, it costs no hours.
    """
    for path, config in files.items():
        empty = Run(config, {}, "running", provenance=hooks.provenance, data=training_data.facts)
        rehearse_run(path, empty)
        if hooks.save_weights:
            rehearse_weights(path)
    checkpoints.rehearse_checkpoint(trained)


def _rate_path(config: RunConfig, path: Path) -> Path:
    """The path of a searched rate's own run, beside that of the search."""
    return run_path(path.parent, config)


def _rates(config: RunConfig, path: Path) -> dict[Path, RunConfig]:
    """The configuration of each searched rate's own run, by its file."""
    seeds = config.seeds[: config.search_seeds]
    each = [config.with_(seeds=seeds, lr=lr) for lr in config.search]
    return {_rate_path(one, path): one for one in each}


class _CheckpointSeries:
    """The checkpoints beside `path` of trainings of `config` that have this `identity`."""

    def __init__(
        self,
        path: Path,
        config: RunConfig,
        identity: Mapping[str, Any],
        note: Callable[[str], None],
        hooks: TrainingHooks,
    ):
        self.path, self._config, self._identity, self._note = path, config, identity, note
        self._saved = hooks.save_weights
        self._beginnings = resuming.Beginnings()
        self._told = False

    def recover(self, strategy: Strategy, former_utc: str = "") -> dict[str, Snapshot]:
        """The snapshots of an earlier training by phase, empty without one; raises `ResumeError`.

        `former_utc` is when its run was created, if it is known.
        """
        found, notes = checkpoints.recover_checkpoint(self.path, read_checkpoint)
        for each in notes:
            self._note(f"{each}; passed over")
        if not found:
            if notes:
                self._note("training starts from the beginning")
            return {}
        for each in resuming.check(found, self._config, self._identity, strategy, self.path, self._saved):
            self._note(f"warning: {each}")
        begun = resuming.to_stages(found)
        # The phases are ordered by their names.
        updates = begun[max(begun)].updates
        self._beginnings = resuming.Beginnings.resumed(found.facts, updates, former_utc)
        pretrained = pretrained_in(begun[max(begun)].history)
        if updates or not pretrained:
            self._note(f"resuming after {updates:,} updates")
        else:
            self._note(f"resuming after {pretrained:,} updates of pre-training")
        return begun

    def marked(self, hooks: TrainingHooks) -> TrainingHooks:
        """`hooks` that tell runs when they were first begun, and when they were resumed."""
        begun = self._beginnings
        return replace(
            hooks, created_utc=begun.first["utc"], provenance={**hooks.provenance, **begun.provenance}
        )

    def save(self, stages: Mapping[str, Snapshot]) -> None:
        """Write `stages` as the newest checkpoint, unless it is too large; raises `StorageError`."""
        checkpoint = resuming.to_checkpoint(self._identity, stages, self._beginnings)
        if checkpoint.nbytes <= checkpoints.MAX_BYTES:
            checkpoints.write_checkpoint(self.path, checkpoint)
        elif not self._told:
            self._told = True
            self._note(f"a checkpoint takes {checkpoint.nbytes / 1e9:.1f} GB, too much to be saved")
