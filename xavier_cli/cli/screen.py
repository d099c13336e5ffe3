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
# Prose in a narrower column than this is harder to read than prose below its row.
NARROWEST_PROSE = 22


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
        parts += result_table(table, width)
    if page.notes:
        parts.append("")
    # The first line begins with a dash, the next ones are indented under it.
    for note in page.notes:
        grid = _grid()
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


def result_table(table: Table, width: int) -> list[RenderableType]:
    """`table` as rich renderables: whole if it fits, else without what is optional, then with its prose
    below each row, and last as one short list per row.
    """
    columns, rows = _with_marks(table)
    bold = table.best or frozenset()
    kept = list(range(len(columns)))
    if not _fits(columns, rows, kept, width):
        kept = [i for i in kept if not columns[i].optional]
    if _fits(columns, rows, kept, width):
        return [_rich_table(columns, rows, kept, bold)]
    fixed = [i for i in kept if not columns[i].prose]
    if sum(_natural(columns, rows, i) + GAP for i in fixed) - GAP <= width:
        return list(_prose_below(columns, rows, fixed, bold))
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


def _fits(columns: Sequence[Column], rows: Sequence[Sequence[str]], kept: Sequence[int], width: int) -> bool:
    needed = -GAP
    for i in kept:
        natural = _natural(columns, rows, i)
        needed += GAP + (min(natural, NARROWEST_PROSE) if columns[i].prose else natural)
    return needed <= width


def _rich_table(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], kept: Sequence[int], bold: frozenset[int]
) -> RichTable:
    from rich.text import Text

    grid = _grid()
    for i in kept:
        if columns[i].prose:
            grid.add_column(overflow="fold")
        else:
            grid.add_column(justify=columns[i].align, no_wrap=True, min_width=_natural(columns, rows, i))
    grid.add_row(*(Text(columns[i].title, style="underline") for i in kept))
    for index, row in enumerate(rows):
        grid.add_row(*(Text(row[i], style="bold" if index in bold else "") for i in kept))
    return grid


def _prose_below(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], fixed: Sequence[int], bold: frozenset[int]
) -> Iterator[RenderableType]:
    from rich.padding import Padding
    from rich.text import Text

    for index in range(-1, len(rows)):
        # A table per row, all as wide as the widest, so that prose comes between them.
        grid = _grid()
        for i in fixed:
            grid.add_column(justify=columns[i].align, no_wrap=True, min_width=_natural(columns, rows, i))
        if index < 0:
            grid.add_row(*(Text(columns[i].title, style="underline") for i in fixed))
            yield grid
            continue
        style = "bold" if index in bold else ""
        grid.add_row(*(Text(rows[index][i], style=style) for i in fixed))
        yield grid
        for i, column in enumerate(columns):
            if column.prose and rows[index][i]:
                yield Padding(Text(rows[index][i], style=style), (0, 0, 0, 2 * GAP))


def _as_lists(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], bold: frozenset[int]
) -> Iterator[RenderableType]:
    from rich.text import Text

    for index, row in enumerate(rows):
        grid = _grid()
        for column, cell in zip(columns, row, strict=True):
            if cell.strip():
                style = "bold" if index in bold else ""
                grid.add_row(Text(column.title), Text(cell.strip(), style=style))
        if index:
            yield ""
        yield grid


def _grid() -> RichTable:
    from rich.table import Table as RichTable

    return RichTable.grid(padding=(0, GAP, 0, 0), pad_edge=False)
