"""Checks the replies of cluster workers before they are used.

Scheduler and workers could run any code here (Dask unpickles their messages), so that this protects only
against faults; the bytes of a run file are treated like a file from a stranger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from xavier_cli.errors import LockedError, StorageError
from xavier_cli.files.locks import lock_output
from xavier_cli.files.publish import publish
from xavier_cli.runs.errors import ResumeError, RunFileError
from xavier_cli.runs.own_file import in_the_way, made_at
from xavier_cli.sweeps.finished import read_made
from xavier_cli.sweeps.plan import SweepCell
from xavier_cli.sweeps.work import Ending, Outcome
from xavier_cli.training.engine.loop import Progress

MOST_LETTERS = 500


def outcomes_of(reply: Any, cells: Sequence[SweepCell]) -> list[Outcome]:
    """The outcomes of `cells` in a worker's reply; writes the files that it contains.

    Raises `ValueError` for an invalid reply.
    """
    from xavier_cli.sweeps.cluster_job import Reply

    if not isinstance(reply, Reply) or not isinstance(reply.files, dict):
        raise ValueError("what a worker answered is no answer")
    endings = list(reply.endings)
    if len(endings) != len(cells):
        raise ValueError(f"a worker answered for {len(endings)} cells of {len(cells)}")
    outcomes = []
    for index, (cell, each) in enumerate(zip(cells, endings, strict=True)):
        ending, why, elsewhere = each
        if ending not in get_args(Ending):
            raise ValueError("a worker answered that a cell ended as no cell does")
        line = " ".join(str(why).split())[:MOST_LETTERS]
        outcomes.append(taken_in(cell, Outcome(cell, ending, line, bool(elsewhere)), reply.files.get(index)))
    return outcomes


def taken_in(cell: SweepCell, outcome: Outcome, content: object) -> Outcome:
    """`outcome`, after writing the file of `cell` if its `content` was returned."""
    if content is None or outcome.ending != "done":
        return outcome

    def verify(temporary: Path) -> None:
        try:
            made = read_made(cell, temporary)
        except RunFileError as error:
            raise StorageError(cell.path, f"came back from the cluster wrong: {error.reason}") from error
        if made.config.as_asked() != cell.config or made.status != "complete":
            raise StorageError(cell.path, "came back from the cluster as another run")

    try:
        if not isinstance(content, bytes):
            raise StorageError(cell.path, "came back from the cluster wrong: not as bytes")
        with lock_output(cell.path):
            # Something else may have been put there while the worker made it.
            made_at(cell.path, cell.config)
            publish(cell.path, content, verify)
    except LockedError as error:
        return replace(outcome, ending="locked", why=str(error))
    except (ResumeError, RunFileError) as error:
        return replace(outcome, ending="failed", why=in_the_way(error))
    except StorageError as error:
        return replace(outcome, ending="failed", why=str(error))
    return outcome


def progress_of(event: Any) -> Progress | None:
    """The progress in a worker's message; None if it has none."""
    try:
        progress = Progress(**event["progress"])
        texts, numbers = (
            (progress.doing, progress.phase),
            (progress.updates, progress.total, progress.members),
        )
    except (KeyError, TypeError):
        return None
    if not all(isinstance(text, str) for text in texts) or not all(type(n) is int for n in numbers):
        return None
    if type(progress.follows_search) is not bool:
        return None
    return progress
