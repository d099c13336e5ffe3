"""Sets the axes of a page's panels: what they share, and the scales that were asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import FuncFormatter, LogFormatterSciNotation, LogLocator, MaxNLocator, NullLocator

from xavier_cli.figures.canvas import Canvas
from xavier_cli.figures.request import UnsuitableRunError

RANGES_DIFFER = "Axis ranges differ between panels."


def are_comparable(sizes: Sequence[float], factor: float = 10.0) -> bool:
    """Whether panels that show values up to these `sizes` can share an axis: the largest is at most `factor`
    times the least, so that no panel's lines are flattened.
    """
    known = [size for size in sizes if np.isfinite(size) and size > 0]
    return not known or max(known) <= factor * min(known)


def finish_axes(page: Canvas, y_groups: Sequence[object] | None = None, *, share_x: bool = True) -> None:
    """Label only the outer panels along axes that are shared; then set the scales that are asked for.

    Panels of one of the `y_groups` share a range of y; without them each panel has its own.
    """
    _share(page, y_groups or range(len(page.axes)), share_x)
    asked = page.asked
    for ax in page.axes:
        if asked.log_x:
            log_axis(ax, "x")
        if asked.log_y:
            log_axis(ax, "y")
        if asked.y_limits:
            low, high = ax.get_ylim()
            asked_low, asked_high = asked.y_limits
            ends = (low if asked_low is None else asked_low, high if asked_high is None else asked_high)
            if ends[0] >= ends[1]:
                raise UnsuitableRunError(
                    f"--ylim: the axis goes from {low:.4g} to {high:.4g}: give both ends, LOW:HIGH"
                )
            if ax.get_yscale() == "log" and ends[0] <= 0:
                raise UnsuitableRunError("--ylim: a logarithmic axis begins above 0")
            ax.set_ylim(*ends)
            if ax.get_yscale() == "log":
                _log_ticks(ax.yaxis)


def log_axis(ax: Axes, axis: Literal["x", "y"]) -> None:
    """Make an axis logarithmic, from the least positive value drawn; leave it where there is none."""
    is_x = axis == "x"
    if (ax.get_xscale() if is_x else ax.get_yscale()) != "linear":
        return
    drawn = [line.get_xdata() if is_x else line.get_ydata() for line in ax.get_lines()]
    values = np.concatenate([np.zeros(0), *(np.ravel(np.asarray(each, float)) for each in drawn)])
    values = values[np.isfinite(values) & (values > 0)]
    high = (ax.get_xlim() if is_x else ax.get_ylim())[1]
    if not len(values) or values.min() >= high:
        return
    (ax.set_xscale if is_x else ax.set_yscale)("log")
    # A mark at the lowest value is not cut, whatever the axis spans.
    (ax.set_xlim if is_x else ax.set_ylim)(values.min() / max(1.15, (high / values.min()) ** 0.04), high)
    _log_ticks(ax.xaxis if is_x else ax.yaxis)


def _log_ticks(axis: Axis) -> None:
    """Number a logarithmic axis: within two decades their powers alone would be one or two numbers."""
    low, high = axis.get_view_interval()
    if high >= 100 * low:
        axis.set_major_locator(LogLocator())
        axis.set_major_formatter(LogFormatterSciNotation())
        axis.set_minor_locator(LogLocator(subs="auto"))
        return
    wide = high >= 5 * low
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)) if wide else MaxNLocator(4, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:g}"))
    axis.set_minor_locator(NullLocator())


def _share(page: Canvas, groups: Sequence[object], share_x: bool) -> None:
    last = len(page.axes) - page.columns
    keys = [(group, ax.get_yscale()) for group, ax in zip(groups, page.axes, strict=True)]
    placed = list(zip(page.axes, keys, strict=True))
    ranges = {key: _union([ax for ax, own in placed if own == key]) for key in keys}
    for i, (ax, key) in enumerate(placed):
        if i < last:
            ax.set_xlabel("")
            if share_x:
                ax.tick_params(labelbottom=False)
        ax.set_ylim(*ranges[key])
        first = i - i % page.columns
        row = keys[first : first + page.columns]
        if i > first and len(set(row)) == 1:
            ax.set_ylabel("")
            ax.tick_params(labelleft=False)


def _union(axes: Sequence[Axes]) -> tuple[float, float]:
    ends = [ax.get_ylim() for ax in axes]
    return min(low for low, _ in ends), max(high for _, high in ends)
