"""Implements `xavier doctor`: what is wrong with a file, and what can still be read."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xavier_cli.cli.options.run_files import is_hidden
from xavier_cli.cli.terminal.errors import say
from xavier_cli.cli.terminal.output import FormatOption, check_output, show_page
from xavier_cli.errors import ExitCode, permission_denied
from xavier_cli.sanitize import clean

if TYPE_CHECKING:
    from xavier_cli.runs.rescue import Diagnosis


def doctor(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="run, probe, surface, checkpoint or weights", readable=False),
    ],
    rescue: Annotated[
        bool, typer.Option("--rescue", help="write what can be read to a new file (`-o`)")
    ] = False,
    format: FormatOption = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="file to write the answer to; with `--rescue`, the new run file",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Examine a damaged file and say what can be recovered.

    xavier doctor runs/NAME.h5

    xavier doctor runs/NAME.h5 --rescue -o rescued.h5

    Exits with 0 if the file is intact, with 4 if part of it can be read, with 5 if nothing can.
    """
    if rescue:
        _check_rescue(output)
    if output is not None:
        check_output(output)
    from xavier_cli.runs.errors import RunFileError
    from xavier_cli.runs.reader import examine, shared_reader
    from xavier_cli.runs.rescue import Diagnosis
    from xavier_cli.runs.weights import run_of_weights
    from xavier_cli.views.diagnosis import diagnosis_page

    # The functions of `os.path` do not raise for invalid names.
    if not os.path.lexists(file):
        say(f"xavier: {clean(permission_denied(file) if is_hidden(file) else f'no file `{file}`')}")
        raise typer.Exit(ExitCode.NO_INPUT)
    if (run := run_of_weights(file)) is not None:
        say(
            f"`{clean(str(file))}` has the weights of `{clean(str(run))}`, which says what they are: examined"
        )
        file = run
    found = examine(file)
    if isinstance(found, RunFileError):
        # The process that examined the file died, or took too long.
        found = Diagnosis(file, "unknown", False, found.reason)
    if found.problem == os.strerror(errno.EACCES):
        say(f"xavier: {clean(permission_denied(file))}")
        raise typer.Exit(ExitCode.NO_INPUT)
    protection = shared_reader().protection
    if not (protection["landlock"] or protection["seccomp"]):
        say("this kernel has neither Landlock nor seccomp: only resource limits restrict the file reader")
    show_page(diagnosis_page(found, rescue), format, None if rescue else output)
    if rescue and output is not None:
        _rescue(found, output)
    if not found.is_whole:
        raise typer.Exit(ExitCode.IN_PART if found.good else ExitCode.NO_INPUT)


def _check_rescue(output: Path | None) -> None:
    if output is None:
        raise typer.BadParameter("name the new file with `-o NEW.h5`", param_hint="--rescue")
    if output.exists() or output.is_symlink():
        raise typer.BadParameter(f"`{output}` exists; name a new file", param_hint="--output")


def _rescue(found: Diagnosis, output: Path) -> None:
    if found.rescued is None:
        why = "the file is intact" if found.is_whole else found.missed or "nothing in it is valid"
        say(f"xavier: nothing to rescue: {clean(why)}")
        return
    from xavier_cli.files.locks import lock_output
    from xavier_cli.runs.store import write_run

    with lock_output(output):
        write_run(output, found.rescued)
    if filled := found.rescued.provenance["rescued"].get("filled_with_nan"):
        say(f"unknown, and filled with NaN: {', '.join(filled)}")
    say(f"wrote {clean(str(output))}")
