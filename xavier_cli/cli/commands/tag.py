"""Implements `xavier tag`: tags and notes on runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from xavier_cli.cli.options import completion, lists, run_files
from xavier_cli.cli.options.filters import WhereOption
from xavier_cli.cli.terminal.errors import say
from xavier_cli.cli.terminal.output import FormatOption, show_page
from xavier_cli.errors import ExitCode, XavierError

if TYPE_CHECKING:
    from xavier_cli.runs.record import Run


def tag(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN|TAG",
            help="runs, then the tags to add; +TAG is a tag whatever runs there are",
            show_default=False,
            autocompletion=completion.runs,
        ),
    ] = None,
    where: WhereOption = None,
    remove: Annotated[
        list[str] | None,
        typer.Option("--remove", metavar="TAG[,TAG]", help="remove these tags", show_default=False),
    ] = None,
    note: Annotated[
        str | None,
        typer.Option("--note", metavar="TEXT", help="replace the note; empty: none", show_default=False),
    ] = None,
    format: FormatOption = None,
) -> None:
    """Tag runs, or note something about them.

    xavier tag runs/NAME.h5 paper draft

    xavier tag NAME --remove draft --note "the one in Table 2"

    xavier tag --where act=tanh paper

    xavier tag

    Without tags, shows those that there are. Tags and notes lie in the run files and change no number in
    them; `xavier ls --where tag=paper` finds them.
    """
    runs, tags = _told_apart(words or [], bool(where))
    removed = [each for text in remove or () for each in lists.names(text, "--remove")]
    asked = bool(tags or removed or note is not None)
    if asked and not runs and not where:
        raise typer.BadParameter("name the runs, or choose them with `--where`", param_hint="RUN")
    from xavier_cli.runs.marks import note_text, tag_name
    from xavier_cli.views.filters import chosen, nothing_fits
    from xavier_cli.views.runs import LISTED, newest_first, run_values
    from xavier_cli.views.tags import tags_page

    for each in (*tags, *removed):
        tag_name(each)
    if note is not None:
        note_text(note)
    read = run_files.read_inputs(runs or None, only=LISTED)
    found = read.isolated(read.runs, lambda runs: chosen(newest_first(runs), run_values, where))
    if asked:
        found = _marked(found, tags, removed, note, read)
    elif not runs and not where:
        found = [run for run in found if run.tags or run.note]
    if not found and not read.problems:
        say(
            read.isolated(read.runs, lambda runs: nothing_fits(runs, run_values, where))
            if where
            else "no run has a tag or a note: `xavier tag RUN paper` adds one"
        )
    show_page(tags_page(found), format)
    read.finish()


def _told_apart(words: Sequence[str], chosen: bool) -> tuple[list[str], list[str]]:
    """The runs and the tags among `words`; the first is a run unless runs are `chosen` otherwise."""
    runs, tags = [], []
    for number, word in enumerate(words):
        is_first = not number and not chosen and not word.startswith("+")
        if is_first or (not word.startswith("+") and run_files.names_runs(word)):
            runs.append(word)
        else:
            tags.append(word.removeprefix("+"))
    return runs, tags


def _marked(
    runs: Sequence[Run], add: Sequence[str], remove: Sequence[str], note: str | None, read: run_files.Inputs
) -> list[Run]:
    """`runs` as they are then; one that cannot be marked is reported, and the others are."""
    from xavier_cli.runs.marking import mark_run

    marked: list[Run] = []
    for run in runs:
        assert run.path is not None
        try:
            marked.append(mark_run(run.path, add, remove, note))
        except XavierError as error:
            if len(runs) == 1 and error.exit_code is not ExitCode.NO_INPUT:
                raise
            read.problem(str(error))
    if runs and not marked:
        raise typer.Exit(ExitCode.STORAGE)
    return marked
