"""Implements `xavier data`: lists, downloads, checks and shows data sets."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xavier_cli.cli.options.data_sets import asked_for, finite_set
from xavier_cli.cli.options.running import DataDirOption, QuietOption
from xavier_cli.cli.terminal.download import shown_download
from xavier_cli.cli.terminal.errors import say
from xavier_cli.cli.terminal.help_pages import CommandApp
from xavier_cli.cli.terminal.output import FormatOption, OutputOption, check_output, show_page
from xavier_cli.errors import ExitCode
from xavier_cli.sanitize import clean
from xavier_cli.vocabulary.datasets import NAMED, DatasetSpec, find_data

if TYPE_CHECKING:
    from xavier_cli.data.sets import FiniteSet
    from xavier_cli.vocabulary.datasets import DatasetInfo


data = CommandApp(help="List, fetch, verify and show data sets.")


def _names(incomplete: str) -> list[str]:
    return [name for name in NAMED if name.startswith(incomplete)]


NameArgument = Annotated[
    str,
    typer.Argument(metavar="NAME", help="data set: what `xavier train --data` takes", autocompletion=_names),
]


def _fetchable(incomplete: str) -> list[str]:
    from xavier_cli.data.mirrors import REMOTES

    return [name for name in REMOTES if name.startswith(incomplete)]


@data.command("list")
def list_(data_dir: DataDirOption = None, format: FormatOption = None, output: OutputOption = None) -> None:
    """List data sets: inputs, classes, sizes, and where each is."""
    from xavier_cli.views.data import data_sets_page

    if output is not None:
        check_output(output)
    show_page(data_sets_page(data_dir), format, output)


@data.command("fetch")
def fetch(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="data set to download", autocompletion=_fetchable),
    ],
    data_dir: DataDirOption = None,
    quiet: QuietOption = False,
) -> None:
    """Download a data set; prints only its folder to stdout.

    xavier data fetch mnist

    Files in `--data-dir` or `XAVIER_DATA_DIR` are not downloaded again. An interrupted download resumes.
    """
    from xavier_cli.data import mirrors
    from xavier_cli.data.fetch import fetch
    from xavier_cli.data.load import fetched_folder, where
    from xavier_cli.errors import StorageError

    asked = asked_for(name)
    remote = mirrors.REMOTES.get(asked.name)
    if remote is None:
        raise typer.BadParameter(
            f"`{asked.name}` cannot be downloaded, but {', '.join(mirrors.REMOTES)} can",
            param_hint="NAME",
        )
    target = fetched_folder()
    found = where(asked, data_dir) if data_dir else None
    if found is not None and target not in found.parents:
        say(f"already downloaded; `xavier data verify {asked.name}` checks it")
        typer.echo(os.fsencode(found))
        return
    try:
        with shown_download(quiet) as report:
            place = fetch(asked.name, remote, target, report, lambda text: say(f"xavier: {clean(text)}"))
    except OSError as error:
        raise StorageError.of(target, error) from error
    # Bytes, since a path may not be valid text.
    typer.echo(os.fsencode(place))


@data.command("verify")
def verify(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="data set [default: all that are found]", autocompletion=_names),
    ] = None,
    data_dir: DataDirOption = None,
    format: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """Verify data sets: checksums, sizes, labels.

    Reads the files again. Exits with 5 if one is damaged, and with 2 if NAME, or any data set at all, is not
    found.
    """
    from xavier_cli.data.load import where
    from xavier_cli.data.sets import DataDamagedError, DataMissingError
    from xavier_cli.views.data import damaged_record, placed, verify_page, whole_record

    if output is not None:
        check_output(output)

    def is_there(each: DatasetSpec) -> bool:
        try:
            return where(each, data_dir) is not None
        except DataDamagedError:
            # Reading it says so.
            return True

    if name is not None:
        asked = [asked_for(name)]
    else:
        asked = [each for each in map(find_data, NAMED) if is_there(each)]
        if not asked:
            raise DataMissingError(
                "no data set was found: `xavier data list` shows where they are looked for"
            )
    records, is_damaged = [], False
    for each in asked:
        place = placed(each, data_dir)
        try:
            records.append(whole_record(each, place, *_read(each, data_dir)))
        except DataDamagedError as error:
            if name is not None:
                raise
            is_damaged = True
            records.append(damaged_record(each, place, error))
            say(f"xavier: {clean(str(error))}")
    show_page(verify_page(records), format, output)
    if is_damaged:
        raise typer.Exit(ExitCode.NO_INPUT)


@data.command("show")
def show(
    name: NameArgument,
    data_dir: DataDirOption = None,
    format: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """Show a data set: splits, classes, pixels, digest.

    xavier data show images:pets@64rgb

    `xavier plot samples --data NAME` draws the first images of each class.
    """
    from xavier_cli.views.data import data_set_page, placed

    if output is not None:
        check_output(output)
    asked = asked_for(name)
    if asked.name == "shapeset":
        raise typer.BadParameter(
            "`shapeset` is generated without end; a fixed set is `shapeset:10000`", param_hint="NAME"
        )
    finite, facts = finite_set(asked, data_dir)
    show_page(data_set_page(finite, facts, placed(asked, data_dir)), format, output)


def _read(asked: DatasetSpec, data_dir: Path | None) -> tuple[FiniteSet, DatasetInfo]:
    if asked.name == "shapeset":
        raise typer.BadParameter("`shapeset` is generated: it has no files", param_hint="NAME")
    return finite_set(asked, data_dir, decoded=False)
