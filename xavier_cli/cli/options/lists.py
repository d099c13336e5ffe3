"""Reads options that take a list with commas: no value is empty, and none is given twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import typer

from xavier_cli.vocabulary.grammar import distinct, items, whole_numbers

T = TypeVar("T")


def names(text: str, option: str) -> Sequence[str]:
    """The names in `lr,depth`, the value of `option`; raises `BadParameter`."""
    return _read(lambda: distinct(items(text)), option)


def numbers(text: str, option: str) -> Sequence[int]:
    """The whole numbers in `10,32`, the value of `option`; raises `BadParameter`."""
    return _read(lambda: whole_numbers(text), option)


def _read(read: Callable[[], T], option: str) -> T:
    try:
        return read()
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None
