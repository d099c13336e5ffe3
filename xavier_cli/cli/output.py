"""Where a page goes and how: the options `-f` and `-o` of every reading command."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, TextIO

import typer

from xavier_cli.cli.errors import say
from xavier_cli.cli.page import Page, clean
from xavier_cli.cli.results import results


class Format(StrEnum):
    """How a reading command answers."""

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
        help="For people (table, plain, md, latex) or for programs, in full precision (json, csv). "
        "Default: by the ending of `-o`, else table.",
        show_default=False,
    ),
]
OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", help="File to write to instead of stdout.", show_default=False),
]

_BY_ENDING = {".json": Format.JSON, ".csv": Format.CSV, ".md": Format.MD, ".tex": Format.LATEX}
# What a screen of another encoding shows instead; the rest of what it cannot show becomes `?`.
_PLAINER = str.maketrans(
    {
        "±": "+-",
        "×": "x",
        "−": "-",
        "–": "-",
        "·": ",",
        "…": "...",
        "²": "2",
        "√": "sqrt",
        "≥": ">=",
        "→": "->",
        "∞": "inf",
        "φ": "phi",
        **dict(zip("▁▂▃▄▅▆▇█", "_.-~=+*#", strict=True)),
    }
)


def show_page(page: Page, format: Format | None = None, output: Path | None = None) -> None:
    """Write `page` to stdout, or to `output` whole or not at all."""
    if output is not None:
        check_output(output)
    format = format or (_BY_ENDING.get(output.suffix.lower()) if output else None) or Format.TABLE
    if output is None:
        text = format_page(page, format, screen_width(), colour=_has_colour(results()))
        _to_stdout(text)
        return
    write_text(output, format_page(page, format, screen_width()))
    say(f"wrote {clean(str(output))}")


def format_page(page: Page, format: Format, width: int = 80, colour: bool = False) -> str:
    """`page` as text in `format`; `width` and `colour` matter to a table only."""
    from xavier_cli.cli import formats
    from xavier_cli.cli.screen import format_screen

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
            return formats.format_latex(page)


def check_output(output: Path) -> None:
    """Refuse an `-o` that nothing can be written to; called before any work is done for it."""
    from xavier_cli.runs.errors import StorageError

    try:
        is_folder = output.is_dir()
    except OSError as error:
        raise StorageError.of(output, error) from error
    if is_folder:
        raise typer.BadParameter(f"`{output}` is a folder; name a file in it", param_hint="--output")


def write_text(output: Path, text: str) -> None:
    """Put `text` at `output` in UTF-8: the old file stays until the new one is whole."""
    from xavier_cli.runs.errors import StorageError

    temporary = output.with_name(f".{output.name}.{os.getpid()}.tmp")
    try:
        # A pipe or a device (`-o /dev/stdout`) is written to as it is, never replaced by a file.
        if output.exists() and not output.is_file():
            output.write_text(text, encoding="utf-8")
            return
        output.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, output)
    except BrokenPipeError:
        # Whoever reads has seen enough, which is no error.
        raise
    except OSError as error:
        raise StorageError.of(output, error) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink()


def _to_stdout(text: str) -> None:
    from xavier_cli.runs.errors import StorageError

    try:
        results().write(encodable(text, results().encoding))
        results().flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        # Python would fail once more, and with a code of its own, when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), results().fileno())
        raise StorageError.of("stdout", error) from error


def encodable(text: str, encoding: str | None) -> str:
    """`text` with plainer signs for those that `encoding` does not have."""
    try:
        text.encode(encoding or "ascii")
    except UnicodeEncodeError:
        text = text.translate(_PLAINER)
        return text.encode(encoding or "ascii", "replace").decode(encoding or "ascii")
    return text


def screen_width() -> int:
    """The terminal's width in characters, or 80 where there is none."""
    return shutil.get_terminal_size((80, 24)).columns


def _has_colour(stream: TextIO) -> bool:
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") in ("dumb", None)
    return stream.isatty() and not plain
