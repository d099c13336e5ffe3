"""Defines the output of a command as a value: tables, notes and the numbers behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

# Re-exported for the modules of the command line.
from xavier_cli.sanitize import clean as clean


@dataclass(frozen=True)
class Cell:
    """A cell of a table: its text, and the value that the text shows.

    Tables are sorted by `value`, which programs also read; `detail` is the value in full precision, or other
    additional information. `phrase` is the text where the column's title does not stand above it: `depth 5`.
    """

    text: str
    value: float | str | None = None
    detail: str = ""
    phrase: str = ""


@dataclass(frozen=True)
class Column:
    """A column of text. If space is short, a column that `wraps` is wrapped, an `optional` one dropped (the
    lowest number first, 0 never), and one that `moves` put below its row. Columns that `fold` become one, of
    that title: a label of each row, with the phrases of as many as there is room for, and of those that tell
    rows apart in any case. A `picture` is for screens only, and is dropped first.
    """

    title: str
    align: Literal["left", "right"] = "left"
    wraps: bool = False
    moves: bool = False
    optional: int = 0
    fold: str = ""
    picture: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of cells, where a string stands for a cell of only that text.

    `best` are the rows that are marked with `*`, or in bold where possible; None for a table without marks.
    A table that `continues` has columns that are alike: those without room stand below, in further parts that
    begin with its first column.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell | str, ...], ...]
    title: str = ""
    about: str = ""
    best: frozenset[int] | None = None
    continues: bool = False

    @cached_property
    def cells(self) -> tuple[tuple[Cell, ...], ...]:
        """The rows with all strings converted to cells."""
        return tuple(tuple(map(_as_cell, row)) for row in self.rows)

    @cached_property
    def texts(self) -> tuple[tuple[str, ...], ...]:
        """The texts of the rows, without values."""
        return tuple(tuple(cell.text for cell in row) for row in self.cells)

    def without_pictures(self) -> Table:
        """The table without its picture columns."""
        return self.keeping([i for i, column in enumerate(self.columns) if not column.picture])

    def without_optional(self, up_to: int) -> Table:
        """The table without the optional columns numbered 1 to `up_to`."""
        return self.keeping([i for i, column in enumerate(self.columns) if not 0 < column.optional <= up_to])

    def keeping(self, kept: Sequence[int]) -> Table:
        """The table with only the columns at the indices `kept`."""
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
