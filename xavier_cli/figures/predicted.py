"""Draws theoretical predictions for the first record as open marks."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from xavier_cli.figures.style import LEVEL, Style, muted
from xavier_cli.runs.record import Run


def predicted_entry(mark: str = "o", words: str = "predicted by theory") -> tuple[Line2D, str]:
    """The legend's entry for `plot_prediction`: a handle and its name."""
    handle = Line2D(
        [],
        [],
        linestyle="none",
        marker=mark,
        markersize=6.0,
        markerfacecolor="none",
        markeredgecolor=muted(LEVEL),
        markeredgewidth=0.8,
    )
    return handle, words


def prediction(run: Run, name: str, columns: np.ndarray, update: int = 0) -> np.ndarray:
    """The prediction of the statistic `name` at the chosen layers, `(L,)`; NaN where there is none.

    There are predictions only for networks before the first update.
    """
    path = f"theory/{name}"
    if update or path not in run:
        return np.full(len(columns), np.nan)
    return np.asarray(run[path][columns], float)


def plot_prediction(ax: Axes, x: np.ndarray, y: np.ndarray, style: Style, mark: str = "") -> Axes:
    """Draw open marks at `x` and `y`, `(P,)`, of the shape of `style`'s or `mark`."""
    there = np.isfinite(y)
    if there.any():
        ax.plot(
            x[there],
            y[there],
            linestyle="none",
            marker=mark or style.marker,
            markersize=style.size + 2.5,
            markerfacecolor="none",
            markeredgecolor=style.color,
            markeredgewidth=0.8,
            label="_predicted",
            zorder=3,
            clip_on=False,
            gid=style.part_id("line"),
        )
    return ax
