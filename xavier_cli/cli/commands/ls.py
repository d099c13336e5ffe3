"""Implements `xavier ls`: the list of runs, the newest first."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from xavier_cli.cli.options import run_files
from xavier_cli.cli.options.filters import SortOption, WhereOption
from xavier_cli.cli.options.run_files import RunsArgument
from xavier_cli.cli.terminal.errors import say
from xavier_cli.cli.terminal.output import FormatOption, OutputOption, check_output, show_page

if TYPE_CHECKING:
    from xavier_cli.runs.record import Run
    from xavier_cli.views.page import Page


def ls(
    runs: RunsArgument = None,
    where: WhereOption = None,
    sort: SortOption = None,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, help="only the first N: the newest")
    ] = None,
    format: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """List runs, newest first.

    Without RUN: all runs in `runs/` (or `XAVIER_RUNS_DIR`). `--where` and `--sort` take the settings of a
    configuration, tags, and what `-f json` shows of a run.

    xavier ls --where act=tanh --sort test_error --limit 10

    xavier ls --where tag=paper
    """
    from xavier_cli.views.filters import chosen, in_order, nothing_fits
    from xavier_cli.views.runs import LISTED, newest_first, run_values, runs_page

    if output is not None:
        check_output(output)
    read = run_files.read_inputs(runs, only=LISTED)

    def page(runs: list[Run]) -> Page:
        kept = chosen(newest_first(runs), run_values, where)
        return runs_page(in_order(kept, run_values, sort), datetime.now(UTC), limit)

    listed = read.isolated(read.runs, page)
    if not listed.records:
        say(read.isolated(read.runs, lambda runs: nothing_fits(runs, run_values, where)))
    show_page(listed, format, output)
    read.finish()
