"""Renders a report as one self-contained HTML page; equal content gives equal bytes."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from importlib.resources import files

from xavier_cli.report import colours
from xavier_cli.report.content import Content, Origin, Picture
from xavier_cli.report.elements import Markup, code, element, joined, json_block, prose
from xavier_cli.report.sparks import drawn, sparks
from xavier_cli.report.tables import MOST_LINES, folded, lines_element, table_element
from xavier_cli.version import __version__
from xavier_cli.views.page import Table

# The tables of more runs than one less are folded.
MOST_FINDINGS_OPEN = 4
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
    yield "answer", "Answer", _answer(content)
    if content.comparison:
        yield "comparison", "Comparison", _comparison(content)
    small = drawn(content.comparison)
    if content.pictures or content.undrawn or small:
        pictures = (_picture(each, used) for each in content.pictures)
        yield "figures", "Figures", joined(*small, *pictures, lines_element(content.undrawn))
    if content.layers:
        yield "layers", "Layers over time", _layers(content)
    if content.findings or content.finding_notes:
        yield (
            "findings",
            "Findings",
            joined(_findings(content.findings), lines_element(content.finding_notes)),
        )
    if content.judged or content.undecided:
        yield "claims", "The paper's claims", _claims(content.judged, content.undecided)
    if content.origins:
        shared = [folded(content.shared.title, table_element(content.shared))] if content.shared else []
        yield "origin", "Configuration and origin", joined(*shared, *map(_origin, content.origins))
        yield "again", "Reproduce this report", _again(content.again)
    if content.notes:
        yield "notes", "Notes", lines_element(content.notes)


def _findings(tables: Sequence[Table]) -> Markup:
    """The state of every run, then what was found in each, folded where there are many."""
    few = len(tables) <= MOST_FINDINGS_OPEN
    summary, found = tables[:1], tables[1:]
    details = (table_element(each) if few else folded(each.title, table_element(each)) for each in found)
    return joined(*map(table_element, summary), *details)


def _again(commands: Sequence[str]) -> Markup:
    """The commands, of which those that train are folded where they are many."""
    *trains, report = (element("pre", code(command), tabindex="0") for command in commands)
    words = f"Train {'the run' if len(trains) == 1 else f'the {len(trains)} runs'} again"
    again = folded(words, joined(*trains)) if len(trains) > MOST_LINES else joined(*trains)
    return joined(
        element("p", "Each command makes one of the runs; the last one makes this page of them."),
        again,
        report,
    )


def _contents(parts: Sequence[tuple[str, str, Markup]]) -> Markup:
    links = (element("li", element("a", title, href=f"#{name}")) for name, title, _ in parts)
    return element("nav", element("ul", *links), aria_label="Sections")


def _theme_button() -> Markup:
    return element("button", "Toggle theme", id="theme", type="button", hidden=True)


def _section(name: str, title: str, inside: Markup) -> Markup:
    heading = element("h2", title, id=f"{name}-title")
    return element("section", heading, inside, id=name, aria_labelledby=f"{name}-title")


def _answer(content: Content) -> Markup:
    """The leading sentences large, the numbers below, then the rest."""
    lead = content.answer[: content.leading]
    size = "lead" if len(lead) == 1 else "lead several"
    numbers = (
        element("div", element("dt", number.about), element("dd", number.value))
        for number in content.key_numbers
    )
    return joined(
        *(element("p", prose(line), class_=size) for line in lead),
        element("dl", *numbers, class_="numbers") if content.key_numbers else Markup(""),
        *(element("p", prose(line)) for line in content.answer[content.leading :]),
    )


def _comparison(content: Content) -> Markup:
    """The tables across the window; what explains them beside them where there is room."""
    tables = []
    for each in content.comparison:
        several = len(each.table.rows) > 1
        tables.append(table_element(each.table, several, sparks(each), sticky=2))
    rules = element("aside", lines_element(content.rules), class_="notes") if content.rules else Markup("")
    hint = element("p", "The table continues to the right.", class_="hint", hidden=True)
    return element("div", element("div", *tables, hint, class_="tables"), rules, class_="beside")


def _picture(picture: Picture, used: set[str]) -> Markup:
    name = f"figure-{picture.name}"
    svg = colours.variables(picture.svg, used).replace(
        "<svg", f'<svg role="img" aria-labelledby="{name}-title {name}-caption"', 1
    )
    data = [folded("Show data", table_element(picture.data))] if picture.data else []
    return element(
        "figure",
        element("h3", picture.title, id=f"{name}-title"),
        element("div", Markup(svg), class_="drawing"),
        element("figcaption", prose(picture.caption), id=f"{name}-caption"),
        *data,
    )


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
    first = table_element(judged) if judged else element("p", "These runs can tell none of them.")
    return joined(first, folded("Claims that need other runs", table_element(undecided)) if undecided else "")


def _origin(origin: Origin) -> Markup:
    return folded(origin.name, table_element(origin.settings))
