"""Shows the progress of training on stderr: a bar on a terminal, otherwise a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, TextIO, cast

from xavier_cli.cli.terminal.errors import say
from xavier_cli.sanitize import clean
from xavier_cli.views.durations import clock

if TYPE_CHECKING:
    from rich.progress import ProgressColumn

    from xavier_cli.training.engine.loop import Progress

SECONDS_BETWEEN_LINES = 5.0
BAR = 10
# The width of spinner, percentage, time left and the gaps between columns.
TAKEN = 1 + 4 + len("1:02:03 left") + 5
KEPT = "(kept for next time)"


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
def shown_note(quiet: bool) -> Iterator[Callable[[str], None]]:
    """A function that says what is being done, during the context: on a terminal, in a line that changes."""
    if quiet or not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console

    console = Console(file=cast(TextIO, Patient(sys.stderr)))
    with console.status("starting", spinner="line") as status:
        yield lambda text: status.update(clean(text))


@contextmanager
def _bar() -> Iterator[Callable[[Progress], None]]:
    from rich.console import Console
    from rich.progress import BarColumn, SpinnerColumn, TaskProgressColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (
        SpinnerColumn("line"),
        TextColumn("{task.description}"),
        BarColumn(bar_width=BAR),
        TaskProgressColumn(),
        _clock_column(),
        TextColumn("{task.fields[facts]}"),
    )
    console = Console(file=cast(TextIO, Patient(sys.stderr)))
    with Bar(*columns, console=console, transient=True) as bar:

        def room(doing: str) -> int:
            """The columns that facts may take: a terminal may change its width at any time."""
            return console.width - BAR - TAKEN - len(doing)

        tasks: dict[str, int] = {}
        throughput, doing = Throughput(), ""

        def report(progress: Progress) -> None:
            nonlocal doing
            phase = progress.phase
            if progress.doing == "compiling":
                for old in tasks.values():
                    bar.remove_task(bar.tasks[old].id)
                tasks.clear()
                facts = fitted([phase], room("compiling") - len(KEPT))
                tasks[phase] = bar.add_task("compiling", total=None, facts=facts, ends=None)
                return
            task = bar.tasks[-1]
            if task.total is None or doing != progress.doing:
                doing = progress.doing
                bar.reset(task.id, total=progress.total, description=progress.doing)
            # The time left has a column of its own; the rest takes what room there is, the error first.
            rate = throughput(progress)
            ends = time.monotonic() + (progress.total - progress.updates) / rate if rate else None
            facts = fitted([_error(progress), phase, _speed(progress, rate)], room(doing))
            bar.update(task.id, completed=progress.updates, facts=facts, ends=ends)

        yield report


def _clock_column() -> ProgressColumn:
    """The time left, which counts down between reports; while compiling, how long that has taken."""
    from rich.progress import ProgressColumn, Task
    from rich.text import Text

    class Clock(ProgressColumn):
        max_refresh = 0.5

        def render(self, task: Task) -> Text:
            if task.total is None:
                return Text(f"{task.elapsed or 0:.0f} s {KEPT}")
            ends = task.fields["ends"]
            words = "" if ends is None else f"{clock(max(0.0, ends - time.monotonic()))} left"
            return Text(words, style="progress.remaining")

    return Clock()


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
        self._last = time.monotonic()
        self._throughput = Throughput()

    def __call__(self, progress: Progress) -> None:
        now, phase = time.monotonic(), f" {named(progress.phase)}".rstrip()
        rate = self._throughput(progress)
        if progress.doing == "compiling":
            self._last = now
            say(f"compiling{phase}")
            return
        if rate is None or progress.updates == progress.total or now - self._last < SECONDS_BETWEEN_LINES:
            return
        self._last = now
        left = (progress.total - progress.updates) / rate
        share = progress.updates / progress.total
        facts = ", ".join(filter(None, [_speed(progress, rate), _error(progress)]))
        say(f"{progress.doing}{phase} {share:4.0%} {clock(left)} left {facts}")


class Throughput:
    """Updates per second of what is being done, since its first report: compiling does not count."""

    def __init__(self) -> None:
        self._stage = ("", "")
        self._first, self._began = 0, 0.0

    def __call__(self, progress: Progress) -> float | None:
        """The rate at this report; None until there is an earlier one to count from."""
        now, stage = time.monotonic(), (progress.doing, progress.phase)
        if stage != self._stage or progress.updates < self._first:
            self._stage, self._first, self._began = stage, progress.updates, now
        done, took = progress.updates - self._first, now - self._began
        return done / took if done > 0 and took > 0 else None


def fitted(parts: Sequence[str], room: int) -> str:
    """As many of `parts`, the most important first, as `room` columns hold; empty ones do not count."""
    text = ""
    for part in filter(None, parts):
        longer = f"{text}, {part}" if text else part
        if len(longer) > room:
            break
        text = longer
    return text


def _error(progress: Progress) -> str:
    """The validation error so far, with the number of diverged networks; empty before the first record."""
    error = "" if progress.valid_error is None else f"valid error {progress.valid_error:.1%}"
    # They count as chance level in the error, as in every table.
    diverged = f"{progress.diverged} of {progress.members} diverged" if progress.diverged else ""
    return f"{error} ({diverged})" if error and diverged else error or diverged


def _speed(progress: Progress, rate: float | None) -> str:
    """The throughput of all networks together; empty until it is known."""
    if rate is None:
        return ""
    if progress.doing == "fitting":
        return f"{60 * rate:,.0f} pairs/min"
    unit = "points" if progress.doing == "evaluating" else "updates"
    return f"{rate * progress.members:,.0f} {unit}/s"


def named(phase: str) -> str:
    """The phase in parentheses, `(searching rates)`; empty without phases."""
    return f"({phase})" if phase else ""
