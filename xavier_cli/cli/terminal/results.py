"""Keeps stdout for results while user code may print."""

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
    """During the context, send everything that user code prints, whenever and from any thread, to stderr."""
    if _kept:
        yield
        return
    _kept.append(sys.stdout)
    try:
        with kept_streams():
            yield
    finally:
        _kept.clear()
