"""Draws a quantity with its interval over updates or layers, and labels lines at their ends."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.transforms import Transform, offset_copy

from xavier_cli.figures.style import SMALL, Style
from xavier_cli.statistics.estimate import Band

# More marks than this would hide a line.
MARKS = 10


def plot_band(ax: Axes, x: np.ndarray, band: Band, style: Style, every: slice, label: str = "") -> Axes:
    """Draw `band` over `x`, both `(X,)`, as a line with marks at `every` and a shaded interval."""
    ax.plot(
        x,
        band.center,
        color=style.color,
        linestyle=style.linestyle,
        marker=style.marker,
        markersize=style.size,
        markevery=every,
        markeredgecolor="white",
        label=label,
        gid=style.part_id("line"),
    )
    return plot_interval(ax, x, band, style)


def plot_points(ax: Axes, x: np.ndarray, band: Band, style: Style, label: str = "") -> Axes:
    """Draw `band` over `x`, both `(X,)`, as marks with error bars, without a line."""
    ends = [band.center - band.low, band.high - band.center]
    drawn = ax.errorbar(
        x,
        band.center,
        ends if band.seeds > 1 else None,
        color=style.color,
        marker=style.marker,
        markersize=style.size,
        markeredgecolor="white",
        linestyle="none",
        elinewidth=0.8,
        label=label,
    )
    for artist in drawn.get_children():
        artist.set_gid(style.part_id("line"))
    return ax


def plot_interval(ax: Axes, x: np.ndarray, band: Band, style: Style) -> Axes:
    """Shade the interval of `band` over `x`, both `(X,)`; nothing for a single seed."""
    if band.seeds > 1:
        before = ax.dataLim.frozen()
        ax.fill_between(
            x,
            band.low,
            band.high,
            color=style.color,
            alpha=0.18,
            linewidth=0,
            zorder=1.5,
            gid=style.part_id("band"),
        )
        if band.seeds == 2:
            # It reaches nine standard deviations to each side: the axis is that of the lines.
            ax.dataLim.set(before)
    return ax


def staggered(points: int, line: int, lines: int) -> slice:
    """The points, of `points`, that get a mark on line number `line` of `lines`: about ten.

    If there are enough points, no two lines have marks at the same one.
    """
    step = max(1, -(-points // MARKS))
    if points >= 4 * lines:
        step = max(step, lines)
    return slice((line * step) // max(lines, 1), None, step)


def key(style: Style, *, marker: bool = True) -> Line2D:
    """A legend handle for `style`."""
    return Line2D(
        [],
        [],
        color=style.color,
        linestyle=style.linestyle,
        marker=style.marker if marker else "none",
        markersize=style.size,
        markeredgecolor="white",
        gid=style.part_id("key"),
    )


def label_ends(ax: Axes, names: Sequence[str], styles: Sequence[Style], inches: float) -> Axes:
    """Write each line's name at its right end, moved so that no two overlap.

    `inches` is the height of `ax`. The label repeats the line's mark, and a thin line leads to it, so that
    colour is not needed.
    """
    lines = {str(line.get_label()): line for line in ax.get_lines()}
    low, high = ax.get_ylim()
    ends = [_last(lines[name]) for name in names]
    order = sorted(range(len(names)), key=lambda i: ends[i][1])
    wanted = [ends[i][1] for i in order]
    places = apart(wanted, 1.25 * SMALL / 72 / inches * (high - low), low, high)

    def beside(points: float) -> Transform:
        return offset_copy(ax.get_yaxis_transform(), ax.get_figure(root=True), x=points, units="points")

    for i, place in zip(order, places, strict=True):
        style = styles[i]
        ax.annotate(
            "",
            ends[i],
            xytext=(1, place),
            textcoords=beside(7),
            arrowprops={
                "arrowstyle": "-",
                "linewidth": 0.5,
                "color": style.color,
                "shrinkA": 0,
                "shrinkB": 0,
            },
            annotation_clip=False,
            gid=style.part_id("key"),
        )
        ax.plot(
            [1],
            [place],
            color=style.color,
            marker=style.marker,
            markersize=style.size,
            markeredgecolor="white",
            linestyle="none",
            transform=beside(11),
            clip_on=False,
            gid=style.part_id("key"),
        )
        ax.text(
            1,
            place,
            names[i],
            transform=beside(16),
            fontsize=SMALL,
            va="center",
            parse_math=False,
            gid=style.part_id("label"),
        )
    ax.set_ylim(low, high)
    return ax


def apart(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places near the ascending places `wanted`, between `low` and `high`, at least `gap` apart."""
    # Neighbours that are too close form a block around their mean; blocks that overlap are merged.
    blocks: list[list[float]] = []
    for value in wanted:
        blocks.append([value])
        while len(blocks) > 1 and _start(blocks[-1], gap, low, high) < _end(blocks[-2], gap, low, high) + gap:
            last = blocks.pop()
            blocks[-1] += last
    return [_start(block, gap, low, high) + i * gap for block in blocks for i in range(len(block))]


def _start(block: Sequence[float], gap: float, low: float, high: float) -> float:
    length = (len(block) - 1) * gap
    return max(low, min(sum(block) / len(block) - length / 2, high - length))


def _end(block: Sequence[float], gap: float, low: float, high: float) -> float:
    return _start(block, gap, low, high) + (len(block) - 1) * gap


def _last(line: Line2D) -> tuple[float, float]:
    x, y = np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)
    there = np.flatnonzero(np.isfinite(y))
    return (float(x[there[-1]]), float(y[there[-1]])) if len(there) else (float(x[-1]), 0.0)
