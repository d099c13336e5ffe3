"""Implements `xavier diff`: the differences between two runs, in settings and numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from xavier_cli.cli.options import completion, run_files
from xavier_cli.cli.terminal.output import FormatOption, OutputOption, check_output, show_page

if TYPE_CHECKING:
    from xavier_cli.runs.record import Run


def diff(
    one: Annotated[
        str,
        typer.Argument(
            metavar="A",
            help="run file, or name of a run",
            show_default=False,
            autocompletion=completion.runs,
        ),
    ],
    other: Annotated[
        str,
        typer.Argument(
            metavar="B", help="run to compare it with", show_default=False, autocompletion=completion.runs
        ),
    ],
    format: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """Show what differs between two runs.

    Numbers are compared at the seeds, records and layers that both have. Exits with 0 whatever differs.

    xavier diff runs/a.h5 runs/b.h5
    """
    from xavier_cli.runs.isolate import isolate
    from xavier_cli.views.two_runs import diff_page

    if output is not None:
        check_output(output)
    a, b = _one_run(one, "A"), _one_run(other, "B")
    for run in (a, b):
        # Compare each run with itself, to find the one whose numbers make the comparison fail.
        for failure in isolate([run], lambda runs: diff_page(runs[0], runs[0])).failures:
            raise failure
    show_page(diff_page(a, b), format, output)


def _one_run(text: str, name: str) -> Run:
    read = run_files.read_inputs([text])
    if len(read.runs) > 1 or read.problems:
        raise typer.BadParameter(f"`{text}` should be one run, not {len(read.runs)}", param_hint=name)
    return read.runs[0]
