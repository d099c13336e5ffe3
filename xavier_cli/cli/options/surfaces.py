"""Reads the loss surface that `plot` is given, or the newest one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from xavier_cli.cli.options import run_files
from xavier_cli.cli.terminal.errors import say
from xavier_cli.errors import ExitCode
from xavier_cli.sanitize import clean

if TYPE_CHECKING:
    from xavier_cli.runs.surface import Surface

SURFACES = Path("surfaces")


def surface(given: Sequence[str] | None, read: run_files.Inputs) -> Surface:
    """The surface that `given` names, or the newest readable one in `surfaces/`; reports others to `read`."""
    from xavier_cli.runs.errors import RunFileError
    from xavier_cli.runs.listing import list_runs
    from xavier_cli.runs.reader import read_surface

    if given and len(given) > 1:
        raise typer.BadParameter(f"`loss-surface` draws one file, not {len(given)}")
    if given:
        path = Path(given[0])
    else:
        paths = list_runs(SURFACES)
        if not paths:
            say(f"xavier: no surfaces in `{SURFACES}`: `xavier surface` makes one, or name a file")
            raise typer.Exit(ExitCode.USAGE)
        for newest in reversed(paths):
            say(f"reading `{clean(str(newest))}`")
            try:
                return read_surface(newest)
            except RunFileError as error:
                read.problem(str(error))
        raise run_files.none_could_be("read", read)
    return read_surface(path)
