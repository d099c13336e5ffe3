"""Implements `xavier rm`: removes runs with what lies beside them."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from xavier_cli.cli.options import run_files
from xavier_cli.cli.options.filters import WhereOption
from xavier_cli.cli.options.run_files import RunsArgument
from xavier_cli.cli.terminal.errors import say
from xavier_cli.cli.terminal.output import FormatOption, show_page
from xavier_cli.errors import ExitCode, StorageError

if TYPE_CHECKING:
    from xavier_cli.runs.removal import Removal


def rm(
    runs: RunsArgument = None,
    where: WhereOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="remove without asking")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="show what would be removed; remove nothing")
    ] = False,
    format: FormatOption = None,
) -> None:
    """Remove runs with their weights and checkpoints.

    xavier rm NAME --dry-run

    xavier rm --where tag=draft

    Shows what will go and how large it is, and asks first. Only run files are removed: not what cannot be
    read as one, and not what another process is writing.
    """
    if not runs and not where:
        raise typer.BadParameter(
            "name the runs to remove, or choose them like `--where tag=draft`", param_hint="RUN"
        )
    from xavier_cli.runs.removal import plan_removal
    from xavier_cli.views.filters import chosen, nothing_fits
    from xavier_cli.views.removal import removal_page
    from xavier_cli.views.runs import LISTED, newest_first, run_values

    read = run_files.read_inputs(runs, only=LISTED)
    found = read.isolated(read.runs, lambda runs: chosen(newest_first(runs), run_values, where))
    if not found:
        why = read.isolated(read.runs, lambda runs: nothing_fits(runs, run_values, where))
        say(f"{why}; nothing was removed")
        read.finish()
        return
    planned = [plan_removal(run.path) for run in found if run.path is not None]
    if dry_run:
        show_page(removal_page(planned, done=False), format)
        read.finish()
        return
    if not yes:
        _ask(planned)
    show_page(removal_page(_removed(planned, read), done=True), format)
    read.finish()


def _ask(planned: list[Removal]) -> None:
    """Show what will go, and exit with 2 unless the answer is yes."""
    from xavier_cli.views.removal import counted, size_text

    if not sys.stdin.isatty():
        say("xavier: rm asks before it removes, and there is no terminal: `-y` removes without asking")
        raise typer.Exit(ExitCode.USAGE)
    for each in planned:
        beside = "".join(f", {path.name}" for path in each.companions)
        say(f"{size_text(each.nbytes)}  {each.path}{beside}")
    total = size_text(sum(each.nbytes for each in planned))
    if not typer.confirm(f"Remove {counted(planned)}, {total}? This cannot be undone.", err=True):
        say("nothing was removed")
        raise typer.Exit(ExitCode.USAGE)


def _removed(planned: list[Removal], read: run_files.Inputs) -> list[Removal]:
    """Those of `planned` that were removed; the others are reported, and exit with 6 if that is all."""
    from xavier_cli.runs.removal import remove_run

    removed = []
    for each in planned:
        try:
            remove_run(each)
            removed.append(each)
        except StorageError as error:
            read.problem(str(error))
    if not removed:
        raise typer.Exit(ExitCode.STORAGE)
    return removed
