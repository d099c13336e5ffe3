"""Takes the words of a watched training as they are: its loop, not this program, decided what they mean.

A watched training (`xavier_cli.watch`) tells settings in words of its own: `init="fixup"`, `data="corpus-3"`.
Where a table knows the word it is that row; any other is a name and nothing more, of which no code is loaded.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from xavier_cli.sanitize import clean

_are_told: ContextVar[bool] = ContextVar("are_told", default=False)
LONGEST_TOLD = 200


@contextmanager
def told_words(are_told: bool = True) -> Iterator[None]:
    """While names are resolved, take those that no table has as names alone, where `are_told`."""
    token = _are_told.set(are_told)
    try:
        yield
    finally:
        _are_told.reset(token)


def words_are_told() -> bool:
    """Whether names that no table has are names alone."""
    return _are_told.get()


def as_name(text: str) -> str:
    """`text` without the signs that the grammar of settings reads: `,`, `:`, `=` and `;`.

    Raises `ValueError` where nothing is left, or it is too long.
    """
    name = re.sub(r"\s*[,;]\s*", " ", clean(text).strip()).replace(":", ".").replace("=", " ")
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_TOLD:
        raise ValueError(f"should be a name of 1 to {LONGEST_TOLD} characters")
    return name
