"""Renders tables as HTML: scrolled with a cue where they are wide, sorted where that is asked for."""

from __future__ import annotations

from collections.abc import Sequence

from xavier_cli.report.elements import Markup, element, escaped, prose
from xavier_cli.views.page import Cell, Column, Table

# More lines than this are folded.
MOST_LINES = 8
MOST_NARROW = 5
# A longer name takes several lines on any screen.
LONG = 40


def table_element(
    table: Table, sortable: bool = False, pictures: Sequence[Markup] = (), sticky: int = 0
) -> Markup:
    """`table` in an element that can be scrolled by keyboard if it is wider than the page.

    `pictures` are of one row each, in a column after the `sticky` first ones, which stay when it is scrolled.
    """
    best = table.best or frozenset()
    # Whoever cannot see the page is told what each table is.
    name = table.title or table.columns[0].title
    heads = (
        [element("th", element("span", "best", class_="unseen"), scope="col", class_="mark")] if best else []
    )
    heads += [_head(column, sortable, "stay" * (i < sticky)) for i, column in enumerate(table.columns)]
    at = sticky + bool(best)
    if pictures:
        heads.insert(at, element("th", "error over updates", scope="col"))
    rows = []
    for i, row in enumerate(table.cells):
        cells = [element("td", "*" if i in best else "", class_="mark")] if best else []
        cells += [
            _cell(cell, column, "stay" * (j < sticky))
            for j, (cell, column) in enumerate(zip(row, table.columns, strict=True))
        ]
        if pictures:
            cells.insert(at, element("td", pictures[i], class_="spark"))
        rows.append(element("tr", *cells, class_="best" if i in best else ""))
    content = element(
        "table",
        element("caption", name, *([element("span", table.about)] if table.about else [])),
        element("thead", element("tr", *heads)),
        element("tbody", *rows),
        class_="sortable" if sortable else "",
    )
    kind = "wide narrow" if _is_narrow(table) else "wide"
    return element("div", content, class_=kind, tabindex="0", role="region", aria_label=name)


def _is_narrow(table: Table) -> bool:
    """Whether it is a long list of few numbers, which takes half a sheet of paper."""
    numbers = sum(column.align == "right" for column in table.columns)
    return len(table.columns) <= MOST_NARROW and numbers >= len(table.columns) - 1 and len(table.rows) > LONG


def _head(column: Column, sortable: bool, stays: str) -> Markup:
    inside = element("button", column.title, type="button") if sortable else escaped(column.title)
    return element("th", inside, scope="col", class_=_kind(column, stays))


def _cell(cell: Cell, column: Column, stays: str) -> Markup:
    is_number = isinstance(cell.value, int | float)
    value = str(float(cell.value)) if isinstance(cell.value, int | float) else cell.value or ""
    words = _kind(column, stays), "whole" * is_number, "long" * (len(cell.text) > LONG)
    kind = " ".join(word for word in words if word)
    return element("td", prose(cell.text.strip()), class_=kind, title=cell.detail, data_value=value)


def _kind(column: Column, stays: str) -> str:
    words = "number" * (column.align == "right"), "text" * column.wraps, stays
    return " ".join(word for word in words if word)


def lines_element(lines: Sequence[str], name: str = "") -> Markup:
    """`lines` as a list of the class `name`, of which all but the first few are folded."""
    if not lines:
        return Markup("")
    first = _list(lines[:MOST_LINES], name)
    rest = lines[MOST_LINES:]
    if not rest:
        return first
    return Markup(first + folded(f"{len(rest)} more", _list(rest, name)))


def _list(lines: Sequence[str], name: str) -> Markup:
    return element("ul", *(element("li", prose(line)) for line in lines), class_=name)


def folded(summary: str, inside: Markup) -> Markup:
    """`inside` behind a summary that opens it; open on paper."""
    return element("details", element("summary", summary), inside)
