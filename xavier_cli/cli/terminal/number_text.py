"""Tells which texts are numbers: those that programs read, and those that tables show."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

_EXPONENT = r"(?:[eE][-+]?\d+)?"
_PLAIN = re.compile(rf"[-+]?(?:\d+\.?\d*|\.\d+){_EXPONENT}")
# `< .0001`, `(.031)`, `+11.7 [9.0, 14.4]`, `~0.03!`, `47.7 ± 0.9 %`, `1.2 MB`, `2.3*`. A version, a date, a
# range and a name are no numbers.
_SHOWN = re.compile(
    r"(?P<before>(?:[<>≤≥=] ?|[(~])?[-+−]?[\d,]*)"
    rf"(?:\.(?P<digits>\d+))?(?P<after>{_EXPONENT}"
    rf"(?: ± [\d,]*\.?\d+{_EXPONENT})?(?: (?:%|[A-Za-zµ]+(?:/s)?))?(?: \[[^\[\]]*\])?[)!*]*)"
)


class ShownNumber(NamedTuple):
    """A number of a table: what is before its point, or all its digits; what is behind; if it has one."""

    before: str
    behind: str
    has_point: bool


def is_plain_number(text: str) -> bool:
    """Whether `text` is a number as programs write it."""
    return _PLAIN.fullmatch(text.strip()) is not None


def shown_number(text: str) -> ShownNumber | None:
    """The number that a table shows as `text`, with its interval, unit and marks; None for other text."""
    match = _SHOWN.fullmatch(text)
    if match is None or not (re.search(r"\d", match["before"]) or match["digits"]):
        return None
    return ShownNumber(match["before"], (match["digits"] or "") + match["after"], match["digits"] is not None)


def has_points(texts: Iterable[str]) -> bool:
    """Whether any of `texts` is a number with a point, at which a column of them can be aligned."""
    return any((number := shown_number(text)) and number.has_point for text in texts)
