"""Shows the progress of a sweep on stderr: a bar on a terminal, otherwise a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from xavier_cli.cli.terminal.errors import say
from xavier_cli.cli.terminal.progress import SECONDS_BETWEEN_LINES, fitted
from xavier_cli.views.durations import clock

if TYPE_CHECKING:
    from xavier_cli.sweeps.run import Standing


BAR = 10
# Less of what is being done than this says nothing.
SHORTEST = 20
# The width of spinner, bar, percentage and the gaps between columns.
TAKEN = 1 + BAR + 4 + 5


@contextmanager
def shown_standing(quiet: bool) -> Iterator[Callable[[Standing], None]]:
    """A function that shows the progress of the sweep, during the context."""
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        with _bar() as watch:
            yield watch
    else:
        yield _Lines()


@contextmanager
def _bar() -> Iterator[Callable[[Standing], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, SpinnerColumn, TaskProgressColumn, TextColumn

    columns = (
        SpinnerColumn("line"),
        TextColumn("{task.fields[cells]}"),
        BarColumn(bar_width=BAR),
        TaskProgressColumn(),
        TextColumn("{task.fields[left]}"),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=1.0, cells="", left="")

        def watch(standing: Standing) -> None:
            time_left = left(standing)
            # The time left matters most, then the counts; the current activity gets the remaining width.
            room = bar.console.width - TAKEN - len(time_left)
            counts = fitted([cells(standing), seeds(standing)], room)
            room -= len(counts)
            doing = " | ".join(words for _, words, _ in standing.running.values())
            if len(doing) > room:
                doing = f"{doing[: room - 1]}…" if counts and room > SHORTEST else ""
            bar.update(task, completed=standing.share, description=doing, cells=counts, left=time_left)

        yield watch


class _Lines:
    """At most one line every few seconds, and one for every group that ends."""

    def __init__(self) -> None:
        self._last = time.monotonic()
        self._ended = 0

    def __call__(self, standing: Standing) -> None:
        now, ended = time.monotonic(), standing.done + standing.failed
        if now - self._last < SECONDS_BETWEEN_LINES and ended == self._ended:
            return
        self._last, self._ended = now, ended
        doing = [words for _, words, _ in standing.running.values()]
        parts = [cells(standing), seeds(standing), f"{standing.share:.0%}", left(standing), *doing]
        say(", ".join(part for part in parts if part))


def cells(standing: Standing) -> str:
    """`3 of 10 cells`, with the number of failed ones."""
    failed = f", {standing.failed} failed" if standing.failed else ""
    return f"{standing.done} of {standing.cells} cell{'s' * (standing.cells != 1)}{failed}"


def seeds(standing: Standing) -> str:
    """`15 of 50 seeds`; empty for cells without seeds."""
    return f"{standing.seeds_done:,} of {standing.seeds:,} seeds" if standing.seeds else ""


def left(standing: Standing) -> str:
    """The time left, as text; empty if unknown."""
    seconds = standing.seconds_left
    return "" if seconds is None or standing.share >= 1 else f"{clock(seconds)} left"
