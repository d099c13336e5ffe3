"""Shows runs and comparisons in a notebook or interpreter: the tables of the commands, as HTML and text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from xavier_cli.findings.comparison import Comparison
from xavier_cli.findings.expectation import expectation
from xavier_cli.findings.health import diagnose
from xavier_cli.findings.scores import final_error
from xavier_cli.report.elements import Markup, element, joined
from xavier_cli.runs.counting import in_words, stopped_in_words
from xavier_cli.runs.record import Run
from xavier_cli.sanitize import clean
from xavier_cli.statistics.estimate import mean_over_seeds
from xavier_cli.views import numbers
from xavier_cli.views.comparison import comparison_page
from xavier_cli.views.initialization import initial_page
from xavier_cli.views.network import network_page
from xavier_cli.views.page import Page, Table
from xavier_cli.views.training import result_page
from xavier_cli.vocabulary.grammar import show_value

# More rows than this are left to `to_dataframe`.
MOST_ROWS = 40


def run_text(run: Run) -> str:
    """`run` in one line: what it is, how far it came, its error."""
    config = run.config
    done = int(run.updates[-1])
    rate = f", lr {show_value(run.lr)}" if config.updates and config.applies("lr") else ""
    what = f"{config.data} {config.title}{rate}{config.title_suffix}"
    parts = [f"{len(run.seeds)} seed{'s' * (len(run.seeds) != 1)}", f"{done:,} updates"]
    if lost := in_words(run):
        parts.append(lost)
    if run.status != "complete":
        parts.append(stopped_in_words(run))
    if done and "curves/test_error" in run and "final/diverged_at" in run:
        (error,) = numbers.percents([mean_over_seeds(final_error(run))])
        parts.append(f"test error {error.strip()} %")
    where = f", {run.path}" if run.path else ""
    return clean(f"<Run {what}: {', '.join(parts)}{where}>")


def run_html(run: Run) -> str:
    """The tables that `train` or `probe` prints of `run`."""
    path = Path(run.label)
    if run.updates[-1] > 0:
        return _page(result_page(run, path))
    if run.network is not None:
        return _page(network_page(run, diagnose(run), path))
    return _page(initial_page(run, expectation(run), path))


def comparison_text(comparison: Comparison) -> str:
    """The tables that `compare` prints, not wrapped."""
    page = _of(comparison)
    tables = ["\n".join(_lines(table.without_pictures())) for table in page.tables]
    answer = [clean(page.about)] if page.about else []
    return "\n\n".join([*answer, *tables]) if tables else "<Comparison: none of these runs was trained>"


def comparison_html(comparison: Comparison) -> str:
    """The tables and notes that `compare` prints."""
    return _page(_of(comparison)) if comparison.sections else f"<p>{_NONE}</p>"


def comparison_records(comparison: Comparison) -> Sequence[Mapping[str, object]]:
    """The rows of `compare -f csv`."""
    return _of(comparison).records


def _of(comparison: Comparison) -> Page:
    return comparison_page(comparison, getattr(comparison, "notes", ()))


_NONE = "None of these runs was trained."


def _page(page: Page) -> Markup:
    notes = [element("ul", *(element("li", note) for note in page.notes))] if page.notes else []
    title = [element("p", element("b", page.title))] if page.title else []
    about = [element("p", page.about)] if page.about else []
    return element("div", *title, *about, *map(_table, page.tables), *notes)


def _table(table: Table) -> Markup:
    table = table.without_pictures()
    best, shown = table.best or frozenset(), table.texts[:MOST_ROWS]
    marked = table.best is not None
    heads = [element("th", "")] if marked else []
    heads += [element("th", column.title, style=_align(column.align)) for column in table.columns]
    rows = []
    for i, row in enumerate(shown):
        kind = "th" if i in best else "td"
        cells = [element(kind, "*" if i in best else "")] if marked else []
        cells += [
            element(kind, text.strip(), style=_align(column.align))
            for column, text in zip(table.columns, row, strict=True)
        ]
        rows.append(element("tr", *cells))
    head = [element("b", table.title)] if table.title else []
    about = [element("div", table.about)] if table.about else []
    more = len(table.rows) - len(shown)
    rest = [element("p", f"{more:,} more rows: `to_dataframe()` has all.")] if more > 0 else []
    body = element("table", element("thead", element("tr", *heads)), element("tbody", *rows))
    return joined(*head, *about, body, *rest)


def _align(align: str) -> str:
    return f"text-align:{align}"


def _lines(table: Table) -> list[str]:
    """`table` as lines of text with aligned columns, of as many rows as are shown."""
    best = table.best or frozenset()
    rows = [[column.title for column in table.columns], *table.texts[:MOST_ROWS]]
    widths = [max(len(row[i]) for row in rows) for i in range(len(table.columns))]
    lines = [clean(text) for text in (table.title, table.about) if text]
    for i, row in enumerate(rows):
        cells = [
            cell.rjust(width) if column.align == "right" else cell.ljust(width)
            for cell, width, column in zip(row, widths, table.columns, strict=True)
        ]
        mark = [] if table.best is None else ["*" if i - 1 in best else " "]
        lines.append(clean("  ".join([*mark, *cells]).rstrip()))
    more = len(table.rows) - MOST_ROWS
    return [*lines, f"… {more:,} more rows: `to_dataframe()` has all"] if more > 0 else lines
