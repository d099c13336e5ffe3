"""Draws lines as text: with eight braille dots per character, or by their marks in ASCII."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xavier_cli.vocabulary.grammar import in_thousands

MARKS = "123456789abcdefghijklmnopqrstuvwxyz"
# Rows of an axis, odd so that one is in the middle, and columns for its numbers.
HEIGHT, GUTTER = 15, 9
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
    lines: Sequence[TextLine], title: str, width: int, *, ascii_only: bool = False, logarithmic: bool = False
) -> list[str]:
    """A plot of `lines` with `title` above and updates along x, as rows of at most `width` characters."""
    columns = width - GUTTER
    heights = [np.log10(np.where(line.y > 0, line.y, np.nan)) if logarithmic else line.y for line in lines]
    low, high = _range(heights, logarithmic)
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
    ticks = {
        r: _number(high - r / (HEIGHT - 1) * (high - low), logarithmic) for r in (0, HEIGHT // 2, HEIGHT - 1)
    }
    bar, corner, dash = ("|", "+", "-") if ascii_only else ("│", "└", "─")
    drawn = [f"{ticks.get(r, ''):>{GUTTER - 2}} {bar}{''.join(rows[r])}".rstrip() for r in range(HEIGHT)]
    ends = ["0", in_thousands(last / 2), f"{in_thousands(last)} updates"]
    scale = ends[0] + ends[1].center(columns - len(ends[0]) - len(ends[2])) + ends[2]
    return [
        title[:width],
        *drawn,
        " " * (GUTTER - 1) + corner + dash * columns,
        " " * (GUTTER - 1) + " " + scale,
    ]


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


def _range(heights: Sequence[np.ndarray], logarithmic: bool) -> tuple[float, float]:
    finite = [values[np.isfinite(values)] for values in heights]
    every = np.concatenate([np.zeros(0), *finite])
    if not len(every):
        return 0.0, 1.0
    low, high = float(every.min()), float(every.max())
    if not logarithmic:
        # Include zero where the lines come near it.
        low = 0.0 if 0 <= low < 0.4 * high else low
    # Relative for large numbers, where half a unit would be lost in rounding.
    margin = max(0.5, 1e-3 * abs(high)) if math.isclose(low, high) else 0.0
    return low - margin, high + margin


def _number(value: float, logarithmic: bool) -> str:
    return f"{10**value:.1e}" if logarithmic else f"{value:.3g}"
