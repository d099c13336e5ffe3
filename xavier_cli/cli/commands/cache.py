"""`xavier cache`: what is kept to be quicker the next time, and removing it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Annotated

import typer

from xavier_cli.cli.terminal.output import FormatOption, OutputOption, check_output, show_page
from xavier_cli.files.caches import Cache, Size, compiled_programs, decoded_data, jax_programs
from xavier_cli.views.page import Column, Page, Table, clean
from xavier_cli.vocabulary import lookup

SHOW_SCHEMA = "xavier.cache.show/1"
CLEAR_SCHEMA = "xavier.cache.clear/1"
# What can be cleared by itself.
KINDS = ("programs", "data")
# Where JAX keeps its own programs, if the user says so; `xavier` has a folder in there then.
JAXS_FOLDER = "JAX_COMPILATION_CACHE_DIR"

cache = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="What is kept to be quicker next time: programs, data.",
)


def _kinds(incomplete: str) -> list[str]:
    return [kind for kind in KINDS if kind.startswith(incomplete)]


@cache.command("show")
def show(format: FormatOption = None, output: OutputOption = None) -> None:
    """Show where compiled programs and decoded data lie, and how much of each.

    Over its bound, a folder loses what was not used for longest. All of it is made again when it is needed.
    Data sets that `xavier data fetch` got are no part of it.
    """
    if output is not None:
        check_output(output)
    show_page(caches_page([(each, each.size()) for each in caches()]), format, output)


@cache.command("clear")
def clear(
    what: Annotated[
        str | None,
        typer.Argument(metavar="programs|data", help="What to remove. Default: both.", autocompletion=_kinds),
    ] = None,
    format: FormatOption = None,
) -> None:
    """Remove compiled programs, decoded data or both, and say what was freed.

    xavier cache clear programs

    The next training compiles anew, or decodes its images anew; results stay the same. Files that `xavier`
    or JAX did not put there stay, and so does what another process is writing.
    """
    from xavier_cli.errors import StorageError

    if what is not None and what not in KINDS:
        raise typer.BadParameter(lookup.unknown_message("cache", what, KINDS), param_hint="programs|data")
    freed = []
    for each in caches():
        if what is None or each.kind == what:
            try:
                freed.append((each, each.clear()))
            except OSError as error:
                raise StorageError(each.path, f"could not be cleared: {error.strerror or error}") from error
    show_page(cleared_page(freed), format)


def caches() -> list[Cache]:
    """The folders there are for this user."""
    told = os.environ.get(JAXS_FOLDER)
    return [compiled_programs(told), *([] if told else [jax_programs()]), decoded_data()]


def caches_page(sizes: Sequence[tuple[Cache, Size]]) -> Page:
    """The answer of `cache show`."""
    records = [
        _record(each, size) | {"most_bytes": each.most_bytes, "problem": each.problem()}
        for each, size in sizes
    ]
    rows = tuple(
        (each.about, f"{size.files:,}", _shown(size.bytes), _shown(each.most_bytes), clean(str(each.path)))
        for each, size in sizes
    )
    columns = (
        Column("what"),
        Column("files", "right"),
        Column("size", "right"),
        Column("bound", "right"),
        Column("where", moves=True),
    )
    notes = [
        f"`{clean(str(each.path))}` {problem}: it is not used; remove that folder."
        for each, _ in sizes
        if (problem := each.problem())
    ]
    if told := os.environ.get(JAXS_FOLDER):
        notes.append(f"JAX keeps its own programs in {clean(told)} ({JAXS_FOLDER}): those are left alone.")
    return Page(SHOW_SCHEMA, {"caches": records}, records, (Table(columns, rows),), tuple(notes))


def _record(each: Cache, size: Size) -> dict[str, object]:
    """What programs are told of a folder, and of how much lies there or was removed."""
    return {
        "cache": each.kind,
        "about": each.about,
        "path": str(each.path),
        "files": size.files,
        "bytes": size.bytes,
    }


def cleared_page(freed: Sequence[tuple[Cache, Size]]) -> Page:
    """The answer of `cache clear`."""
    records = [_record(each, size) for each, size in freed]
    rows = tuple(
        (each.about, f"{size.files:,}", _shown(size.bytes), clean(str(each.path))) for each, size in freed
    )
    columns = (
        Column("removed"),
        Column("files", "right"),
        Column("freed", "right"),
        Column("where", moves=True),
    )
    total = sum(size.bytes for _, size in freed)
    note = f"Freed {_shown(total)}."
    data = {"cleared": records, "bytes": total}
    return Page(CLEAR_SCHEMA, data, records, (Table(columns, rows),), (note,))


def _shown(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size < 1e8 else f"{size / 1e6:,.0f} MB"
