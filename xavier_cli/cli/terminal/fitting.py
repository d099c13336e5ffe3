"""Chooses how a table is shown at the width of a screen: which columns, with which labels, or as lists."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING

from xavier_cli.cli.terminal.layout import GAP, Layout, as_lists, with_marks
from xavier_cli.cli.terminal.unbroken import glued, whole
from xavier_cli.views.page import Table
from xavier_cli.views.row_labels import RowLabels, row_labels

if TYPE_CHECKING:
    from rich.console import RenderableType

NARROWEST_SCREEN = 20
# A label is wrapped at this width at least: most words have room.
NARROWEST_LABEL = 12
# Titles in a line and wide gaps; titles on several lines; closer columns too.
_NO_LABELS = RowLabels(())
_CLOSER = ((False, GAP), (True, GAP), (True, GAP - 1))


def fit(table: Table, width: int) -> list[RenderableType]:
    """`table` as rich renderables, with as many columns in line as the width allows.

    Tried in turn: the whole table; without pictures; without optional columns; with titles on several lines;
    with movable columns below each row; with the columns that fold as labels; a short list per row. Where no
    column folds or moves, titles are on several lines before a column is left out. A line below says what is
    left out. A table that continues is shown in parts. No layout is used that does not fit, so that no number
    is ever cut, and none in which rows look alike that differ in a setting.
    """
    width = max(width, NARROWEST_SCREEN)
    if any(column.picture for column in table.columns):
        # Drop a picture rather than wrap text.
        if _in_line(table).fits(width, wrapped=False):
            return list(_in_line(table).lines(width))
        table = table.without_pictures()
    if table.continues and (parts := _continued(table, width)):
        return parts
    levels = sorted({column.optional for column in table.columns if column.optional})
    short = table.without_optional(levels[0]) if levels else table
    if not any(column.fold or column.moves for column in table.columns):
        # Titles on several lines, and closer columns, are better than a column less.
        for kept in (table, *map(table.without_optional, levels)):
            for titles_folded, gap in _CLOSER:
                layout = _in_line(kept, titles_folded, gap)
                if len(kept.columns) > 1 and layout.fits(width):
                    return [*layout.lines(width), *_left_out(table, kept, width)]
    for kept, titles_folded in ((table, False), (short, False), (short, True)):
        layout = _in_line(kept, titles_folded)
        if kept.columns and layout.fits(width):
            return [*layout.lines(width), *_left_out(table, kept, width)]
    columns, rows = with_marks(table)
    bold = table.best or frozenset()
    every = list(range(len(columns)))
    in_line = [i for i in every if not columns[i].moves]
    needed = [i for i in in_line if not columns[i].optional]
    moved = [i for i in every if columns[i].moves]
    for shown, gap, titles_folded in ((in_line, GAP, False), (needed, GAP, False), (needed, GAP - 1, True)):
        layout = Layout(columns, rows, shown, gap, titles_folded, bold)
        if len(shown) > 1 and moved and layout.fits(width):
            kept = replace(table, columns=tuple(columns[i] for i in (*shown, *moved)))
            return [*layout.lines(width, moved), *_left_out(table, kept, width)]
    if any(column.fold for column in table.columns) and (labelled := _with_labels(table, width)):
        return labelled
    return list(as_lists(columns, rows, bold, width))


def _in_line(table: Table, titles_folded: bool = False, gap: int = GAP) -> Layout:
    columns, rows = with_marks(table)
    return Layout(columns, rows, range(len(columns)), gap, titles_folded, table.best or frozenset())


def _continued(table: Table, width: int) -> list[RenderableType]:
    """`table` in parts, one below the other, of its first column and as many others as fit; empty if none."""
    widths = [_in_line(table).natural(i) for i in range(len(table.columns))]
    parts, room = list[list[int]](), 0
    for index, needed in list(enumerate(widths))[1:]:
        if needed + GAP > room or not parts:
            parts, room = [*parts, [0]], width - widths[0]
        parts[-1].append(index)
        room -= needed + GAP
        if room < 0:
            return []
    shown: list[RenderableType] = []
    for part in parts:
        shown += ["", *_in_line(table.keeping(part)).lines(width)]
    return shown[1:]


def _with_labels(table: Table, width: int) -> list[RenderableType]:
    """`table` with a label for each row, and the columns for which there is room, the most needed first.

    Labels that hold all that tells rows apart are worth more than a column. Where they are too long for the
    columns that are needed, they are wrapped. Empty where even that does not fit.
    """
    every = list(row_labels(table))
    widths = _Widths(table, every)
    least = min((column.optional for column in table.columns if column.optional), default=0)
    for kept in _by_need(table):
        # The least needed column gives way before gaps do.
        closer = (
            _CLOSER if all(table.columns[i].optional != least for i in kept) or not least else _CLOSER[:1]
        )
        for at, labels in enumerate(every):
            # A setting that tells nothing apart does too.
            for titles_folded, gap in closer if at == len(every) - 1 else _CLOSER[:1]:
                if widths.others(kept, titles_folded, gap) + widths.of_labels(at, titles_folded) <= width:
                    return _shown(table, kept, labels, width, titles_folded, gap)
    needed = [i for i, column in enumerate(table.columns) if not column.optional]
    for titles_folded, gap in _CLOSER:
        room = width - widths.others(needed, titles_folded, gap)
        if room >= NARROWEST_LABEL:
            phrases = tuple(tuple(whole(phrase, room) for phrase in each) for each in every[-1].phrases)
            wrapped = replace(every[-1], phrases=phrases)
            return _shown(table, needed, wrapped, width, titles_folded, gap, wraps=True)
    return []


class _Widths:
    """The widths of the columns of a table and of its labels, each taken once: tables may have many rows."""

    def __init__(self, table: Table, labels: Sequence[RowLabels]):
        self._table, self._labels = table, labels
        self._columns = {
            flag: dict(enumerate(map(_in_line(table, flag).natural, self._places))) for flag in (False, True)
        }
        self._of_labels: dict[tuple[int, bool], int] = {}

    @property
    def _places(self) -> range:
        # A table with marks has a column more.
        marked = self._table.best is not None
        return range(marked, marked + len(self._table.columns))

    def others(self, kept: Sequence[int], titles_folded: bool, gap: int) -> int:
        """The width of the columns `kept` that do not fold, with gaps and marks; without what moves."""
        columns = self._table.columns
        shown = [i for i in kept if not columns[i].fold and not columns[i].moves]
        marks = 1 + gap if self._table.best is not None else 0
        return marks + sum(self._columns[titles_folded][i] + gap for i in shown)

    def of_labels(self, at: int, titles_folded: bool) -> int:
        """The width of the labels `at` this place."""
        if (at, titles_folded) not in self._of_labels:
            first = self._labels[at].before(self._table).keeping([0])
            layout = _in_line(replace(first, best=None), titles_folded)
            self._of_labels[at, titles_folded] = layout.natural(0)
        return self._of_labels[at, titles_folded]


def _by_need(table: Table) -> Iterator[list[int]]:
    """The columns of `table` to be kept: all, then ever fewer, so that the most needed ones stay longest."""
    optional = sorted(
        (i for i, column in enumerate(table.columns) if column.optional),
        key=lambda i: -table.columns[i].optional,
    )
    for picked in sorted(
        (set(each) for count in range(len(optional) + 1) for each in combinations(optional, count)),
        key=lambda each: [i not in each for i in optional],
    ):
        yield [i for i, column in enumerate(table.columns) if not column.optional or i in picked]


def _shown(
    table: Table,
    kept: Sequence[int],
    labels: RowLabels,
    width: int,
    titles_folded: bool,
    gap: int,
    wraps: bool = False,
) -> list[RenderableType]:
    shown = table.keeping(kept)
    columns, rows = with_marks(labels.before(shown, wraps))
    moved = [i for i, column in enumerate(columns) if column.moves]
    in_line = [i for i in range(len(columns)) if i not in moved]
    layout = Layout(columns, rows, in_line, gap, titles_folded, table.best or frozenset())
    return [*layout.lines(width, moved), *_left_out(table, shown, width, labels)]


def _left_out(
    table: Table, kept: Table, width: int, labels: RowLabels = _NO_LABELS
) -> Iterator[RenderableType]:
    """A line about the columns of `table` that are not in `kept`, and the settings that `labels` lack."""
    from rich.text import Text

    shown = {column.title for column in kept.columns}
    columns = (i for i, column in enumerate(table.columns) if column.title not in shown)
    parts = [", ".join([*labels.left_out, *(_named(table, i) for i in columns)])]
    if labels.partly:
        parts.append(f"{', '.join(labels.partly)} of rows that differ in other settings")
    if any(parts):
        yield ""
        yield Text(glued(f"Not shown at {width} columns: {'; '.join(filter(None, parts))}."), style="dim")


def _named(table: Table, index: int) -> str:
    """The title of a column, with its text where that is the same in all rows."""
    texts = {row[index] for row in table.texts}
    same = len(table.rows) > 1 and len(texts) == 1 and next(iter(texts))
    title = table.columns[index].title
    return f"{title} ({same} in each row)" if same else title
