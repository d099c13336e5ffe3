"""Builds HTML elements as text, and escapes everything that is not marked as HTML."""

from __future__ import annotations

import html

from xavier_cli.files.json_text import write_json
from xavier_cli.sanitize import clean


class Markup(str):
    """Text that is safe HTML."""

    __slots__ = ()


def escaped(text: str) -> Markup:
    """`text` escaped for HTML; unchanged if it is `Markup` already."""
    return text if isinstance(text, Markup) else Markup(html.escape(clean(text)))


def element(name: str, *inside: str, **attributes: str | bool) -> Markup:
    """`<name …>inside</name>`; `class_` and `aria_label` are the attributes `class` and `aria-label`.

    An attribute that is True is written without a value, and one that is False or empty is left out.
    """
    set_ = [
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escaped(str(value))}"')
        for key, value in attributes.items()
        if value is not False and value != ""
    ]
    return Markup(f"<{name}{''.join(set_)}>{''.join(map(escaped, inside))}</{name}>")


def prose(text: str) -> Markup:
    """`text` as HTML, with what stands between backticks as code; a command in it can be copied."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escaped(text)
    return joined(*(code(part) if i % 2 else part for i, part in enumerate(parts)))


def code(text: str) -> Markup:
    """`text` set as code; a command is marked as what the script offers to copy."""
    return element("code", text, class_="command" if text.startswith("xavier ") else "")


def joined(*parts: str) -> Markup:
    """The concatenation of `parts`."""
    return Markup("".join(map(escaped, parts)))


def json_block(name: str, content: object) -> Markup:
    """A block of JSON called `name` for the page's script, escaped so that no content can end it."""
    text = write_json(content, sorted_keys=True)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(f'<script type="application/json" id="{html.escape(name)}">{text}</script>')
