"""Filters and sorts rows by their values: `act=tanh`, `lr<0.1`; by `test_error`, or `-test_error`."""

from __future__ import annotations

import contextlib
import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial
from typing import TypeVar

from xavier_cli.config.checks import activation_name, data_name
from xavier_cli.config.settings import SETTINGS, settings_where
from xavier_cli.errors import ExitCode, XavierError
from xavier_cli.views.numbers import setting
from xavier_cli.vocabulary import lookup
from xavier_cli.vocabulary.other_words import setting_name
from xavier_cli.vocabulary.resolve import PLACES, find_bias, find_layers

# A line with more values would not be read.
MOST_VALUES = 6

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_CONDITION = re.compile(r"\s*([\w-]+)\s*(!=|<=|>=|==|=|<|>)\s*(.*?)\s*")
# The function that gives the canonical name, for each kind of names with aliases.
_CANONICAL: Mapping[str, Callable[[str], str]] = {
    "activation": activation_name,
    # Of any network: the runs may be of several.
    "initializers": partial(find_layers, names=True),
    "initializer": partial(find_bias, names=True),
    "data": data_name,
}

_WITH_PARAMETERS = {
    *settings_where(words="activation"),
    *settings_where(words="initializers"),
    *settings_where(words="initializer"),
}
_PARAMETERS = {
    each.name
    for table in (lookup.ACTIVATIONS, lookup.INITIALIZERS)
    for row in table.values()
    for each in row.parameters
}

T = TypeVar("T")
Values = Mapping[str, object]


class FilterError(XavierError, ValueError):
    """An invalid condition or name; the message names the option that it was given to."""

    exit_code = ExitCode.USAGE

    def __init__(self, option: str, text: str):
        super().__init__(f"Invalid value for {option}: {text}")


def chosen(
    rows: Sequence[T],
    values: Callable[[T], Values],
    conditions: Sequence[str] | None,
    is_about: Callable[[str], bool] = lambda _: True,
) -> list[T]:
    """The rows whose `values` meet every condition; raises `FilterError` that names an invalid one.

    `is_about` says of a name whether conditions on it are looked at.
    """
    kept = list(rows)
    for name, sign, wanted in _parsed(conditions):
        if not is_about(name):
            continue
        name = known(rows, values, name, "--where")
        kept = [row for row in kept if _fits(name, values(row).get(name), sign, wanted)]
    return kept


def nothing_fits(
    rows: Sequence[T],
    values: Callable[[T], Values],
    conditions: Sequence[str] | None,
    is_about: Callable[[str], bool] = lambda _: True,
) -> str:
    """Why no row meets the `conditions`, with the values that there are of the names that fit no row."""
    told, asked = {}, [each for each in _parsed(conditions) if is_about(each[0])]
    for name, sign, wanted in asked:
        own = [values(row).get(name) for row in rows]
        if not any(_fits(name, value, sign, wanted) for value in own):
            told[name] = _said(name, own)
    if told:
        return f"no run matches `--where`: {'; '.join(told.values())}"
    return "no run matches `--where`" + ": each condition fits some runs, but none fits all" * (
        len(asked) > 1
    )


def _said(name: str, own: Sequence[object]) -> str:
    """The different values of `name`, as a clause."""
    single = (part for value in own for part in (value if isinstance(value, tuple) else (value,)))
    different = sorted({part for part in single if part not in (None, "")}, key=_sortable)
    words = [setting(each, name) for each in different[:MOST_VALUES]]
    more = f" and {len(different) - MOST_VALUES:,} more" if len(different) > MOST_VALUES else ""
    return f"{name} is {', '.join(words)}{more} in these runs" if words else f"no run here has a {name}"


def _parsed(conditions: Sequence[str] | None) -> Iterator[tuple[str, str, str]]:
    """Yield name, sign and value of each condition; raises `FilterError` that names an invalid one."""
    # A comma also separates the parts of one value, such as seeds, so split only before a new condition.
    # Parts after a name with parameters or layers belong to it (`init=normal:std=1,output=zeros`).
    parts: list[str] = []
    for text in conditions or ():
        for part in re.split(r",(?=\s*[\w-]+\s*[!<>=])", text):
            name = part.partition("=")[0].strip()
            before = re.match(r"\s*([\w-]+)\s*!?=", parts[-1]) if parts else None
            goes_on = before and setting_name(before[1]) in _WITH_PARAMETERS
            if goes_on and (name in PLACES or name.isdigit() or name in _PARAMETERS):
                parts[-1] += f",{part}"
            else:
                parts.append(part)
    for part in parts:
        match = _CONDITION.fullmatch(part)
        if match is None or not match[3]:
            raise FilterError("--where", f"`{part}` should be like act=tanh or lr<0.1")
        yield setting_name(match[1]), match[2], match[3]


def in_order(rows: Sequence[T], values: Callable[[T], Values], by: str | None) -> list[T]:
    """The rows sorted by one of their values; in either direction rows without it come last."""
    if by is None:
        return list(rows)
    falling, name = by.startswith("-"), known(rows, values, by.lstrip("-"), "--sort")

    def is_missing(row: T) -> bool:
        value = values(row).get(name)
        return value in (None, "") or (isinstance(value, float) and math.isnan(value))

    there = [row for row in rows if not is_missing(row)]
    there.sort(key=lambda row: _sortable(values(row)[name]), reverse=falling)
    return there + [row for row in rows if is_missing(row)]


def known(rows: Sequence[T], values: Callable[[T], Values], word: str, option: str) -> str:
    """The name that `word` stands for; raises `FilterError` where no row has a value for it.

    The message suggests the nearest that some have.
    """
    there = dict.fromkeys(key for row in rows for key in values(row))
    name = setting_name(word)
    if rows and name not in there:
        # A part of a name is meant for the whole: `test` for `test_error`.
        whole = next((each for each in there if name in each.split("_")), None)
        hint = f"unknown name `{name}`: did you mean `{whole}`?" if whole else ""
        raise FilterError(option, hint or lookup.unknown_message("name", name, there))
    return name


def _fits(name: str, value: object, sign: str, wanted: str) -> bool:
    if sign in _COMPARISONS:
        number = _number(wanted)
        if number is None:
            raise FilterError("--where", f"`{name}{sign}{wanted}` should compare with a number")
        own = _number(value)
        return own is not None and _COMPARISONS[sign](own, number)
    return (sign != "!=") == _is(name, value, wanted)


def _is(name: str, value: object, wanted: str) -> bool:
    if isinstance(value, tuple):
        return any(_is(name, each, wanted) for each in value)
    own, number = _number(value), _number(wanted)
    if own is not None and number is not None:
        return math.isclose(own, number)
    words = SETTINGS[name].words if name in SETTINGS else ""
    if words in _CANONICAL:
        # An unknown name may still occur in an older run.
        with contextlib.suppress(ValueError):
            canonical = _CANONICAL[words](wanted)
            # The paths of layers hold such signs themselves.
            if str(value) == canonical or not set("*?[") & set(wanted):
                return str(value) == canonical
    return fnmatchcase(str(value), wanted)


def _number(value: object) -> float | None:
    try:
        return float(value) if isinstance(value, str | int | float) else None
    except ValueError:
        return None


def _sortable(value: object) -> tuple[bool, float, str]:
    """A sort key that puts numbers before text."""
    number = _number(value)
    return (number is None, number or 0.0, str(value))
