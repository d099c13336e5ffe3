"""What theory predicts of the first record, as open marks beside what was measured there."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from xavier_cli.figures.style import Style
from xavier_cli.runs.record import Run

OPEN_MARKS = "Open marks at the start: predicted by theory."


def prediction(run: Run, name: str, columns: np.ndarray, update: int = 0) -> np.ndarray:
    """The predicted statistic `name` at the chosen layers, shape `(L,)`; NaN where there is none.

    Theory speaks of networks before the first update alone.
    """
    path = f"theory/{name}"
    if update or path not in run:
        return np.full(len(columns), np.nan)
    return np.asarray(run[path][columns], float)


def plot_prediction(ax: Axes, x: np.ndarray, y: np.ndarray, style: Style, mark: str = "") -> Axes:
    """Draw open marks at `x`, `y`, shape `(P,)`, as `style` has them, or with `mark`."""
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
        )
    return ax
