"""Shows a live view of training: loss and error of every seed, and the saturation of each layer."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO, cast

import numpy as np

from xavier_cli.cli.terminal.errors import say
from xavier_cli.cli.terminal.progress import Patient, Throughput, named, shown_progress
from xavier_cli.sanitize import encodable
from xavier_cli.statistics.estimate import over_seeds
from xavier_cli.views.durations import clock
from xavier_cli.views.sparkline import sparklines

if TYPE_CHECKING:
    from xavier_cli.training.engine.loop import Progress, Seen

FULL, EMPTY = "█", "."
WIDEST = 120
# Lines other than those of seeds and layers: the head, the bar, headings, the numbers left out and diverged.
FRAME = 9


class LiveView:
    """The progress reported so far; `lines` formats it for a screen."""

    def __init__(self) -> None:
        self._progress: Progress | None = None
        self._throughput = Throughput()
        self._rate: float | None = None
        self._members: tuple[str, ...] = ()
        self._curves: list[tuple[np.ndarray, np.ndarray]] = []
        self._lost = np.zeros(0, bool)
        self._guessing = 0.0
        self._saturated: np.ndarray | None = None
        self._update = 0

    def report(self, progress: Progress) -> None:
        """Record the progress of training."""
        self._rate = self._throughput(progress)
        self._progress = progress

    def look(self, seen: Seen) -> None:
        """Add a record; one of another phase starts the view again."""
        many = len(seen.variants) > 1
        members = tuple(
            f"seed {seed}" + (f" lr {variant.lr:g}" if many else "")
            for seed in seen.seeds
            for variant in seen.variants
        )
        if members != self._members or seen.update <= self._update:
            self._members, self._curves = members, []
        self._update = seen.update
        self._lost, self._guessing = seen.lost.reshape(-1), seen.guessing_error
        # What the last finite weights of a diverged seed do says nothing about its training.
        loss = np.where(seen.lost, np.nan, seen.record["curves/valid_loss"]).reshape(-1)
        self._curves.append((loss, seen.valid_error.reshape(-1)))
        saturated = seen.record.get("activation/saturated")
        if saturated is not None:
            self._saturated = over_seeds(saturated[~seen.lost]).center

    def lines(self, width: int, height: int) -> list[str]:
        """The view in at most `height` lines of at most `width` characters."""
        progress = self._progress
        if progress is None:
            return []
        width = min(width, WIDEST)
        lines = [self._head(progress)]
        if progress.total and progress.doing != "compiling":
            lines.append(_bar(progress.updates / progress.total, width))
        room = max(height - FRAME, 2)
        lost = int(self._lost.sum())
        layers = [] if self._saturated is None or lost == len(self._members) else list(self._saturated)
        # Seeds and layers get half of the screen each, or what the other leaves.
        for_layers = min(len(layers), max(room // 2, room - len(self._members)))
        lines += self._seed_lines(width, room - for_layers)
        without = f", without {lost} diverged" if lost else ""
        lines += _layer_lines(layers, f"{self._update:,} updates{without}", width, for_layers)
        return [line[:width].rstrip() for line in lines[:height]]

    def _head(self, progress: Progress) -> str:
        doing = f"{progress.doing} {named(progress.phase)}".rstrip()
        if progress.doing == "compiling":
            return doing
        share = f"{progress.updates / progress.total:.0%}"
        if self._rate is None:
            return f"{doing} {share}"
        left = clock((progress.total - progress.updates) / self._rate)
        return f"{doing} {share}, {left} left, {self._rate * progress.members:,.0f} updates/s"

    def _seed_lines(self, width: int, most: int) -> Iterator[str]:
        if not self._curves:
            return
        losses, errors = (np.array([pair[i] for pair in self._curves]).T for i in (0, 1))
        shown = max(1, min(len(self._members), most))
        marks = (" diverged" if lost else "" for lost in self._lost)
        names = [f"{name}{mark}" for name, mark in zip(self._members, marks, strict=True)][:shown]
        first = max(map(len, names))
        # Each of the two columns has two spaces, a curve, a space and a number.
        length = max(0, min((width - first - 2 * 9) // 2, 40))
        drawn = [sparklines(list(curves[:shown]), length) for curves in (losses, errors)]
        column = length + 7
        yield ""
        yield f"{'':{first}}  {'valid loss':<{column}}  valid error"
        for i, name in enumerate(names):
            value = "" if self._lost[i] else f"{losses[i, -1]:6.3f}"
            loss = f"{drawn[0][i]} {value}".lstrip()
            error = f"{drawn[1][i]} {100 * errors[i, -1]:4.1f} %".lstrip()
            yield f"{name:{first}}  {loss:<{column}}  {error}"
        if len(self._members) > shown:
            mean = 100 * over_seeds(errors[:, -1]).center
            yield f"and {len(self._members) - shown} more; mean error of all {mean:.1f} %"
        if self._lost.any():
            words = f"{int(self._lost.sum())} of {len(self._members)}"
            yield f"diverged: {words}, counted at chance level ({100 * self._guessing:.1f} %)"


def _layer_lines(saturated: list[float], when: str, width: int, most: int) -> Iterator[str]:
    if not saturated:
        return
    picked = np.unique(np.linspace(0, len(saturated) - 1, max(most, 1)).round().astype(int)).tolist()
    yield ""
    yield f"saturated after {when}"
    digits = len(str(len(saturated)))
    for layer in picked:
        share = saturated[layer]
        drawn = _bar(share, max(width - digits - 15, 4)) if np.isfinite(share) else ""
        yield f"layer {layer + 1:>{digits}} {drawn} {share:4.0%}" if drawn else f"layer {layer + 1} none"


def _bar(share: float, width: int) -> str:
    full = round(min(max(share, 0.0), 1.0) * width)
    return FULL * full + EMPTY * (width - full)


def is_drawn(live: bool) -> bool:
    """Whether the live view is drawn: if `live` is requested and stderr is a terminal."""
    return live and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"


@contextmanager
def shown_live(
    quiet: bool, live: bool = True
) -> Iterator[tuple[Callable[[Progress], None], Callable[[Seen], None]]]:
    """Functions that show progress and records, during the context; without `live` those of `progress`."""
    if not is_drawn(live):
        if live:
            say("`--live` needs a terminal: progress is shown in lines")
        with shown_progress(quiet) as report:
            yield report, lambda _: None
        return
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    # Before rich replaces `sys.stderr`.
    view, encoding = LiveView(), sys.stderr.encoding
    console = Console(file=cast(TextIO, Patient(sys.stderr)))
    # Draw only when something is reported, between segments: no other thread takes time from training.
    with Live(console=console, auto_refresh=False, transient=True) as screen:

        def report(progress: Progress) -> None:
            view.report(progress)
            # Leave space for the `^C` that a terminal writes after the last line.
            lines = view.lines(console.width - len("^C") - 1, console.height)
            text = encodable("\n".join(lines), encoding)
            screen.update(Text(text, no_wrap=True, overflow="crop"), refresh=True)

        yield report, view.look
