"""Draws what passes each layer of networks, by depth: signals, gradients and weights, a line per network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from xavier_cli.figures.canvas import Drawing, finish, make_page
from xavier_cli.figures.captions import at_record, caption, probe_examples
from xavier_cli.figures.highlight import MANY, best_few, facet_hint, final_error, highlight_note
from xavier_cli.figures.lines import key, plot_band, staggered
from xavier_cli.figures.panels import Panels, panels
from xavier_cli.figures.predicted import plot_prediction, predicted_entry, prediction
from xavier_cli.figures.request import (
    PlotRequest,
    UnsuitableRunError,
    counted,
    layer_columns,
    record_row,
    suitable,
)
from xavier_cli.figures.scales import finish_axes, log_axis
from xavier_cli.figures.style import Style, background, layers_axis, line_styles
from xavier_cli.runs.batch_normalization import normalization_notes
from xavier_cli.runs.layer_statistics import BY_PATH
from xavier_cli.runs.record import Run
from xavier_cli.statistics.estimate import Band, over_seeds

SHOWN: Mapping[str, tuple[str, ...]] = {
    "Forward: std of s": ("leaving/std", "preactivation/std"),
    "Backward: std of dC/ds": ("backprop/std",),
    "Gradient: std of dC/dW": ("weight_gradient/std",),
    "Weights: std of W": ("weight/std",),
}
"""The title of each panel, and what it shows, the first of which a run has: perceptrons have no `leaving`."""
MARKED_LAYERS = 60
"""With more layers than this, lines have no marks."""


@dataclass(frozen=True)
class Along:
    """One statistic by depth: `layers` and `predicted`, `(L,)`, and `std` over seeds, of shape `(L,)`."""

    path: str
    layers: np.ndarray
    std: Band
    predicted: np.ndarray


@dataclass(frozen=True)
class Depths:
    """What is drawn of one run at the record after `update` updates: a statistic per panel, None for none."""

    update: int
    shown: Mapping[str, Along | None]

    @property
    def seeds(self) -> int:
        """The number of seeds that count."""
        return max((each.std.seeds for each in self.shown.values() if each), default=0)


def depths(run: Run, chosen: PlotRequest) -> Depths:
    """The data of `run` at `chosen.record`, else the first; of all weight layers unless some are chosen.

    Raises `UnsuitableRunError` for a network of one weight layer, in which nothing passes layers.
    """
    if not run.config.depth:
        raise UnsuitableRunError("it has one weight layer, so that there is nothing to show by depth")
    if chosen.layers is not None:
        layer_columns(run, chosen.layers, "weight_layer")
    at = record_row(run, chosen.record or "first")
    update = int(run.updates[at])
    shown = {title: _along(run, paths, chosen, at, update) for title, paths in SHOWN.items()}
    if not any(shown.values()):
        raise UnsuitableRunError("nothing is recorded of its layers")
    return Depths(update, shown)


def _along(run: Run, paths: Sequence[str], chosen: PlotRequest, at: int, update: int) -> Along | None:
    path = next((path for path in paths if path in run), None)
    if path is None:
        return None
    row = BY_PATH[path]
    layers = run[row.axis]
    columns = np.flatnonzero(np.isin(layers, chosen.layers or layers))
    values = counted(run, path, chosen.seeds, at)[:, columns]
    band = over_seeds(values, row.mean_over_seeds)
    return Along(path, layers[columns], band, prediction(run, row.name, columns, update))


def plot_along(ax: Axes, data: Along, style: Style, every: slice = slice(None), name: str = "") -> Axes:
    """Draw one statistic over layers, with theory's prediction where there is one."""
    plot_band(ax, data.layers, data.std, style, every, name)
    if not style.is_background:
        plot_prediction(ax, data.layers, data.predicted, style)
    return ax


def layers_figure(runs: Sequence[Run], chosen: PlotRequest) -> Drawing:
    """A panel per statistic, all with one axis of layers; one line per configuration; a row per facet."""
    runs, taken, notes = suitable(runs, lambda run: depths(run, chosen))
    split = panels(runs, (), chosen.facet)
    groups = dict(zip(split.names, split.groups, strict=True))
    scores = [final_error(run) for run in runs]
    kept = {split.names[i] for i in best_few(scores, split.members)} if len(groups) > MANY else None
    every = np.array(sorted({int(layer) for data in taken for layer in _layers(data)}))
    styles = line_styles(groups, kept)
    if len(every) > MARKED_LAYERS:
        styles = {name: replace(style, marker="none") for name, style in styles.items()}
    titles = list(SHOWN)
    if chosen.facet:
        titles = [f"{title}: {words.partition(': ')[2]}" for title in split.titles for words in SHOWN]
    page = make_page(titles, chosen.page, columns=len(SHOWN) if len(split.titles) > 1 else 2)
    places = [(members, words) for members in split.members for words in SHOWN]
    for ax, (members, words) in zip(page.axes, places, strict=True):
        for place, i in enumerate(members):
            data, name = taken[i].shown[words], split.names[i]
            if data:
                marks = staggered(len(data.layers), place, len(members))
                plot_along(ax, data, styles[name], marks, name)
        log_axis(ax, "y")
        if ax.get_yscale() == "log":
            low, high = ax.get_ylim()
            ax.set_ylim(low, high * (high / low) ** 0.04)
        layers_axis(ax, every)
        ax.set_ylabel("std")
    finish_axes(page, [words for _, words in places])
    shown = [name for name in groups if not styles[name].is_background]
    drawn = [along for data in taken for along in data.shown.values() if along]
    order = _ordered(runs)
    sentences = [
        f"By weight layer, {order}, on {probe_examples(runs)}, "
        f"{at_record([data.update for data in taken])}. s: what leaves the layer; dC/ds: the gradient of "
        "each example's own loss; dC/dW: the gradient of the mean loss; W: the weights. Gradients: geometric "
        "mean over seeds."
    ]
    if any(ax.get_yscale() == "log" for ax in page.axes) and any(
        (along.std.center == 0).any() for along in drawn
    ):
        sentences.append("A value of 0 has no place on a logarithmic axis.")
    if kept is not None:
        by = "with the lowest test error at the end" if np.isfinite(scores).any() else "given first"
        sentences.append(highlight_note(len(shown), len(groups), by))
    sentences += normalization_notes(runs)
    text = caption(runs, [data.seeds for data in taken], sentences, chosen.seeds)
    entries: list[tuple[Artist, str]] = [(key(styles[name]), name) for name in shown]
    if kept is not None:
        entries.append((key(background(), marker=False), f"{len(groups) - len(shown)} others"))
    if any(np.isfinite(along.predicted).any() for along in drawn):
        entries.append(predicted_entry())
    drawing = finish(page, [handle for handle, _ in entries], [name for _, name in entries], text, notes)
    return drawing if kept is None else drawing.hinting(facet_hint(_few_values(split), chosen.facet))


def _few_values(split: Panels) -> list[str]:
    """The settings that panels may be split by: a network in each would be all that lines are for."""
    return [name for name in split.differing if name not in ("net", "sources")]


def _layers(data: Depths) -> list[int]:
    return [int(layer) for each in data.shown.values() if each for layer in each.layers]


def _ordered(runs: Sequence[Run]) -> str:
    """How layers are counted: those of a custom network need not lie on one path."""
    is_custom = any(run.config.network.is_users for run in runs)
    return "in the order of execution" if is_custom else "from the input up"
