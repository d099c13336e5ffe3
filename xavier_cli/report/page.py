"""Renders a report as one self-contained HTML page; equal content gives equal bytes."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from importlib.resources import files

from xavier_cli.report import colours
from xavier_cli.report.content import Content, Origin, Picture
from xavier_cli.report.elements import Markup, element, escaped, joined, json_block
from xavier_cli.version import __version__
from xavier_cli.views.page import Table

# The default colour of text in a figure.
_INK = "000000"


def page(content: Content) -> str:
    """The report as one HTML document."""
    style, script = _file("page.css"), _file("page.js")
    used = {_INK}
    parts = list(_sections(content, used))
    body = joined(
        element("a", "Skip to the answer", class_="skip", href="#answer"),
        element("header", element("h1", content.title), _contents(parts), _theme_button()),
        element("main", *(_section(*part) for part in parts)),
        element("footer", element("p", f"Made by xavier {__version__} from run files; no network needed.")),
    )
    light, dark = colours.light_values(used), colours.dark_values(used)
    # Print with the light theme.
    themes = (
        f":root{{{light}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}"
        f"@media screen{{:root[data-theme=dark]{{{dark}}}}}"
    )
    head = joined(
        Markup('<meta charset="utf-8">'),
        Markup(f'<meta http-equiv="Content-Security-Policy" content="{_policy(script)}">'),
        Markup('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Markup('<meta name="color-scheme" content="light dark"><meta name="referrer" content="no-referrer">'),
        element("title", content.title),
        Markup(f"<style>{style}{themes}</style>"),
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>{head}</head>\n<body>\n{body}\n'
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def _file(name: str) -> str:
    return files("xavier_cli.report").joinpath(name).read_text(encoding="utf-8")


def _policy(script: str) -> str:
    """The content security policy: only the page's own script runs, and nothing is loaded or sent."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
        f"script-src 'sha256-{digest}'"
    )


def _sections(content: Content, used: set[str]) -> Iterator[tuple[str, str, Markup]]:
    """Name, title and content of each part that is not empty."""
    yield "answer", "Answer", joined(*(element("p", line) for line in content.answer))
    if content.comparison:
        yield "comparison", "Comparison", joined(*map(_results, content.comparison), _lines(content.rules))
    if content.pictures or content.undrawn:
        drawn = (_picture(each, used) for each in content.pictures)
        yield "figures", "Figures", joined(*drawn, _lines(content.undrawn))
    if content.layers:
        yield "layers", "Layers over time", _layers(content)
    if content.findings or content.finding_notes:
        found = joined(*map(_table, content.findings), _lines(content.finding_notes))
        yield "findings", "Findings", found
    if content.judged or content.undecided:
        yield "claims", "The paper's claims", _claims(content.judged, content.undecided)
    if content.origins:
        yield "origin", "Configuration and origin", joined(*map(_origin, content.origins))
        words = element(
            "p", "Each command makes one of the runs again; the last one makes this page of them."
        )
        lines = element("pre", element("code", Markup("\n".join(map(escaped, content.again)))), tabindex="0")
        yield "again", "Reproduce this report", joined(words, lines)
    if content.notes:
        yield "notes", "Notes", _lines(content.notes)


def _contents(parts: Sequence[tuple[str, str, Markup]]) -> Markup:
    links = (element("li", element("a", title, href=f"#{name}")) for name, title, _ in parts)
    return element("nav", element("ul", *links), aria_label="Sections")


def _theme_button() -> Markup:
    return element("button", "Toggle theme", id="theme", type="button", hidden=True)


def _section(name: str, title: str, inside: Markup) -> Markup:
    heading = element("h2", title, id=f"{name}-title")
    return element("section", heading, inside, id=name, aria_labelledby=f"{name}-title")


def _table(table: Table, sortable: bool = False) -> Markup:
    """A table that can be scrolled by keyboard if it is wider than the page, and sorted if `sortable`."""
    best = table.best or frozenset()
    # Whoever cannot see the page is told what each table is.
    name = table.title or table.columns[0].title
    kinds = ["number" if column.align == "right" else "" for column in table.columns]
    heads = [element("th", element("span", "best", class_="unseen"), scope="col")] if best else []
    for column, kind in zip(table.columns, kinds, strict=True):
        inside = element("button", column.title, type="button") if sortable else escaped(column.title)
        heads.append(element("th", inside, scope="col", class_=kind))
    rows = []
    for i, row in enumerate(table.cells):
        cells = [element("td", "*" if i in best else "")] if best else []
        for cell, kind in zip(row, kinds, strict=True):
            value = str(float(cell.value)) if isinstance(cell.value, int | float) else cell.value or ""
            cells.append(element("td", cell.text.strip(), class_=kind, title=cell.detail, data_value=value))
        rows.append(element("tr", *cells, class_="best" if i in best else ""))
    content = element(
        "table",
        element("caption", name, *([element("span", table.about)] if table.about else [])),
        element("thead", element("tr", *heads)),
        element("tbody", *rows),
        class_="sortable" if sortable else "",
    )
    return element(
        "div",
        content,
        class_="wide",
        tabindex="0",
        role="region",
        aria_label=table.title or table.columns[0].title,
    )


def _results(table: Table) -> Markup:
    return _table(table, sortable=len(table.rows) > 1)


def _lines(lines: Sequence[str]) -> Markup:
    return element("ul", *(element("li", line) for line in lines)) if lines else Markup("")


def _picture(picture: Picture, used: set[str]) -> Markup:
    name = f"figure-{picture.name}"
    svg = colours.variables(picture.svg, used).replace(
        "<svg", f'<svg role="img" aria-labelledby="{name}-title {name}-caption"', 1
    )
    data = [_folded("Show data", _table(picture.data))] if picture.data else []
    return element(
        "figure",
        element("h3", picture.title, id=f"{name}-title"),
        element("div", Markup(svg), class_="drawing"),
        element("figcaption", picture.caption, id=f"{name}-caption"),
        *data,
    )


def _folded(summary: str, inside: Markup) -> Markup:
    return element("details", element("summary", summary), inside)


def _layers(content: Content) -> Markup:
    """The element in which the script draws; without scripts it is only a sentence."""
    controls = element(
        "div",
        element("label", "Run ", element("select", id="layers-run")),
        element("label", "Tensor ", element("select", id="layers-tensor")),
        element(
            "label",
            "Record ",
            Markup('<input type="range" id="layers-record" min="0" max="0" step="1" value="0">'),
        ),
        element("output", id="layers-now", for_="layers-record layers-run layers-tensor"),
        id="layers-controls",
        hidden=True,
    )
    return joined(
        element(
            "p",
            "How each layer's values are distributed at a record: shares per bin, mean over seeds, each "
            "panel as high as its highest bar. Arrow keys move the slider.",
        ),
        Markup("<noscript><p>The slider needs the page's own script, which is off.</p></noscript>"),
        controls,
        element("div", id="layers-drawing", class_="drawing"),
        element("div", id="layers-numbers", class_="wide", tabindex="0", role="region", aria_label="Numbers"),
        json_block("layers-data", content.layers),
    )


def _claims(judged: Table | None, undecided: Table | None) -> Markup:
    first = _table(judged) if judged else element("p", "These runs can tell none of them.")
    return joined(first, _folded("Claims that need other runs", _table(undecided)) if undecided else "")


def _origin(origin: Origin) -> Markup:
    return _folded(origin.name, _table(origin.settings))
