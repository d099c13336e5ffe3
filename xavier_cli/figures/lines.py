"""One line with its band: how a quantity over updates or layers is put on an Axes."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from xavier_cli.figures.bands import Band
from xavier_cli.figures.look import Style

# More marks than this on one line hide it.
MARKS = 10


def plot_band(ax: Axes, x: np.ndarray, band: Band, style: Style, every: slice, label: str = "") -> Axes:
    """Draw `band`, of shape `(X,)`, over `x`, shape `(X,)`: a line with marks at `every`, and its interval."""
    ax.plot(
        x,
        band.center,
        color=style.color,
        linestyle=style.linestyle,
        marker=style.marker,
        markevery=every,
        markeredgecolor="white",
        label=label,
    )
    return plot_interval(ax, x, band, style)


def plot_interval(ax: Axes, x: np.ndarray, band: Band, style: Style) -> Axes:
    """Shade the interval of `band` over `x`, both of shape `(X,)`; nothing for a single seed."""
    if band.seeds > 1:
        ax.fill_between(x, band.low, band.high, color=style.color, alpha=0.18, linewidth=0, zorder=1.5)
    return ax


def staggered(points: int, line: int, lines: int) -> slice:
    """Which of `points` points get a mark on line number `line` of `lines`: about ten, no two lines at one."""
    step = max(1, -(-points // MARKS))
    return slice((line * step) // max(lines, 1), None, step)


def key(style: Style, *, line: bool = True, marker: bool = True) -> Line2D:
    """A legend's picture of `style`."""
    return Line2D(
        [],
        [],
        color=style.color,
        linestyle=style.linestyle if line else "none",
        marker=style.marker if marker else "none",
        markeredgecolor="white",
    )
