"""What a reading command answers, as a value: tables, words and the numbers behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

# What every page is made of: the rooms of the command line find it here.
from xavier_cli.sanitize import clean as clean


@dataclass(frozen=True)
class Cell:
    """What stands in one place of a table: its text, and what that text is of.

    `value` is what a table is sorted by and programs look at; `detail` are all digits of it, or whatever else
    somebody may ask about it.
    """

    text: str
    value: float | str | None = None
    detail: str = ""


@dataclass(frozen=True)
class Column:
    """A column of text. Where space is short, what `wraps` does so, what is `optional` goes, and what `moves`
    goes below its row. A `picture` is for screens alone, and the first to go.
    """

    title: str
    align: Literal["left", "right"] = "left"
    wraps: bool = False
    moves: bool = False
    optional: bool = False
    picture: bool = False


@dataclass(frozen=True)
class Table:
    """Rows of cells; a text stands for a cell that is nothing but that.

    `best` are the rows marked with `*`, in bold where there is any; None has no marks.
    """

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell | str, ...], ...]
    title: str = ""
    about: str = ""
    best: frozenset[int] | None = None

    @property
    def cells(self) -> tuple[tuple[Cell, ...], ...]:
        """The rows with every text as a cell."""
        return tuple(tuple(map(_as_cell, row)) for row in self.rows)

    @property
    def texts(self) -> tuple[tuple[str, ...], ...]:
        """The rows as they are read, without what is behind them."""
        return tuple(tuple(cell.text for cell in row) for row in self.cells)

    def without_pictures(self) -> Table:
        """The table in words and numbers alone."""
        kept = [i for i, column in enumerate(self.columns) if not column.picture]
        rows = tuple(tuple(row[i] for i in kept) for row in self.rows)
        return replace(self, columns=tuple(self.columns[i] for i in kept), rows=rows)


def _as_cell(part: Cell | str) -> Cell:
    return Cell(part) if isinstance(part, str) else part


@dataclass(frozen=True)
class Page:
    """A whole answer.

    `tables` and `notes` are for people; `data` (JSON) and `records` (CSV, one mapping per line) are the same
    numbers in full precision for programs, under the name and version in `schema`.
    """

    schema: str
    data: Mapping[str, object]
    records: Sequence[Mapping[str, object]]
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = field(default=())
