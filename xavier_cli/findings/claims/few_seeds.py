"""Says how few seeds a claim may be looked at with, short of a verdict."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_ENOUGH: ContextVar[int | None] = ContextVar("enough", default=None)


@contextmanager
def seeds_enough(number: int) -> Iterator[None]:
    """Let claims be looked at with `number` seeds or more, whatever they require for a verdict."""
    token = _ENOUGH.set(number)
    try:
        yield
    finally:
        _ENOUGH.reset(token)


def fewest_seeds(required: int) -> int:
    """The seeds that a run must have to be looked at, where a verdict takes the `required` ones."""
    return min(required, _ENOUGH.get() or required)
