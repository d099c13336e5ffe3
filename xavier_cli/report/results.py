"""Arranges a comparison for the page: the results first, then settings, with a curve for every row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from xavier_cli.config.settings import settings_where
from xavier_cli.findings.comparison import Comparison, Section
from xavier_cli.report.content import Curve, KeyNumber, Results
from xavier_cli.views.comparison import over_time, result_table
from xavier_cli.views.comparison_answer import names
from xavier_cli.views.metric import with_unit
from xavier_cli.views.page import Cell, Column

# The order of columns; settings follow.
_FIRST = ("test error %", "Δ best", "p", "N", "diverged", "valid error %")
_IN_NAMES = settings_where(is_name=True)
# At most so many data sets have a number of their own at the top.
MOST_KEY_NUMBERS = 3


def results(comparison: Comparison) -> tuple[Results, ...]:
    """The table and the curves of each data set."""
    return tuple(_results(section, comparison) for section in comparison.sections)


def _results(section: Section, comparison: Comparison) -> Results:
    table, called = result_table(section), names(section)
    titles = [column.title for column in table.columns]
    first = [titles.index(title) for title in _FIRST if title in titles]
    # What is in every name needs no column.
    order = [*first, *(i for i in range(len(titles)) if i not in first and titles[i] not in _IN_NAMES)]
    arranged = table.keeping(order)
    labels = [Cell(name, name) for name in called]
    curves = [
        Curve(name, row.run.updates, over_time(row, comparison.metric), row.verdict.kind == "best")
        for name, row in zip(called, section.rows, strict=True)
    ]
    return Results(
        replace(
            arranged,
            columns=(Column("experiment"), *arranged.columns),
            rows=tuple((label, *row) for label, row in zip(labels, arranged.rows, strict=True)),
        ),
        tuple(curves),
        section.rows[0].run.facts.guessing_error,
    )


def key_numbers(comparison: Comparison) -> tuple[KeyNumber, ...]:
    """The two or three numbers of the answer; with several data sets, the best error on each."""
    sections = [section for section in comparison.sections if section.rows[0].verdict.kind == "best"]
    if len(comparison.sections) > 1:
        each = (_lowest(section, comparison, f" on {section.data}") for section in sections)
        return tuple(each)[:MOST_KEY_NUMBERS]
    return tuple(number for section in sections for number in _of(section, comparison))


def _of(section: Section, comparison: Comparison) -> Iterator[KeyNumber]:
    yield _lowest(section, comparison, "")
    others = section.rows[1:]
    tested = [row for row in others if row.verdict.kind in ("told_apart", "not_told_apart")]
    worse = [row for row in tested if row.verdict.kind == "told_apart"]
    if tested:
        yield KeyNumber(f"{len(worse)} of {len(others)}", "significantly worse than the best")
    chance = section.rows[0].run.facts.guessing_error
    yield KeyNumber(f"{100 * chance:.1f} %", "chance level: the error of a constant answer")


def _lowest(section: Section, comparison: Comparison, on: str) -> KeyNumber:
    first = section.rows[0]
    value = with_unit(first.estimate, comparison.metric).removesuffix(comparison.metric.words).strip()
    seeds = f"mean of {len(first.seeds)} seeds, ± 95 % CI" if len(first.seeds) > 1 else "1 seed"
    return KeyNumber(value, f"{comparison.metric.words}{on} of {names(section)[0]} ({seeds})")
