"""Styles, legend and updates axis of figures with a panel per configuration and a line per layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from xavier_cli.figures.canvas import Canvas, Drawing, finish
from xavier_cli.figures.lines import key
from xavier_cli.figures.scales import are_comparable
from xavier_cli.figures.style import Style, layer_styles, updates_axis
from xavier_cli.runs.layer_names import common_names, elided
from xavier_cli.runs.record import Run

EPOCH = 20_000
# At most so many layers are named in the legend; the shades between show the others.
NAMED = 12
# Longer names of layers are cut in the legend, from the left.
LONGEST_NAME = 28
# With fewer epochs than this the axis does not speak of them.
EPOCHS_FROM = 20
# A training so many times shorter than the longest has an axis of its own.
CORNER = 3.0


def styles_of(layers: Sequence[np.ndarray]) -> dict[int, Style]:
    """One style per layer, the same in all panels; `layers` holds the layers of each panel, `(L,)`."""
    every = sorted({int(layer) for panel in layers for layer in panel})
    styles = zip(every, layer_styles(len(every)), strict=True)
    return {layer: replace(style, series=layer) for layer, style in styles}


def time_axis(axes: Sequence[Axes], runs: Sequence[Run], log: bool = False) -> bool:
    """Make x of each run's panel an axis in updates; where epochs are many, its label says their length.

    Returns whether it is the same in all panels, as it is unless some would only fill a corner of theirs. It
    is logarithmic if `log`, or if the records of all runs are spaced logarithmically.
    """
    ends = [int(run.updates[-1]) for run in runs]
    first = min((int(run.updates[1]) for run in runs if len(run.updates) > 1), default=1)
    spaced = all(run.config.record_schedule.kind == "log" for run in runs) and max(ends) > 10 * first
    is_log = log or spaced
    is_shared = len(axes) == 1 or is_log or are_comparable(ends, CORNER)
    for ax, end in zip(axes, ends, strict=False):
        updates_axis(ax, max(ends) if is_shared else end, first if is_log else None)
        if max(ends) >= EPOCHS_FROM * EPOCH:
            ax.set_xlabel(f"updates (1 epoch: {EPOCH:,})")
    return is_shared


def finish_layers(
    page: Canvas,
    runs: Sequence[Run],
    styles: Mapping[int, Style],
    text: str,
    notes: Sequence[str],
    *,
    extra: Sequence[tuple[Artist, str]] = (),
) -> Drawing:
    """Finish `page` with a legend of the layers, then `extra`, and the caption `text`.

    Layers of one custom network have their names, those of others, or of several networks, their numbers.
    """
    layers = list(styles)
    shown = list(range(len(layers)))
    if len(layers) > NAMED:
        shown = sorted({round(i * (len(layers) - 1) / (NAMED - 1)) for i in range(NAMED)})
    names = [elided(name, LONGEST_NAME) for name in common_names(runs)]
    named = {i: names[layers[i] - 1] if names else f"layer {layers[i]}" for i in shown}
    entries = [(key(styles[layers[i]]), name) for i, name in named.items()] + list(extra)
    return finish(page, [handle for handle, _ in entries], [name for _, name in entries], text, notes)
