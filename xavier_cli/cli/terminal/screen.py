"""Formats a page for a screen: tables that fit the width, with notes below."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from xavier_cli.views.page import Cell, Column, Page, Table, clean

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table as RichTable

GAP = 2
# Text in a narrower column than this is harder to read than below its row.
NARROWEST = 22
# A label that is cut shorter says too little.
NARROWEST_LABEL = 12
NARROWEST_SCREEN = 20


def format_screen(page: Page, width: int, colour: bool = False) -> str:
    """The page for a screen of `width` characters; `colour` allows only bold and dim."""
    from rich.console import Console, Group
    from rich.padding import Padding
    from rich.text import Text

    parts: list[RenderableType] = []
    if page.title:
        parts.append(Text(clean(page.title), style="bold"))
    if page.about:
        parts.append(Text(clean(page.about)))
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
    # The first line begins with a dash, the following ones are indented.
    for note in page.notes:
        grid = _grid([1, max(width, NARROWEST_SCREEN) - 2], gap=1)
        grid.add_row(Text("-"), Text(clean(note)))
        parts.append(grid)
    file = io.StringIO()
    console = Console(
        file=file,
        width=max(width, NARROWEST_SCREEN),
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
    """`table` as rich renderables, with as many columns in line as the width allows.

    Tried in turn: the whole table; without pictures; without optional columns; with titles on several lines;
    with the columns that fold as one; with movable columns below each row; a short list per row. Where no
    column folds or moves, titles are on several lines before a column is left out. A line below says what is
    left out. No layout is used that does not fit, so that no number is ever cut.
    """
    width = max(width, NARROWEST_SCREEN)
    if any(column.picture for column in table.columns):
        # Drop a picture rather than wrap text.
        if _in_line(table).fits(width, wrapped=False):
            return list(_in_line(table).lines(width))
        table = table.without_pictures()
    least, most = (pick((c.optional for c in table.columns if c.optional), default=0) for pick in (min, max))
    short = table.without_optional(least)
    if not any(column.fold or column.moves for column in table.columns):
        # Titles on several lines, and closer columns, are better than a column less.
        for kept in (table, *(table.without_optional(level) for level in range(least, most + 1))):
            for titles_folded, gap in ((False, GAP), (True, GAP), (True, GAP - 1)):
                layout = _in_line(kept, titles_folded, gap)
                if len(kept.columns) > 1 and layout.fits(width):
                    return [*layout.lines(width), *_left_out(table, kept, width)]
    for kept, titles_folded in ((table, False), (short, False), (short, True)):
        layout = _in_line(kept, titles_folded)
        if kept.columns and layout.fits(width):
            return [*layout.lines(width), *_left_out(table, kept, width)]
    if any(column.fold for column in table.columns):
        levels = [table.without_optional(level) for level in range(least, most + 1)]
        # Labels that tell rows apart are worth more than a column, and than wide gaps.
        for must_differ in (True, False):
            for kept in levels:
                if fitted := _with_labels(table, kept, width, must_differ):
                    return fitted
    columns, rows = _with_marks(table)
    bold = table.best or frozenset()
    every = list(range(len(columns)))
    in_line = [i for i in every if not columns[i].moves]
    needed = [i for i in in_line if not columns[i].optional]
    moved = [i for i in every if columns[i].moves]
    for shown, gap, titles_folded in ((in_line, GAP, False), (needed, GAP, False), (needed, GAP - 1, True)):
        layout = _Layout(columns, rows, shown, gap, titles_folded, bold)
        if len(shown) > 1 and moved and layout.fits(width):
            kept = replace(table, columns=tuple(columns[i] for i in (*shown, *moved)))
            return [*layout.lines(width, moved), *_left_out(table, kept, width)]
    return list(_as_lists(columns, rows, bold, width))


def _in_line(table: Table, titles_folded: bool = False, gap: int = GAP) -> _Layout:
    columns, rows = _with_marks(table)
    return _Layout(columns, rows, range(len(columns)), gap, titles_folded, table.best or frozenset())


def _with_labels(table: Table, kept: Table, width: int, must_differ: bool) -> list[RenderableType]:
    """`kept`, some columns of `table`, with a label of as many settings as fit for each row.

    Empty where they do not fit. With `must_differ`, rows that differ in a setting have labels that differ.
    Without, labels that hold only the name of a network may be cut a little, and more once `kept` has no more
    optional columns.
    """
    names = [table.columns[i].title for i in table.folding]
    most = len({row[0].text for row in kept.folded(len(names)).cells})
    for parts in range(len(names), min(2, len(names)) - 1, -1):
        folded = kept.folded(parts)
        if must_differ and len({row[0].text for row in folded.cells}) < most:
            return []
        if _in_line(folded).fits(width):
            break
        for gap in (GAP, GAP - 1) if must_differ else ():
            close = _in_line(folded, titles_folded=True, gap=gap)
            if close.fits(width):
                return [*close.lines(width), *_left_out(table, kept, width, names[parts:])]
    else:
        if must_differ:
            return []
        room = width - _in_line(kept.folded(0)).width + len(folded.columns[0].title)
        if room < NARROWEST_LABEL and any(column.optional for column in kept.columns):
            return []
        folded = _cut(folded, max(room, 2))
        if not _in_line(folded).fits(width):
            return []
    return [*_in_line(folded).lines(width), *_left_out(table, kept, width, names[parts:])]


def _left_out(
    table: Table, kept: Table, width: int, settings: Sequence[str] = ()
) -> Iterator[RenderableType]:
    """A line about the columns of `table` that are not in `kept`, and the `settings` without place."""
    from rich.text import Text

    shown = {column.title for column in kept.columns}
    names = [*settings, *(column.title for column in table.columns if column.title not in shown)]
    if names:
        yield ""
        yield Text(f"Not shown at {width} columns: {', '.join(names)}.", style="dim")


def _cut(table: Table, width: int) -> Table:
    """`table` with labels of at most `width` characters."""
    from rich.cells import cell_len, set_cell_size

    def short(text: str) -> str:
        return text if cell_len(text) <= width else f"{set_cell_size(text, width - 1).rstrip()}…"

    rows = tuple((Cell(short(row[0].text)), *row[1:]) for row in table.cells)
    columns = (replace(table.columns[0], title=short(table.columns[0].title)), *table.columns[1:])
    return replace(table, columns=columns, rows=rows)


def _with_marks(table: Table) -> tuple[list[Column], list[list[str]]]:
    rows = [[clean(cell) for cell in row] for row in table.texts]
    if table.best is None:
        return list(table.columns), rows
    marked = [["*" if index in table.best else "", *row] for index, row in enumerate(rows)]
    return [Column(""), *table.columns], marked


@dataclass(frozen=True)
class _Layout:
    """A layout of a table: the columns `kept` in line, `gap` between them, titles `folded` or not."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[str]]
    kept: Sequence[int]
    gap: int
    folded: bool
    bold: frozenset[int]

    def natural(self, index: int) -> int:
        from rich.cells import cell_len

        title = self.columns[index].title
        pieces = title.split() if self.folded else [title]
        return max(map(cell_len, ["", *pieces, *(row[index] for row in self.rows)]))

    @property
    def width(self) -> int:
        """The width with nothing wrapped."""
        return sum(self.natural(i) + self.gap for i in self.kept) - self.gap

    def fits(self, width: int, wrapped: bool = True) -> bool:
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
            grid.add_row(*(Text(cell, style=style) for cell in cells))
            yield grid
            if below:
                yield Padding(Text(below, style=style), (0, 0, 0, 2 * GAP))
        yield plain

    @property
    def aligned(self) -> list[Literal["left", "right"]]:
        """The sides to which the columns in line are set."""
        return ["left" if self.columns[i].wraps else self.columns[i].align for i in self.kept]

    def grid(self, width: int, vertical: Literal["top", "bottom"] = "top") -> RichTable:
        """An empty grid with the same columns each time, so that grids are aligned."""
        return _grid(self.widths(width), self.gap, self.aligned, vertical)


def _as_lists(
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
                yield Text(title)
                if text:
                    yield Padding(Text(text, style=style), (0, 0, 0, GAP))
            continue
        grid = _grid([first, min(second, room)])
        for title, text in parts:
            grid.add_row(Text(title), Text(text, style=style))
        yield grid


def _grid(
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
