"""A page as a screen shows it: tables that fit the width, and the words below."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from xavier_cli.cli.page import Column, Page, Table, clean

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table as RichTable

GAP = 2
# Text in a narrower column than this is harder to read than text below its row.
NARROWEST = 22


def format_screen(page: Page, width: int, colour: bool = False) -> str:
    """The page for a screen of `width` characters; `colour` allows bold and dim, never more than that."""
    from rich.console import Console, Group
    from rich.padding import Padding
    from rich.text import Text

    parts: list[RenderableType] = []
    for table in page.tables:
        if parts:
            parts.append("")
        if table.title:
            parts.append(Text(clean(table.title), style="bold"))
        if table.about:
            parts += [Padding(Text(clean(table.about), style="dim"), (0, 0, 0, GAP)), ""]
        parts += fit(table, width)
    if page.notes:
        parts.append("")
    # The first line begins with a dash, the next ones are indented under it.
    for note in page.notes:
        grid = _grid(gap=1)
        grid.add_row(Text("-"), Text(clean(note)))
        parts.append(grid)
    file = io.StringIO()
    console = Console(
        file=file,
        width=max(width, 20),
        force_terminal=colour,
        color_system="standard" if colour else None,
        no_color=not colour,
        legacy_windows=False,
        highlight=False,
        markup=False,
        emoji=False,
    )
    console.print(Group(*parts))
    return "".join(line.rstrip() + "\n" for line in file.getvalue().splitlines())


def fit(table: Table, width: int) -> list[RenderableType]:
    """`table` as rich renderables: whole if it fits, else without what is optional, then with what moves
    below each row, and last as one short list per row.
    """
    columns, rows = _with_marks(table)
    bold = table.best or frozenset()
    every = list(range(len(columns)))
    needed = [i for i in every if not columns[i].optional]
    for kept in (every, needed):
        if _fits(columns, rows, kept, width, GAP):
            return [_aligned(columns, rows, kept, bold)]
    for kept, gap in ((every, GAP), (needed, GAP), (needed, GAP - 1)):
        kept = [i for i in kept if not columns[i].moves]
        if len(kept) > 1 and _fits(columns, rows, kept, width, gap):
            return list(_moved_below(columns, rows, kept, bold, gap))
    return list(_as_lists(columns, rows, bold))


def _with_marks(table: Table) -> tuple[list[Column], list[list[str]]]:
    rows = [[clean(cell) for cell in row] for row in table.rows]
    if table.best is None:
        return list(table.columns), rows
    marked = [["*" if index in table.best else "", *row] for index, row in enumerate(rows)]
    return [Column(""), *table.columns], marked


def _natural(columns: Sequence[Column], rows: Sequence[Sequence[str]], index: int) -> int:
    from rich.cells import cell_len

    return max(cell_len(columns[index].title), *(cell_len(row[index]) for row in rows), 0, 0)


def _fits(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], kept: Sequence[int], width: int, gap: int
) -> bool:
    needed = -gap
    for i in kept:
        natural = _natural(columns, rows, i)
        needed += gap + (min(natural, NARROWEST) if columns[i].wraps else natural)
    return needed <= width


def _add_columns(
    grid: RichTable, columns: Sequence[Column], rows: Sequence[Sequence[str]], kept: Sequence[int]
) -> None:
    for i in kept:
        if columns[i].wraps:
            grid.add_column(overflow="fold")
        else:
            grid.add_column(justify=columns[i].align, no_wrap=True, min_width=_natural(columns, rows, i))


def _aligned(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], kept: Sequence[int], bold: frozenset[int]
) -> RichTable:
    from rich.text import Text

    grid = _grid()
    _add_columns(grid, columns, rows, kept)
    grid.add_row(*(Text(columns[i].title, style="underline") for i in kept))
    for index, row in enumerate(rows):
        grid.add_row(*(Text(row[i], style="bold" if index in bold else "") for i in kept))
    return grid


def _moved_below(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    kept: Sequence[int],
    bold: frozenset[int],
    gap: int,
) -> Iterator[RenderableType]:
    from rich.padding import Padding
    from rich.text import Text

    moved = [i for i, column in enumerate(columns) if column.moves]
    grid = _grid(gap)
    _add_columns(grid, columns, rows, kept)
    grid.add_row(*(Text(columns[i].title, style="underline") for i in kept))
    yield grid
    for index, row in enumerate(rows):
        # A grid per row, each as wide as the widest cells, so that lines can come between them.
        grid = _grid(gap)
        _add_columns(grid, columns, rows, kept)
        style = "bold" if index in bold else ""
        grid.add_row(*(Text(row[i], style=style) for i in kept))
        yield grid
        below = "; ".join(
            row[i] if columns[i].wraps or len(moved) == 1 else f"{columns[i].title} {row[i]}"
            for i in moved
            if row[i]
        )
        if below:
            yield Padding(Text(below, style=style), (0, 0, 0, 2 * GAP))


def _as_lists(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], bold: frozenset[int]
) -> Iterator[RenderableType]:
    from rich.text import Text

    for index, row in enumerate(rows):
        if index:
            yield ""
        grid = _grid()
        for column, cell in zip(columns, row, strict=True):
            if cell.strip():
                # Without a title it is the mark of the best row, which heads the list.
                first, second = (column.title, cell.strip()) if column.title else (cell, "")
                grid.add_row(Text(first), Text(second, style="bold" if index in bold else ""))
        yield grid


def _grid(gap: int = GAP) -> RichTable:
    from rich.table import Table as RichTable

    return RichTable.grid(padding=(0, gap, 0, 0), pad_edge=False)
