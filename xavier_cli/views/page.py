"""Defines the output of a command as a value: tables, notes and the numbers behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

# Re-exported for the modules of the command line.
from xavier_cli.sanitize import clean as clean


@dataclass(frozen=True)
class Cell:
    """A cell of a table: its text, and the value that the text shows.

    Tables are sorted by `value`, which programs also read; `detail` is the value in full precision, or other
    additional information.
    """

    text: str
    value: float | str | None = None
    detail: str = ""


@dataclass(frozen=True)
class Column:
    """A column of text. If space is short, a column that `wraps` is wrapped, an `optional` one dropped, and
    one that `moves` put below its row. A `picture` is for screens only, and is dropped first.
    """

    title: str
    align: Literal["left", "right"] = "left"
    wraps: bool = False
    moves: bool = False
    optional: bool = False
    picture: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of cells, where a string stands for a cell of only that text.

    `best` are the rows that are marked with `*`, or in bold where possible; None for a table without marks.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell | str, ...], ...]
    title: str = ""
    about: str = ""
    best: frozenset[int] | None = None

    @property
    def cells(self) -> tuple[tuple[Cell, ...], ...]:
        """The rows with all strings converted to cells."""
        return tuple(tuple(map(_as_cell, row)) for row in self.rows)

    @property
    def texts(self) -> tuple[tuple[str, ...], ...]:
        """The texts of the rows, without values."""
        return tuple(tuple(cell.text for cell in row) for row in self.cells)

    def without_pictures(self) -> Table:
        """The table without its picture columns."""
        kept = [i for i, column in enumerate(self.columns) if not column.picture]
        rows = tuple(tuple(row[i] for i in kept) for row in self.rows)
        return replace(self, columns=tuple(self.columns[i] for i in kept), rows=rows)


def _as_cell(part: Cell | str) -> Cell:
    return Cell(part) if isinstance(part, str) else part


@dataclass(frozen=True)
class Page:
    """The whole output of a command.

    `tables` and `notes` are for people; `data` (JSON) and `records` (CSV, one mapping per line) hold the same
    numbers in full precision for programs, with the name and version in `schema`. A page with a `title` is a
    document: its tables' titles are headings, and `about` is its first paragraph.
    """

    schema: str
    data: Mapping[str, object]
    records: Sequence[Mapping[str, object]]
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = field(default=())
    title: str = ""
    about: str = ""
