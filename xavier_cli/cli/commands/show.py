"""Implements `xavier show`: settings, curves and layers of runs."""

from __future__ import annotations

from xavier_cli.cli.options import run_files
from xavier_cli.cli.options.run_files import RunsArgument
from xavier_cli.cli.terminal.output import FormatOption, OutputOption, check_output, show_page


def show(runs: RunsArgument = None, format: FormatOption = None, output: OutputOption = None) -> None:
    """Show runs in detail: settings, errors, layers, provenance.

    Without RUN: the runs of the newest command in `runs/` (or `XAVIER_RUNS_DIR`).
    """
    from xavier_cli.views.run import ONLY, inside_page

    if output is not None:
        check_output(output)
    read = run_files.read_inputs(runs, run_files.newest_runs, only=ONLY)
    show_page(read.isolated(read.runs, inside_page), format, output)
    read.finish()
