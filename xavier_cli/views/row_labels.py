"""Writes the settings that differ between the rows of a table as one label per row, long or short."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from xavier_cli.config.telling_apart import telling, told_by_row
from xavier_cli.views.page import Cell, Column, Table


@dataclass(frozen=True)
class RowLabels:
    """A label of some phrases for each row of a table, the settings that no label says, and that some say."""

    phrases: tuple[tuple[str, ...], ...]
    left_out: tuple[str, ...] = ()
    partly: tuple[str, ...] = ()

    def before(self, table: Table, wraps: bool = False) -> Table:
        """`table` with the labels in place of the columns that fold; they may be wrapped if it `wraps`."""
        others = [i for i, column in enumerate(table.columns) if not column.fold]
        head = Column(next(column.fold for column in table.columns if column.fold), wraps=wraps)
        rows = tuple(
            (Cell(" ".join(label)), *(row[i] for i in others))
            for label, row in zip(self.phrases, table.rows, strict=True)
        )
        return replace(table, columns=(head, *(table.columns[i] for i in others)), rows=rows)


def row_labels(table: Table) -> Iterator[RowLabels]:
    """Labels of the columns of `table` that fold, the longest first; all tell apart the rows that differ.

    First with every setting, then with fewer, down to those that tell rows apart; last, each row with only
    what it needs itself.
    """
    folding = [i for i, column in enumerate(table.columns) if column.fold]
    cells = [[row[i] for row in table.cells] for i in folding]
    texts = [[cell.text for cell in column] for column in cells]
    titles = [table.columns[i].title for i in folding]
    # Names speak for themselves: `tanh normalized`.
    names = [i for i, column in enumerate(cells) if all(cell.phrase == cell.text for cell in column)]
    needed = telling(texts, names)
    others = [i for i in range(len(folding)) if i not in names and i not in needed]
    order = [*names, *needed, *sorted(others, key=lambda i: -len({*texts[i]}))]

    def labels(told: Sequence[Sequence[int]]) -> RowLabels:
        """Labels of what is `told` of each row."""
        written = tuple(
            tuple(cells[i][row].phrase or texts[i][row] for i in each if texts[i][row])
            for row, each in enumerate(told)
        )
        told_of_some = {i for each in told for i in each}
        told_of_all = {i for i in told_of_some if all(i in each for each in told)}
        return RowLabels(
            written,
            left_out=tuple(titles[i] for i in order if i not in told_of_some),
            partly=tuple(titles[i] for i in order if i in told_of_some - told_of_all),
        )

    for count in range(len(order), max(len(names) + len(needed), 1) - 1, -1):
        yield labels([order[:count]] * len(table.rows))
    own = told_by_row(texts, names)
    if any(len(each) < len(needed) for each in own):
        yield labels([[*names, *each] for each in own])
