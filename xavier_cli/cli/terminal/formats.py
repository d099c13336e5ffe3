"""Formats a page for programs and papers: plain, JSON, CSV, Markdown."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Iterable

from xavier_cli.cli.terminal.number_text import is_plain_number
from xavier_cli.files.json_text import write_json
from xavier_cli.views.page import Column, Page, Table, clean

# The characters that begin a formula, also in full width. Tabs and line ends before them are removed earlier.
_FORMULA = tuple("=+-@＝＋－＠")


def format_plain(page: Page) -> str:
    """Tables without boxes, with tabs between cells; all lines other than rows begin with `#`."""
    lines = [f"# {clean(text)}" for text in (page.title, page.about) if text]
    for table in page.tables:
        lines += [f"# {clean(text)}" for text in (table.title, table.about) if text]
        mark = [] if table.best is None else ["best"]
        lines.append("\t".join([*mark, *(column.title for column in table.columns)]))
        for index, row in enumerate(table.texts):
            mark = [] if table.best is None else ["*" if index in table.best else ""]
            # Remove the padding that aligns numbers on a screen.
            lines.append("\t".join([*mark, *(" ".join(clean(cell).split()) for cell in row)]))
    return _text(lines + [f"# {clean(note)}" for note in page.notes])


def format_json(page: Page) -> str:
    """The numbers in full precision, with the schema's name; written by `write_json`."""
    content = {"schema": page.schema, **page.data, "notes": list(page.notes)}
    return write_json(content, indent=2) + "\n"


def format_csv(page: Page) -> str:
    """The numbers in full precision, a line per record, with the schema's name in the first column."""
    columns = list(dict.fromkeys(name for record in page.records for name in record))
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(["schema", *columns])
    for record in page.records:
        writer.writerow([page.schema, *(_csv_cell(record.get(name)) for name in columns)])
    return file.getvalue()


def format_markdown(page: Page) -> str:
    """Markdown tables, the best rows in bold."""
    lines = [line for text in (page.title, page.about) if text for line in (_markdown(text), "")]
    if page.title:
        lines[0] = f"# {lines[0]}"
    for table in page.tables:
        if table.title:
            lines += [f"{'## ' if page.title else ''}{_markdown(table.title)}", ""]
        lines += [_markdown(table.about), ""] if table.about else []
        titles, rows = _with_marks(table)
        lines.append("| " + " | ".join(titles) + " |")
        rules = ["---:" if column.align == "right" else "---" for column in table.columns]
        lines.append("| " + " | ".join(["---"] * (len(titles) - len(rules)) + rules) + " |")
        lines += ["| " + " | ".join(row) + " |" for row in rows]
        lines.append("")
    lines += [f"- {_markdown(note)}" for note in page.notes]
    return _text(lines)


def _with_marks(table: Table) -> tuple[list[str], list[list[str]]]:
    """Titles and rows in Markdown; if rows are marked, a first column holds the `*`."""
    best = table.best
    mark = [] if best is None else [Column("")]
    rows = []
    for index, row in enumerate(table.texts):
        cells = [_markdown(" ".join(cell.split())) for cell in row]
        if best is not None:
            is_best = index in best
            # Mark by bold and by an asterisk, so that meaning does not depend on typeface.
            cells = [f"**{cell}**" if cell and is_best else cell for cell in cells]
            cells.insert(0, _markdown("*") if is_best else "")
        rows.append(cells)
    return [_markdown(column.title) for column in (*mark, *table.columns)], rows


def _markdown(text: str) -> str:
    return re.sub(r"([\\`*_\[\]<>|#~])", r"\\\1", clean(text))


def _csv_cell(value: object) -> object:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        text = clean(value)
        # A spreadsheet would evaluate such text as a formula; numbers are harmless.
        return f"'{text}" if text.lstrip()[:1] in _FORMULA and not _is_numbers(text) else text
    return repr(float(value)) if isinstance(value, float) else value


def _is_numbers(text: str) -> bool:
    """Whether `text` is a number, or a list of numbers with commas."""
    return all(map(is_plain_number, text.split(",")))


def _text(lines: Iterable[str]) -> str:
    return "\n".join(lines).rstrip("\n") + "\n"
