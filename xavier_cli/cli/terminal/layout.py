"""Lays out a table whose columns are chosen: in line with wrapped cells, or as a list per row."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from xavier_cli.cli.terminal.unbroken import glued
from xavier_cli.views.page import Column, Table, clean

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table as RichTable

GAP = 2
# Text in a narrower column than this is harder to read than below its row.
NARROWEST = 22


def with_marks(table: Table) -> tuple[list[Column], list[list[str]]]:
    """The columns and the clean texts of `table`; with marks, a first column holds the `*`."""
    rows = [[clean(cell) for cell in row] for row in table.texts]
    if table.best is None:
        return list(table.columns), rows
    marked = [["*" if index in table.best else "", *row] for index, row in enumerate(rows)]
    return [Column(""), *table.columns], marked


@dataclass(frozen=True)
class Layout:
    """A layout of a table: the columns `kept` in line, `gap` between them, titles `folded` or not."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    kept: Sequence[int]
    gap: int
    folded: bool
    bold: frozenset[int]

    def natural(self, index: int) -> int:
        """The width of a column with nothing wrapped."""
        from rich.cells import cell_len

        title = self.columns[index].title
        pieces = title.split() if self.folded else [title]
        return max(map(cell_len, ["", *pieces, *(row[index] for row in self.rows)]))

    @property
    def width(self) -> int:
        """The width with nothing wrapped."""
        return sum(self.natural(i) + self.gap for i in self.kept) - self.gap

    def fits(self, width: int, wrapped: bool = True) -> bool:
        """Whether there is room in `width`; columns may be `wrapped` where that is allowed."""
        spared = sum(
            max(self.natural(i) - NARROWEST, 0) for i in self.kept if self.columns[i].wraps and wrapped
        )
        return self.width - spared <= width

    def widths(self, width: int) -> list[int]:
        """The width of each column in line, `width` with the gaps at most: the widest that wrap give way."""
        widths = [self.natural(i) for i in self.kept]
        flexible = [at for at, i in enumerate(self.kept) if self.columns[i].wraps]
        for _ in range(self.width - width):
            # The last of equally wide columns first, so that names on the left keep their room.
            widest = max(reversed(flexible), key=widths.__getitem__)
            widths[widest] -= 1
        return widths

    def lines(self, width: int, moved: Sequence[int] = ()) -> Iterator[RenderableType]:
        """The table, with the `moved` columns of each row below it."""
        from rich.cells import cell_len
        from rich.padding import Padding
        from rich.text import Text

        from xavier_cli.cli.terminal.plain_lines import PlainLines, one_line

        # Grids of the same widths are aligned; folded titles stand at the bottom of theirs.
        grid = self.grid(width, "bottom" if self.folded else "top")
        grid.add_row(*(Text(self.columns[i].title, style="underline") for i in self.kept))
        yield grid
        widths, plain = self.widths(width), PlainLines()
        for index, row in enumerate(self.rows):
            is_bold = index in self.bold
            style, cells = "bold" if is_bold else "", [row[i] for i in self.kept]
            below = "; ".join(
                row[i] if self.columns[i].wraps or len(moved) == 1 else f"{self.columns[i].title} {row[i]}"
                for i in moved
                if row[i]
            )
            line = one_line(cells, widths, self.aligned, self.gap)
            if line is not None and cell_len(below) <= width - 2 * GAP and "\n" not in below:
                plain.lines.append((line, is_bold))
                if below:
                    plain.lines.append((" " * (2 * GAP) + below, is_bold))
                continue
            yield plain
            plain, grid = PlainLines(), self.grid(width)
            grid.add_row(*(Text(glued(cell), style=style) for cell in cells))
            yield grid
            if below:
                yield Padding(Text(glued(below), style=style), (0, 0, 0, 2 * GAP))
        yield plain

    @property
    def aligned(self) -> list[Literal["left", "right"]]:
        """The sides to which the columns in line are set."""
        return ["left" if self.columns[i].wraps else self.columns[i].align for i in self.kept]

    def grid(self, width: int, vertical: Literal["top", "bottom"] = "top") -> RichTable:
        """An empty grid with the same columns each time, so that grids are aligned."""
        return grid_of(self.widths(width), self.gap, self.aligned, vertical)


def as_lists(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], bold: frozenset[int], width: int
) -> Iterator[RenderableType]:
    """A list per row: values beside their titles, or where both are long, below them."""
    from rich.cells import cell_len
    from rich.padding import Padding
    from rich.text import Text

    for index, row in enumerate(rows):
        if index:
            yield ""
        # The column without a title holds the mark of the best row, which heads the list.
        parts = [
            (column.title, cell.strip()) if column.title else (cell, "")
            for column, cell in zip(columns, row, strict=True)
            if cell.strip()
        ]
        style = "bold" if index in bold else ""
        first, second = (max((cell_len(part[at]) for part in parts), default=0) for at in (0, 1))
        room = width - first - GAP
        if room < min(second, NARROWEST):
            for title, text in parts:
                yield Text(glued(title))
                if text:
                    yield Padding(Text(glued(text), style=style), (0, 0, 0, GAP))
            continue
        grid = grid_of([first, min(second, room)])
        for title, text in parts:
            grid.add_row(Text(title), Text(glued(text), style=style))
        yield grid


def grid_of(
    widths: Sequence[int],
    gap: int = GAP,
    aligned: Sequence[Literal["left", "right"]] = (),
    vertical: Literal["top", "bottom"] = "top",
) -> RichTable:
    """An empty grid; without widths of its own rich would take room from any column, and cut numbers."""
    from rich.table import Table as RichTable

    grid = RichTable.grid(padding=(0, gap, 0, 0), pad_edge=False)
    for at, width in enumerate(widths):
        justify = aligned[at] if aligned else "left"
        grid.add_column(justify=justify, vertical=vertical, width=width, overflow="fold")
    return grid
