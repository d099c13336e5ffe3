"""`xavier data`: which data sets there are and where, getting them, checking them, what is in them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xavier_cli.cli.options.gather import asked_for, finite_set
from xavier_cli.cli.options.running import DataDirOption, QuietOption
from xavier_cli.cli.terminal.errors import say
from xavier_cli.cli.terminal.output import FormatOption, OutputOption, check_output, show_page
from xavier_cli.errors import ExitCode
from xavier_cli.views.page import Column, Page, Table, clean
from xavier_cli.vocabulary import lookup
from xavier_cli.vocabulary.datasets import FAMILIES, SMALL_IMAGENET, DatasetSpec, find_data

if TYPE_CHECKING:
    from xavier_cli.data.sets import FiniteSet
    from xavier_cli.vocabulary.datasets import DatasetInfo

LIST_SCHEMA = "xavier.data.list/1"
SHOW_SCHEMA = "xavier.data.show/1"
VERIFY_SCHEMA = "xavier.data.verify/1"
# Those that `list` and `verify` look for: everything that has a name of its own.
NAMED = (*lookup.DATA_SETS, SMALL_IMAGENET)
PARTS = ("train", "valid", "test")

data = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="The data sets: what there is, where it is, what is in it.",
)


def _names(incomplete: str) -> list[str]:
    return [name for name in NAMED if name.startswith(incomplete)]


NameArgument = Annotated[
    str,
    typer.Argument(metavar="NAME", help="Data set: what `xavier train --data` takes.", autocompletion=_names),
]


@data.command("list")
def list_(data_dir: DataDirOption = None, format: FormatOption = None, output: OutputOption = None) -> None:
    """List the data sets: inputs, classes, sizes, and where each is."""
    if output is not None:
        check_output(output)
    show_page(list_page(data_dir), format, output)


@data.command("fetch")
def fetch(
    name: NameArgument,
    data_dir: DataDirOption = None,
    quiet: QuietOption = False,
) -> None:
    """Get the official files of a data set over the network; the folder they lie in is what stdout carries.

    xavier data fetch mnist

    Files that `--data-dir` or `XAVIER_DATA_DIR` has are not fetched again. A download that was cut off is
    gone on with.
    """
    from xavier_cli.data import mirrors
    from xavier_cli.data.fetch import fetch
    from xavier_cli.data.load import fetched_folder, where
    from xavier_cli.errors import StorageError

    asked = asked_for(name)
    remote = mirrors.REMOTES.get(asked.name)
    if remote is None:
        raise typer.BadParameter(
            f"`{asked.name}` is no file that could be fetched: {', '.join(mirrors.REMOTES)} are",
            param_hint="NAME",
        )
    target = fetched_folder()
    found = where(asked, data_dir) if data_dir else None
    if found is not None and target not in found.parents:
        say(f"here already; `xavier data verify {asked.name}` checks it")
        typer.echo(os.fsencode(found))
        return
    try:
        with _shown(quiet) as report:
            place = fetch(asked.name, remote, target, report, lambda text: say(f"xavier: {clean(text)}"))
    except OSError as error:
        raise StorageError.of(target, error) from error
    # Bytes, since a path need not be text.
    typer.echo(os.fsencode(place))


@data.command("verify")
def verify(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="Data set. Default: every one that is here.", autocompletion=_names
        ),
    ] = None,
    data_dir: DataDirOption = None,
    format: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """Read data sets from their files anew and check them: checksums, sizes, labels.

    Exits with 5 where one is damaged, and with 2 where NAME, or any at all, is not here.
    """
    from xavier_cli.data.load import where
    from xavier_cli.data.sets import DataDamagedError, DataMissingError

    if output is not None:
        check_output(output)
    if name is not None:
        asked = [asked_for(name)]
    else:
        asked = [each for each in map(find_data, NAMED) if where(each, data_dir)]
        if not asked:
            raise DataMissingError("no data set is here: `xavier data list` shows where they are looked for")
    records, problems = [], 0
    for each in asked:
        record: dict[str, object] = {"name": each.name, "where": _place(each, data_dir), "result": "whole"}
        try:
            finite, facts = _read(each, data_dir)
            record |= {part: len(examples.labels) for part, examples in finite.parts()}
            record |= {"checksums": len(facts.sources), "sha256": facts.sha256}
        except DataDamagedError as error:
            if name is not None:
                raise
            problems += 1
            record |= {"result": "damaged", "problem": str(error)}
            say(f"xavier: {clean(str(error))}")
        records.append(record)
    show_page(verify_page(records), format, output)
    if problems:
        raise typer.Exit(ExitCode.NO_INPUT)


@data.command("show")
def show(
    name: NameArgument,
    data_dir: DataDirOption = None,
    format: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """Show what is in a data set: splits, classes and their counts, the range of its pixels, its digest.

    xavier data show images:pets@64rgb

    `xavier plot samples --data NAME` draws the first images of each class.
    """
    from xavier_cli.data.load import where

    if output is not None:
        check_output(output)
    asked = asked_for(name)
    if asked.name == "shapeset":
        raise typer.BadParameter(
            "`shapeset` is an endless stream: `shapeset:10000` is a set of so many", param_hint="NAME"
        )
    finite, facts = finite_set(asked, data_dir)
    show_page(set_page(finite, facts, str(where(asked, data_dir) or "generated")), format, output)


def _read(asked: DatasetSpec, data_dir: Path | None) -> tuple[FiniteSet, DatasetInfo]:
    if asked.name == "shapeset":
        raise typer.BadParameter("`shapeset` is generated: it has no files", param_hint="NAME")
    return finite_set(asked, data_dir, decoded=False)


def _place(asked: DatasetSpec, data_dir: Path | None) -> str:
    from xavier_cli.data.load import where
    from xavier_cli.data.mirrors import REMOTES

    found = where(asked, data_dir)
    if found is None and asked.kind != "shapeset":
        hint = f"`xavier data fetch {asked.name}`" if asked.name in REMOTES else "a folder of images"
        return f"not here: {hint}"
    return str(found or "generated")


def list_page(data_dir: Path | None) -> Page:
    """The answer of `data list`."""
    records: list[dict[str, object]] = []
    for asked in map(find_data, NAMED):
        word = asked.builtin
        records.append(
            {
                "name": asked.name,
                "inputs": word.inputs if word else asked.side**2,
                "classes": word.classes if word else None,
                **dict(zip(PARTS, word.sizes if word else (), strict=False)),
                "about": word.about if word else FAMILIES[f"{SMALL_IMAGENET}[@SIZE[rgb]]"],
                "where": _place(asked, data_dir),
                "aliases": ",".join(word.aliases) if word else "",
            }
        )
    rows = tuple(
        (
            str(record["name"]),
            f"{record['inputs']:,}",
            str(record["classes"] or "as found"),
            " / ".join(f"{record[part]:,}" for part in PARTS if part in record)
            or ("a stream" if record["classes"] else "as found"),
            clean(str(record["where"])),
        )
        for record in records
    )
    columns = (
        Column("name"),
        Column("inputs", "right"),
        Column("classes", "right"),
        Column("train / valid / test"),
        Column("where", wraps=True, moves=True),
    )
    notes = [
        f"{form}: {about}." for form, about in FAMILIES.items() if form != f"{SMALL_IMAGENET}[@SIZE[rgb]]"
    ]
    return Page(
        LIST_SCHEMA, {"data_sets": records, "forms": FAMILIES}, records, (Table(columns, rows),), tuple(notes)
    )


def verify_page(records: list[dict[str, object]]) -> Page:
    """The answer of `data verify`."""
    rows = tuple(
        (
            str(record["name"]),
            str(record["result"]),
            *(f"{record[part]:,}" if part in record else "" for part in PARTS),
            str(record.get("checksums", "")),
            clean(str(record["where"])),
        )
        for record in records
    )
    columns = (
        Column("name"),
        Column("result"),
        *(Column(part, "right") for part in PARTS),
        Column("checksums", "right"),
        Column("where", wraps=True, moves=True),
    )
    note = "Whole: every file reads and has its known checksum, if it has one; sizes and labels fit together."
    return Page(VERIFY_SCHEMA, {"data_sets": records}, records, (Table(columns, rows),), (note,))


def set_page(finite: FiniteSet, facts: DatasetInfo, place: str) -> Page:
    """The answer of `data show`."""
    import numpy as np

    pixels = finite.train.pixels
    counts = {
        name: np.bincount(part.labels, minlength=facts.classes).tolist() for name, part in finite.parts()
    }
    low, high, mean = float(pixels.min()), float(pixels.max()), float(pixels.mean(dtype=np.float64))
    shown = [
        ("where", clean(place)),
        ("inputs", f"{facts.inputs:,} = " + "×".join(map(str, facts.shape))),
        ("examples", ", ".join(f"{len(part.labels):,} {name}" for name, part in finite.parts())),
        ("pixels", f"{pixels.dtype}, {low:g} to {high:g}, mean {mean:.4g}"),
        ("guessing errs", f"{100 * facts.guessing_error:.2f} %"),
        ("sha256", facts.sha256),
        *(("note", clean(note)) for note in facts.notes),
        *(("warning", clean(warning)) for warning in facts.warnings),
    ]
    records = [
        {"data": facts.name, "label": label, "class": name, **{part: counts[part][label] for part in PARTS}}
        for label, name in enumerate(facts.labels)
    ]
    classes = Table(
        (Column("label", "right"), Column("class"), *(Column(part, "right") for part in PARTS)),
        tuple(
            (str(label), clean(name), *(f"{counts[part][label]:,}" for part in PARTS))
            for label, name in enumerate(facts.labels)
        ),
        title="examples per class",
    )
    content: dict[str, object] = {
        **facts.model_dump(mode="json"),
        "guessing_error": facts.guessing_error,
        "where": place,
        "pixels": {"dtype": str(pixels.dtype), "min": low, "max": high, "mean": mean},
        "counts": counts,
    }
    table = Table((Column(clean(facts.name)), Column("", wraps=True)), tuple(shown))
    return Page(SHOW_SCHEMA, content, records, (table, classes))


@contextmanager
def _shown(quiet: bool) -> Iterator[Callable[[str, int, int | None], None]]:
    """What to report a download to: a bar on a terminal, a line per file elsewhere."""
    if not quiet and sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import DownloadColumn, Progress

        with Progress(
            *Progress.get_default_columns(), DownloadColumn(), console=Console(stderr=True), transient=True
        ) as bar:
            tasks = {}

            def report(file: str, done: int, total: int | None) -> None:
                if file not in tasks:
                    tasks[file] = bar.add_task(file)
                bar.update(tasks[file], completed=done, total=total)

            yield report
        return
    told = set[str]()

    def line(file: str, done: int, total: int | None) -> None:
        if not quiet and file not in told:
            told.add(file)
            say(f"fetching {file}" + (f", {total / 1e6:.1f} MB" if total else ""))

    yield line
