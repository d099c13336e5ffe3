"""Draws lines as text: with eight braille dots per character, or by their marks in ASCII."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xavier_cli.vocabulary.grammar import in_thousands

MARKS = "123456789abcdefghijklmnopqrstuvwxyz"
# Rows of an axis, one more than a number that 2, 3 and 4 divide, and columns for its numbers.
HEIGHT, GUTTER = 13, 9
# About so many marks per line, which distinguish lines without colour.
MARKED = 6
# Bits of the dots in a braille character, `[row][column]`.
_DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
_BLANK = 0x2800


@dataclass(frozen=True)
class TextLine:
    """A line: ascending `x` and `y`, both `(X,)`; values that are not finite leave a gap."""

    name: str
    x: np.ndarray
    y: np.ndarray


def plot_text(
    lines: Sequence[TextLine],
    title: str,
    width: int,
    *,
    ascii_only: bool = False,
    logarithmic: bool = False,
    along: str = "updates",
) -> list[str]:
    """A plot of `lines` with `title` above, as rows of at most `width` characters.

    x counts what `along` says.
    """
    columns = width - GUTTER
    heights = [np.log10(np.where(line.y > 0, line.y, np.nan)) if logarithmic else line.y for line in lines]
    ticks = _decades(heights) if logarithmic else _round_ticks(heights)
    low, high = ticks[0], ticks[-1]
    last = max(float(line.x[-1]) for line in lines) or 1.0
    across, down = (1, 1) if ascii_only else (2, 4)
    dots = np.zeros((HEIGHT * down, columns * across), bool)
    marks = np.full((HEIGHT, columns), "", object)
    for i, (line, y) in enumerate(zip(lines, heights, strict=True)):
        at = np.linspace(0, last, columns * across)
        there = np.isfinite(y)
        if not there.any():
            continue
        inside = (at >= line.x[there][0]) & (at <= line.x[there][-1])
        level = np.interp(at, line.x[there], y[there])
        row = np.rint((high - level) / (high - low) * (HEIGHT * down - 1)).astype(int)
        _trace(dots, np.flatnonzero(inside), row)
        # Marks of different lines start at different columns, so that they do not hide each other.
        shown = np.flatnonzero(inside[::across])
        step = 1 if ascii_only else max(1, columns // MARKED)
        first = 0 if ascii_only else (i * step) // max(len(lines), 1)
        for column in shown[first::step]:
            marks[row[column * across] // down, column] = MARKS[i % len(MARKS)]
    rows = _characters(dots, down, across) if not ascii_only else np.full((HEIGHT, columns), " ", object)
    rows = np.where(marks != "", marks, rows)
    between = (HEIGHT - 1) // (len(ticks) - 1)
    numbers = {i * between: _number(tick, logarithmic) for i, tick in enumerate(reversed(ticks))}
    bar, corner, dash = ("|", "+", "-") if ascii_only else ("│", "└", "─")
    drawn = [f"{numbers.get(r, ''):>{GUTTER - 2}} {bar}{''.join(rows[r])}".rstrip() for r in range(HEIGHT)]
    return [
        title if len(title) <= width else f"{title[: width - 1]}{'.' if ascii_only else '…'}",
        *drawn,
        " " * (GUTTER - 1) + corner + dash * columns,
        " " * GUTTER + _scale(last, columns, along),
    ]


def _scale(last: float, columns: int, along: str) -> str:
    """Round numbers below an axis that ends at `last`, each where it lies; the last with what they count."""
    # Both updates and layers come in whole numbers.
    step = math.ceil(_round_step(last, 4))
    ticks = [i * step for i in range(int(last / step * 1.0001) + 1)]
    scale, end = [" "] * columns, columns
    for tick in reversed(ticks):
        text = in_thousands(tick) + f" {along}" * (tick == ticks[-1])
        middle = round(tick / last * (columns - 1)) - len(in_thousands(tick)) // 2
        begin = max(0, min(middle, end - len(text)))
        if begin + len(text) <= end and (tick == ticks[-1] or begin == max(0, middle)):
            scale[begin : begin + len(text)] = text
            end = begin - 1
    return "".join(scale).rstrip()


def legend_text(names: Sequence[str], width: int) -> list[str]:
    """A legend of marks and names, as many in a row as fit into `width`."""
    rows = [""]
    for i, name in enumerate(names):
        entry = f"{MARKS[i % len(MARKS)]} {name}"
        if rows[-1] and len(rows[-1]) + 3 + len(entry) > width:
            rows.append("")
        rows[-1] += ("   " if rows[-1] else "") + entry[:width]
    return rows


def _trace(dots: np.ndarray, columns: np.ndarray, row: np.ndarray) -> None:
    """Set the dots of one line, without a gap where it is steep."""
    for before, column in zip(np.concatenate([columns[:1], columns[:-1]]), columns, strict=True):
        first, last = sorted((int(row[before]), int(row[column])))
        dots[first : last + 1, column] = True


def _characters(dots: np.ndarray, down: int, across: int) -> np.ndarray:
    cells = dots.reshape(HEIGHT, down, -1, across).transpose(0, 2, 1, 3)
    codes = (cells * _DOTS).sum(axis=(2, 3))
    return np.vectorize(lambda code: chr(_BLANK + code) if code else " ", otypes=[object])(codes)


def _round_ticks(heights: Sequence[np.ndarray]) -> list[float]:
    """Three to five round numbers, evenly apart, that hold all of `heights`."""
    low, high = _ends(heights)
    # Include zero where the lines come near it.
    low = 0.0 if 0 <= low < 0.4 * high else low
    if math.isclose(low, high):
        # Relative for large numbers, where half a unit would be lost in rounding.
        margin = max(0.5, 1e-3 * abs(high))
        low, high = low - margin, high + margin
    found = []
    for parts in (4, 3, 2):
        step = _round_step(high - low, parts)
        first = math.floor(low / step + 1e-9)
        while (first + parts) * step < high * (1 - 1e-9 * np.sign(high)):
            step = _round_step(step * parts * 1.01, parts)
            first = math.floor(low / step + 1e-9)
        found.append([round(first + i, 9) * step for i in range(parts + 1)])
    return min(found, key=lambda ticks: ticks[-1] - ticks[0])


def _decades(heights: Sequence[np.ndarray]) -> list[float]:
    """Whole logarithms to base 10, evenly apart, that hold all of `heights`; three to five where so many."""
    low, high = _ends(heights)
    first = math.floor(low + 1e-9)
    count = max(1, math.ceil(high - 1e-9) - first)
    step = -(-count // 4)
    return [float(first + i * step) for i in range(-(-count // step) + 1)]


def _round_step(length: float, parts: int) -> float:
    """The least round number, 1, 2, 2.5 or 5 times a power of ten, of which `parts` are at least `length`."""
    least = length / parts
    power = 10.0 ** math.floor(math.log10(least))
    return next(power * step for step in (1, 2, 2.5, 5, 10) if power * step >= least * (1 - 1e-9))


def _ends(heights: Sequence[np.ndarray]) -> tuple[float, float]:
    every = np.concatenate([np.zeros(0), *(values[np.isfinite(values)] for values in heights)])
    return (float(every.min()), float(every.max())) if len(every) else (0.0, 1.0)


def _number(value: float, logarithmic: bool) -> str:
    return f"1e{value:.0f}" if logarithmic else f"{value + 0.0:.4g}"
