"""Shows the progress of training on stderr: a bar on a terminal, otherwise a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO, cast

from xavier_cli.cli.terminal.errors import say
from xavier_cli.views.numbers import clock

if TYPE_CHECKING:
    from xavier_cli.training.engine.loop import Progress

SECONDS_BETWEEN_LINES = 5.0


@contextmanager
def shown_progress(quiet: bool) -> Iterator[Callable[[Progress], None]]:
    """A function that shows progress, during the context."""
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        with _bar() as report:
            yield report
    else:
        yield _Lines()


@contextmanager
def _bar() -> Iterator[Callable[[Progress], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        SpinnerColumn("line"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=None),
        TaskProgressColumn(),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[facts]}"),
    )
    console = Console(file=cast(TextIO, Patient(sys.stderr)))
    with Bar(*columns, console=console, transient=True) as bar:
        tasks: dict[str, int] = {}
        began, doing = 0.0, ""

        def report(progress: Progress) -> None:
            nonlocal began, doing
            phase = progress.phase
            if progress.doing == "compiling":
                for old in tasks.values():
                    bar.remove_task(bar.tasks[old].id)
                tasks.clear()
                tasks[phase] = bar.add_task("compiling", total=None, facts=named(phase))
                return
            task = bar.tasks[-1]
            if task.total is None or doing != progress.doing:
                doing = progress.doing
                bar.reset(task.id, total=progress.total, description=progress.doing)
                began = time.monotonic()
            rate = progress.updates / max(time.monotonic() - began, 1e-9)
            bar.update(task.id, completed=progress.updates, facts=f"{_facts(progress, rate)}{named(phase)}")

        yield report


class Patient:
    """A terminal stream that ignores errors, so that training continues if the terminal hangs up."""

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        """Write `text`, unless the terminal has hung up."""
        with suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush the stream, unless the terminal has hung up."""
        with suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class _Lines:
    """One line per segment, but at most one every few seconds."""

    def __init__(self) -> None:
        self._began = self._last = time.monotonic()
        self._doing = ""

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        phase = named(progress.phase)
        if progress.doing == "compiling":
            self._began = self._last = now
            say(f"compiling{phase}")
            return
        if progress.doing != self._doing:
            self._doing, self._began = progress.doing, self._last
        if progress.updates in (0, progress.total) or now - self._last < SECONDS_BETWEEN_LINES:
            return
        self._last = now
        rate = progress.updates / (now - self._began)
        left = (progress.total - progress.updates) / rate
        share = progress.updates / progress.total
        say(f"{progress.doing}{phase} {share:4.0%} {clock(left)} left {_facts(progress, rate)}")


def _facts(progress: Progress, rate: float) -> str:
    error = "" if progress.valid_error is None else f", valid error {progress.valid_error:.1%}"
    if progress.doing == "fitting":
        return f"{60 * rate:,.0f} pairs/min"
    unit = "points" if progress.doing == "evaluating" else "updates"
    return f"{rate * progress.members:,.0f} {unit}/s{error}"


def named(phase: str) -> str:
    """The phase in parentheses, ` (searching rates)`; empty without phases."""
    return f" ({phase})" if phase else ""
