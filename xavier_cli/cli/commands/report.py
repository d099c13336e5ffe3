"""Implements `xavier report`: one HTML page about runs, for readers without xavier."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xavier_cli.cli.options import run_files
from xavier_cli.cli.options.run_files import RunsArgument
from xavier_cli.cli.terminal.errors import say
from xavier_cli.cli.terminal.output import check_output, is_written_as_it_is, write_text
from xavier_cli.errors import ExitCode
from xavier_cli.sanitize import clean

if TYPE_CHECKING:
    from xavier_cli.runs.record import Run

ENDINGS = (".html", ".htm")
# Arrays that the page does not use, and that take nearly half of the reading time.
UNREAD = frozenset({"preactivation/histogram", "weight/histogram", "jacobian/singular_values"})


def report(
    runs: RunsArgument = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="page to write, replacing an existing one")
    ] = Path("report.html"),
) -> None:
    """Write a self-contained HTML report of runs.

    The page needs no network and no other files. Prints only its path to stdout. Runs of one configuration
    are merged. Without RUN: all runs in `runs/` (or `XAVIER_RUNS_DIR`).

    xavier report runs/*.h5 -o report.html
    """
    from xavier_cli.report.answer import report_command, report_content
    from xavier_cli.report.page import page
    from xavier_cli.runs import schema
    from xavier_cli.runs.isolate import Isolation

    check_output(output)
    if output.suffix.lower() not in ENDINGS and not is_written_as_it_is(output):
        raise typer.BadParameter(f"`{output}` should end in .html", param_hint="--output")
    read = run_files.read_inputs(runs, only=schema.DATASETS.keys() - UNREAD)
    experiments, notes = run_files.merged(read)
    as_given = [run for run in experiments if run.updates[-1] > 0]
    trained = [_by_name(run) for run in as_given]
    if len(trained) < len(experiments):
        notes.append(f"{len(experiments) - len(trained)} left out: not trained")
    if not trained:
        if experiments:
            say(f"xavier: {run_files.none_trained(experiments)}")
            raise typer.Exit(ExitCode.USAGE)
        raise run_files.nothing_to_show(read)
    for note in notes:
        say(f"xavier: {clean(note)}")
    problems = [f"not read: {problem}" for problem in read.problems]
    isolation = Isolation()
    # The only line that depends on where the files are: it is a command to paste here.
    again = report_command(as_given, output)
    content = report_content(trained, [*notes, *problems], isolation, again)
    read.failed(isolation.failures)
    if content is None:
        raise run_files.none_could_be("shown", read)
    write_text(output, page(content))
    if not is_written_as_it_is(output):
        # Bytes, since a path may not be valid text.
        typer.echo(os.fsencode(output))
    read.finish()


def _by_name(run: Run) -> Run:
    """`run` with its file names only, so that the page does not depend on their folder."""
    path = Path(run.path.name) if run.path else None
    return replace(run, path=path, sources=tuple(Path(source.name) for source in run.sources))
