"""Draws the gradients per layer during training: Figure 9."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from xavier_cli.figures.by_layer import finish_layers, styles_of, time_axis
from xavier_cli.figures.canvas import Drawing, make_page
from xavier_cli.figures.captions import caption, hidden_only, probe_examples
from xavier_cli.figures.catalogue import KINDS
from xavier_cli.figures.labels import labels
from xavier_cli.figures.lines import plot_band, staggered
from xavier_cli.figures.predicted import plot_prediction, predicted_entry, prediction
from xavier_cli.figures.request import (
    PlotRequest,
    counted,
    layer_columns,
    parse_tensor,
    suitable,
    times,
)
from xavier_cli.figures.scales import RANGES_DIFFER, finish_axes
from xavier_cli.figures.style import Style
from xavier_cli.runs.batch_normalization import normalization_notes
from xavier_cli.runs.layer_statistics import BY_PATH, LayerStatistic
from xavier_cli.runs.record import Run
from xavier_cli.statistics.estimate import Band, over_seeds

MEANING = {
    "weight_gradient": "gradient dC/dW of the mean loss over {}",
    "backprop": "back-propagated gradient dC/ds of {}",
}


@dataclass(frozen=True)
class Spread:
    """Standard deviation of a tensor during training; `statistic` is its row in the schema.

    `std` has shape `(R, L)`; `predicted`, `(L,)`, is the prediction for the first record.
    """

    statistic: LayerStatistic
    updates: np.ndarray
    layers: np.ndarray
    std: Band
    predicted: np.ndarray


def spread(run: Run, tensor: str, chosen: PlotRequest) -> Spread:
    """The std of `tensor` (`weight_gradient` or `backprop`) over the chosen seeds and layers of `run`."""
    statistic = BY_PATH[f"{tensor}/std"]
    scale, std = statistic.axis, counted(run, statistic.path, chosen.seeds)
    columns = layer_columns(run, chosen.layers, scale)
    predicted = prediction(run, statistic.name, columns)
    band = over_seeds(std[:, :, columns], statistic.mean_over_seeds)
    return Spread(statistic, times(run), run[scale][columns], band, predicted)


def plot_spread(ax: Axes, data: Spread, styles: Mapping[int, Style] | None = None) -> Axes:
    """Draw a line per layer; gradients on a logarithmic axis, since they differ by factors."""
    styles = styles or styles_of([data.layers])
    count = len(data.layers)
    for i, layer in enumerate(data.layers):
        every = staggered(len(data.updates), i, count)
        plot_band(ax, data.updates, data.std.at(i), styles[int(layer)], every, f"layer {layer}")
        plot_prediction(ax, data.updates[:1], data.predicted[i : i + 1], styles[int(layer)])
    # A logarithmic axis cannot show values that are all 0.
    if data.statistic.is_logarithmic and (data.std.center > 0).any():
        ax.set_yscale("log")
    ax.set_ylabel(data.statistic.label)
    return ax


def gradients_figure(runs: Sequence[Run], chosen: PlotRequest) -> Drawing:
    """One panel per configuration, one line per layer, for the gradient `chosen.tensor`."""
    known = KINDS["gradients-over-time"].tensors
    tensor = parse_tensor(chosen.tensor, known) if chosen.tensor else known[0]
    runs, panels, notes = suitable(runs, lambda run: spread(run, tensor, chosen))
    page = make_page(labels(runs), chosen.page)
    styles = styles_of([data.layers for data in panels])
    for ax, data in zip(page.axes, panels, strict=True):
        plot_spread(ax, data, styles)
    share_x = time_axis(page.axes, runs, chosen.page.log_x)
    finish_axes(page, [tensor] * len(panels), share_x=share_x)
    sentences = [
        f"Standard deviation of the {MEANING[tensor].format(probe_examples(runs))}, over updates, by layer; "
        "geometric mean over seeds."
    ]
    if not share_x:
        sentences.append(RANGES_DIFFER)
    if tensor == "weight_gradient":
        sentences += hidden_only(chosen, runs)
    extra = [predicted_entry()] if any(np.isfinite(data.predicted).any() for data in panels) else []
    if any((data.std.center == 0).any() for data in panels):
        sentences.append("A gradient of 0 has no place on a logarithmic axis.")
    sentences += normalization_notes(runs)
    return finish_layers(
        page,
        runs,
        styles,
        caption(runs, [d.std.seeds for d in panels], sentences, chosen.seeds),
        notes,
        extra=extra,
    )
