"""Arranges the tables of a comparison: columns, order and groups; the numbers do not depend on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from xavier_cli.findings.comparison import Section
from xavier_cli.findings.ranked import RankedExperiment
from xavier_cli.views import numbers
from xavier_cli.views.filters import in_order, known
from xavier_cli.views.page import Column, Table


@dataclass(frozen=True)
class View:
    """The options of the layout; the defaults leave the table unchanged."""

    columns: tuple[str, ...] = ()
    sort: str | None = None
    group_by: str | None = None
    transpose: bool = False
    top: int | None = None

    def arranged(self, section: Section) -> Section:
        """`section` with the requested settings and order; raises `FilterError`."""
        rows = tuple(in_order(section.rows, _values, self.sort))
        named = (known(rows, lambda row: row.settings, word, "--columns") for word in self.columns)
        return replace(section, rows=rows[: self.top], varying=tuple(named) or section.varying)

    def note(self, sections: Sequence[Section]) -> tuple[str, ...]:
        """A sentence about the rows that `top` leaves out of `sections`; none if it leaves out none."""
        most = max((len(section.rows) for section in sections), default=0)
        if self.top is None or most <= self.top:
            return ()
        first = f"first {self.top} of {most:,} rows are" if self.top > 1 else f"first of {most:,} rows is"
        return (f"The {first} shown; all are compared.",)

    def groups(self, section: Section) -> Iterator[Section]:
        """Yield a part of `section` per value of `group_by`; the verdicts remain those of the whole."""
        if self.group_by is None:
            yield section
            return
        name = known(section.rows, lambda row: row.settings, self.group_by, "--group-by")
        for value in dict.fromkeys(row.settings.get(name, "") for row in section.rows):
            yield replace(
                section,
                data=f"{section.data}, {name} {numbers.setting(value, name)}",
                rows=tuple(row for row in section.rows if row.settings.get(name, "") == value),
                varying=tuple(each for each in section.varying if each != name),
            )


def transposed(table: Table) -> Table:
    """`table` with a column per row; the best is marked in its heading."""
    best = table.best or frozenset()
    heads = [f"{'* ' if i in best else ''}{i + 1}" for i in range(len(table.rows))]
    kept = [i for i, column in enumerate(table.columns) if not column.picture]
    rows = tuple((table.columns[i].title, *(row[i].strip() for row in table.texts)) for i in kept)
    return replace(table, columns=(Column(""), *map(Column, heads)), rows=rows, best=None, continues=True)


def _values(row: RankedExperiment) -> dict[str, object]:
    return {
        **row.settings,
        "n": len(row.seeds),
        "diverged": len(row.diverged),
        "updates_done": row.updates_done,
        "test_error": row.test_error.mean,
        "valid_error": row.valid_error.mean,
        "p": row.verdict.p,
    }
