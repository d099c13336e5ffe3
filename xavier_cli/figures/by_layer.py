"""Styles, legend and updates axis of figures with a panel per configuration and a line per layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from xavier_cli.figures.canvas import Canvas, Drawing, finish
from xavier_cli.figures.lines import key
from xavier_cli.figures.style import Style, layer_styles, second_axis, updates_axis
from xavier_cli.runs.record import Run

EPOCH = 20_000
# At most so many layers are named in the legend; the shades between show the others.
NAMED = 12
# With fewer epochs than this a second axis is not needed.
EPOCHS_FROM = 20


def styles_of(layers: Sequence[np.ndarray]) -> dict[int, Style]:
    """One style per layer, the same in all panels; `layers` holds the layers of each panel, `(L,)`."""
    every = sorted({int(layer) for panel in layers for layer in panel})
    styles = zip(every, layer_styles(len(every)), strict=True)
    return {layer: replace(style, series=layer) for layer, style in styles}


def time_axis(axes: Sequence[Axes], runs: Sequence[Run], columns: int) -> None:
    """Make x an axis in updates, the same in all panels; if epochs are many, show them above the first row.

    It is logarithmic if the records of all runs are spaced logarithmically.
    """
    last = max(int(run.updates[-1]) for run in runs)
    first = min((int(run.updates[1]) for run in runs if len(run.updates) > 1), default=1)
    logarithmic = all(run.config.record_schedule.kind == "log" for run in runs) and last > 10 * first
    for i, ax in enumerate(axes):
        updates_axis(ax, last, first if logarithmic else None)
        if i < columns and last >= EPOCHS_FROM * EPOCH and not logarithmic:
            second_axis(ax, 1 / EPOCH, f"epochs of {EPOCH:,} updates")


def finish_layers(
    page: Canvas,
    styles: Mapping[int, Style],
    text: str,
    notes: Sequence[str],
    *,
    extra: Sequence[tuple[Artist, str]] = (),
) -> Drawing:
    """Finish `page` with a legend of the layers, then `extra`, and the caption `text`."""
    layers = list(styles)
    shown = list(range(len(layers)))
    if len(layers) > NAMED:
        shown = sorted({round(i * (len(layers) - 1) / (NAMED - 1)) for i in range(NAMED)})
    entries = [(key(styles[layers[i]]), f"layer {layers[i]}") for i in shown] + list(extra)
    return finish(page, [handle for handle, _ in entries], [name for _, name in entries], text, notes)
