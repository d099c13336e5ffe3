"""Checks whether a configuration's run is already complete, so that it need not be trained again."""

from __future__ import annotations

from pathlib import Path

from xavier_cli.config.run import RunConfig
from xavier_cli.runs.checkpoint import difference
from xavier_cli.runs.errors import ResumeError
from xavier_cli.runs.reader import read_run
from xavier_cli.runs.record import Run


def finished_run(path: Path, config: RunConfig) -> Run | None:
    """The complete run of `config` at `path`, or None where there is more to do or nothing is there.

    Raises `ResumeError` where another configuration's run lies there, and `RunFileError` where no run does.
    """
    if not path.exists():
        return None
    run = read_run(path)
    was, asked = (each.as_asked().model_dump(mode="json") for each in (run.config, config))
    if differs := difference(was, asked):
        raise ResumeError(f"`{path}` was trained with {differs}")
    return run if run.status == "complete" else None
