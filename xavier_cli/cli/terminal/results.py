"""Where results go: stdout, which nothing else may write to once code of the user's has run."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from typing import TextIO

from xavier_cli.vocabulary.process_state import kept_streams

_kept: list[TextIO] = []


def results() -> TextIO:
    """The stream that carries results."""
    return _kept[0] if _kept else sys.stdout


@contextlib.contextmanager
def results_apart() -> Iterator[None]:
    """While code of the user's may print, at any time and from any thread: what is printed goes to stderr."""
    if _kept:
        yield
        return
    _kept.append(sys.stdout)
    try:
        with kept_streams():
            yield
    finally:
        _kept.clear()
