"""Draws a quantity with its interval over updates or layers, and labels lines at their ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.transforms import Transform, offset_copy

from xavier_cli.figures.style import LEADER, LEVEL, LEVEL_DASHES, SMALL, Style, muted
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
        markeredgecolor=rcParams["axes.facecolor"],
        label=label,
        gid=style.part_id("line"),
        linewidth=0.7 if style.is_background else None,
        zorder=1.4 if style.is_background else 2,
    )
    return plot_interval(ax, x, band, style)


def plot_reading(ax: Axes, points: Sequence[tuple[float, float]], style: Style) -> Axes:
    """Draw `points` (x, y) that were read for the line of `style`: its mark, larger and open."""
    x, y = zip(*points, strict=True)
    ax.plot(
        x,
        y,
        linestyle="none",
        marker=style.marker,
        markersize=1.7 * style.size,
        markerfacecolor="none",
        markeredgecolor=style.color,
        markeredgewidth=1.2,
        gid=style.part_id("line"),
        zorder=2.6,
    )
    return ax


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
        markeredgecolor=rcParams["axes.facecolor"],
        linestyle="none",
        elinewidth=0.8,
        label=label,
    )
    for artist in drawn.get_children():
        artist.set_gid(style.part_id("line"))
    return ax


def plot_interval(ax: Axes, x: np.ndarray, band: Band, style: Style) -> Axes:
    """Shade the interval of `band` over `x`, both `(X,)`; nothing for a single seed."""
    if band.seeds > 1 and not style.is_background:
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
        markeredgecolor=rcParams["axes.facecolor"],
        gid=style.part_id("key"),
    )


def plot_level(ax: Axes, y: float) -> Axes:
    """Draw a reference level: a dashed, in a muted colour."""
    ax.axhline(y, color=muted(LEVEL), linestyle=LEVEL_DASHES, linewidth=0.7, zorder=1)
    return ax


def level_key() -> Line2D:
    """A legend handle for `plot_level`."""
    return Line2D([], [], color=muted(LEVEL), linestyle=LEVEL_DASHES, linewidth=0.7)


@dataclass(frozen=True)
class EndLabel:
    """A name at the right of an axis, for what ends or lies at `at`, `(x, y)`; a level has no `style`."""

    name: str
    at: tuple[float, float]
    style: Style | None = None


def label_ends(ax: Axes, ends: Sequence[EndLabel], inches: float) -> Axes:
    """Write names outside the right of the axis, moved so that no two overlap.

    `inches` is the height of `ax`. A label repeats the line's mark, so that colour is not needed. A thin grey
    line leads to it from where the line ends, dotted where that is before the end of the axis.
    """
    (_, last), (low, high) = ax.get_xlim(), ax.get_ylim()
    is_log = ax.get_yscale() == "log"
    # Places are worked out along the axis as it is drawn.
    along = np.log10 if is_log else np.asarray
    order = sorted(range(len(ends)), key=lambda i: ends[i].at[1])
    bottom, top = float(along(low)), float(along(high))
    wanted = [float(along(np.clip(ends[i].at[1], low, high))) for i in order]
    places = apart(wanted, 1.25 * SMALL / 72 / inches * (top - bottom), bottom, top)

    def beside(points: float) -> Transform:
        return offset_copy(ax.get_yaxis_transform(), ax.get_figure(root=True), x=points, units="points")

    for i, place in zip(order, places, strict=True):
        end, y = ends[i], 10**place if is_log else place
        style = end.style or Style(muted(LEVEL), "none")
        if end.style is not None:
            _lead(ax, end, y, beside(7), is_early=end.at[0] < last - 0.06 * (last - ax.get_xlim()[0]))
            ax.plot(
                [1],
                [y],
                color=style.color,
                marker=style.marker,
                markersize=style.size,
                markeredgecolor=rcParams["axes.facecolor"],
                linestyle="none",
                transform=beside(11),
                clip_on=False,
                gid=style.part_id("key"),
            )
        ax.text(
            1,
            y,
            end.name,
            transform=beside(4 if end.style is None else 16),
            fontsize=SMALL,
            color=muted(LEVEL) if end.style is None else rcParams["text.color"],
            va="center",
            parse_math=False,
            gid=style.part_id("label"),
        )
    ax.set_ylim(low, high)
    return ax


def _lead(ax: Axes, end: EndLabel, y: float, coords: Transform, *, is_early: bool) -> None:
    assert end.style is not None
    ax.annotate(
        "",
        end.at,
        xytext=(1, y),
        textcoords=coords,
        arrowprops={
            "arrowstyle": "-",
            "linewidth": 0.5,
            "linestyle": (0, (1, 2)) if is_early else "-",
            "color": muted(LEADER),
            "shrinkA": 0,
            "shrinkB": 2 if is_early else 0,
        },
        annotation_clip=False,
        gid=end.style.part_id("key"),
    )


def end_of(x: np.ndarray, y: np.ndarray) -> tuple[float, float] | None:
    """The last finite point of a line, both `(X,)`; None where there is none."""
    there = np.flatnonzero(np.isfinite(y))
    return (float(x[there[-1]]), float(y[there[-1]])) if len(there) else None


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
