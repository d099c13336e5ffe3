"""Tells which cells of a sweep are finished, and what else lies at the files of others."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from xavier_cli.config.run import RunConfig
from xavier_cli.errors import ExitCode, XavierError
from xavier_cli.runs.errors import ResumeError, RunFileError
from xavier_cli.runs.many import read_runs
from xavier_cli.runs.own_file import in_the_way, is_taken, made_at, refuse_other, refuse_other_weights
from xavier_cli.sweeps.plan import SweepCell

if TYPE_CHECKING:
    from xavier_cli.runs.record import Run
    from xavier_cli.runs.result import Result
    from xavier_cli.runs.weights import Saved


class BlockedCellError(XavierError):
    """Something else than a cell's own run lies at its file, and stays; the message names it."""

    exit_code = ExitCode.IN_PART


def is_finished(cell: SweepCell, saved: Saved | None = None) -> bool:
    """Whether the file of `cell` holds a complete result of its configuration, and its weights if `saved`."""
    with suppress(BlockedCellError):
        return is_made(cell, saved)
    return False


def is_made(cell: SweepCell, saved: Saved | None = None) -> bool:
    """`is_finished`; raises `BlockedCellError` where the cell cannot be made because of what is there."""
    with _blocking():
        return _is_result(cell, made_at(cell.path, cell.config), saved)


class Found(NamedTuple):
    """The files of cells that are finished, and those where something else lies, with what."""

    finished: set[Path]
    blocked: dict[Path, str]


def find_files(cells: Iterable[SweepCell], saved: Saved | None = None) -> Found:
    """What `is_made` says of each of `cells`; runs are read together."""
    every, found, runs = list(cells), Found(set(), {}), list[SweepCell]()

    def judge(cell: SweepCell, made: Run | Result | RunFileError | None) -> None:
        try:
            with _blocking():
                if _is_result(cell, made, saved):
                    found.finished.add(cell.path)
        except BlockedCellError as error:
            found.blocked[cell.path] = str(error)

    for cell in every:
        try:
            if not is_taken(cell.path):
                judge(cell, None)
            elif isinstance(cell.config, RunConfig):
                runs.append(cell)
            else:
                judge(cell, read_made(cell))
        except RunFileError as error:
            judge(cell, error)
    for cell, made in zip(runs, read_runs([cell.path for cell in runs], only=()), strict=True):
        judge(cell, made)
    return found._replace(
        blocked={cell.path: found.blocked[cell.path] for cell in every if cell.path in found.blocked}
    )


def finished_files(cells: Iterable[SweepCell], saved: Saved | None = None) -> set[Path]:
    """The files of those `cells` that are finished, as `is_finished` says; runs are read together."""
    return find_files(cells, saved).finished


@contextmanager
def _blocking() -> Iterator[None]:
    try:
        yield
    except (ResumeError, RunFileError) as error:
        raise BlockedCellError(in_the_way(error)) from None


def _is_result(cell: SweepCell, made: Run | Result | RunFileError | None, saved: Saved | None) -> bool:
    """Whether `made`, which is at the file of `cell`, is all that is asked for; raises what keeps it away."""
    from xavier_cli.runs.record import Run
    from xavier_cli.runs.weights import has_saved

    if isinstance(made, RunFileError):
        raise made
    if made is not None:
        refuse_other(cell.path, made.config, cell.config)
    is_complete = made is not None and made.status == "complete"
    # A network that is not trained has no weights to keep.
    if saved is None or cell.command != "train":
        return is_complete
    if is_complete and isinstance(made, Run) and has_saved(made, saved):
        return True
    refuse_other_weights(cell.path, made)
    return False


def read_made(cell: SweepCell, path: Path | None = None, only: Collection[str] | None = None) -> Run | Result:
    """What the file of `cell` holds, or the one at `path`; `only` is `read_run`'s. Raises `RunFileError`."""
    from xavier_cli.runs.reader import read_result, read_run

    path = path or cell.path
    is_run = isinstance(cell.config, RunConfig)
    return read_run(path, only) if is_run else read_result(path, cell.command)
