"""Trains into a file that outlives an interruption: it is published on the way, and gone on with later."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from xavier_cli.config import RunConfig
from xavier_cli.runs import checkpoint as checkpoints
from xavier_cli.runs.record import Run
from xavier_cli.runs.store import write_run
from xavier_cli.training import resume as resuming
from xavier_cli.training.examples import Material
from xavier_cli.training.layout import Strategy
from xavier_cli.training.loop import Watcher
from xavier_cli.training.stage import Stage
from xavier_cli.training.train import train


def train_to_file(
    config: RunConfig,
    material: Material,
    path: Path,
    *,
    strategy: Strategy = "auto",
    watcher: Watcher | None = None,
    resume: bool = True,
    keep_all: bool = False,
    member_batch: int | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> Run:
    """Train `config` into the run file at `path`, whose lock the caller holds; the run, complete or not.

    With `resume` it goes on from what an earlier training left beside the file, if anything; without, that
    is removed. `keep_all` writes every rate of a search as a run of its own. `member_batch` is `train`'s.
    `note` is told in a line what is worth knowing. Raises `ResumeError` where an earlier training was another
    one, before anything is written; `StorageError`; and `SearchInterruptedError`, after which a later call
    goes on.
    """
    watcher = watcher or Watcher()
    identity = resuming.identity_of(config, material)
    begun: dict[str, Stage] = {}
    resumed: list[int] = []
    if resume:
        found, notes = checkpoints.recover_checkpoint(path)
        for each in notes:
            note(f"{each}; passed over")
        if found:
            for each in resuming.check(found, identity, strategy, path):
                note(f"warning: {each}")
            begun = resuming.to_stages(found)
            # Stages follow one another in the order of their names.
            resumed = [*found.facts["resumed_at"], begun[max(begun)].updates]
            note(f"going on after {resumed[-1]:,} updates")
        elif notes:
            note("training starts anew")
    else:
        checkpoints.remove_checkpoints(path)
    if resumed:
        watcher = replace(watcher, provenance={**watcher.provenance, "resumed_at": resumed})
    told = False

    def save(stages: Mapping[str, Stage]) -> None:
        nonlocal told
        checkpoint = resuming.to_checkpoint(identity, stages, resumed)
        if checkpoint.nbytes <= checkpoints.MAX_BYTES:
            checkpoints.write_checkpoint(path, checkpoint)
        elif not told:
            told = True
            note(f"what it takes to go on is {checkpoint.nbytes / 1e9:.1f} GB, too much to be kept")

    watcher = replace(watcher, publish=lambda runs: write_run(path, runs[0]))
    run, searched = train(
        config,
        material,
        strategy=strategy,
        watcher=watcher,
        member_batch=member_batch,
        begun=begun,
        save=save,
    )
    write_run(path, run)
    for each_run in searched if keep_all else ():
        write_run(path.with_name(f"{each_run.config.file_stem()}.h5"), each_run)
    if run.status == "complete":
        checkpoints.remove_checkpoints(path)
    return run
