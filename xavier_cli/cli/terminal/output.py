"""Writes a page in the format and to the file of the options `-f` and `-o`."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TextIO

import typer

from xavier_cli.cli.terminal.errors import say
from xavier_cli.cli.terminal.help_pages import OUTPUT
from xavier_cli.cli.terminal.pager import shown_in_pager
from xavier_cli.cli.terminal.results import results
from xavier_cli.cli.terminal.streams import give_up_stdout
from xavier_cli.errors import StorageError
from xavier_cli.files.publish import publish, rehearse
from xavier_cli.sanitize import utf8
from xavier_cli.views.page import Page, clean


class Format(StrEnum):
    """The format of a command's output."""

    TABLE = "table"
    PLAIN = "plain"
    JSON = "json"
    CSV = "csv"
    MD = "md"
    LATEX = "latex"


FormatOption = Annotated[
    Format | None,
    typer.Option(
        "--format",
        "-f",
        help="for people (table, plain, md, latex) or for programs, in full precision (json, csv) "
        "[default: by the ending of `-o`, else table]",
        rich_help_panel=OUTPUT,
        show_default=False,
    ),
]
OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="file to write to instead of stdout", show_default=False),
]

_BY_ENDING = {".json": Format.JSON, ".csv": Format.CSV, ".md": Format.MD, ".tex": Format.LATEX}


def show_page(page: Page, format: Format | None = None, output: Path | None = None) -> None:
    """Write `page` to stdout, or atomically to `output`."""
    if output is not None:
        refuse_folder(output)
    format = format or (_BY_ENDING.get(output.suffix.lower()) if output else None) or Format.TABLE
    if output is None:
        text = format_page(page, format, screen_width(), colour=_has_colour(results()))
        if not (format is Format.TABLE and shown_in_pager(text)):
            _to_stdout(text)
        return
    write_text(output, format_page(page, format, screen_width()))
    say(f"wrote {clean(str(output))}")


def format_page(page: Page, format: Format, width: int = 80, colour: bool = False) -> str:
    """`page` as text in `format`; `width` and `colour` apply only to `table`."""
    from xavier_cli.cli.terminal import formats, latex
    from xavier_cli.cli.terminal.screen import format_screen

    if format is Format.TABLE:
        return format_screen(page, width, colour)
    page = replace(page, tables=tuple(table.without_pictures() for table in page.tables))
    match format:
        case Format.PLAIN:
            return formats.format_plain(page)
        case Format.JSON:
            return formats.format_json(page)
        case Format.CSV:
            return formats.format_csv(page)
        case Format.MD:
            return formats.format_markdown(page)
        case Format.LATEX:
            return latex.format_latex(page)


def check_output(output: Path, option: str = "--output") -> None:
    """Refuse an `-o`, or the file of another `option`, that cannot be written; called before any work."""
    refuse_folder(output, option)
    if not is_written_as_it_is(output):
        _refuse_run(output, option)
        rehearse(output)


def _refuse_run(output: Path, option: str) -> None:
    """Refuse to write over a run file, which took long to train, with something else."""
    if output.suffix.lower() != ".h5":
        return
    try:
        with output.open("rb") as file:
            is_run = file.read(8) == b"\x89HDF\r\n\x1a\n"
    except OSError:
        return  # not there, or reported when it is written
    if is_run:
        raise typer.BadParameter(f"`{output}` is a run file: name another file", param_hint=option)


def refuse_folder(output: Path, option: str = "--output") -> None:
    """Refuse an `-o` that is a folder; other problems are found when it is written."""
    try:
        is_folder = output.is_dir()
    except OSError as error:
        raise StorageError.of(output, error) from error
    if is_folder:
        raise typer.BadParameter(f"`{output}` is a folder; name a file in it", param_hint=option)


def write_text(output: Path, text: str) -> None:
    """Write `text` atomically to `output`, in UTF-8."""
    content = utf8(text).encode("utf-8")
    if not is_written_as_it_is(output):
        _refuse_run(output, "--output")
        publish(output, content)
        return
    try:
        # Neither created nor truncated; a pipe blocks here until it has a reader.
        with open(os.open(output, os.O_WRONLY | os.O_CLOEXEC), "wb") as file:
            file.write(content)
    except BrokenPipeError:
        # The reader closed the pipe, which is not an error.
        raise
    except OSError as error:
        raise StorageError.of(output, error) from error


def is_written_as_it_is(output: Path) -> bool:
    """Whether `output` is a pipe, a device or a stream of this process, which a file must not replace."""
    try:
        folder = output.parent.resolve()
        is_stream = folder == Path("/dev") or Path("/proc") in folder.parents
        return is_stream or (output.exists() and not output.is_file())
    except OSError as error:
        raise StorageError.of(output, error) from error


def _to_stdout(text: str) -> None:
    try:
        results().write(text)
        results().flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        give_up_stdout()
        raise StorageError.of("stdout", error) from error


def screen_width() -> int:
    """The width of the terminal in characters, or 80 without one."""
    return shutil.get_terminal_size((80, 24)).columns


def _has_colour(stream: TextIO) -> bool:
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") in ("dumb", None)
    return stream.isatty() and not plain
