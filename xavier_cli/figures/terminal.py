"""Draws the simple figures as text: the same numbers as in the plots, without intervals."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np

from xavier_cli.figures.braille import MARKS, TextLine, legend_text, plot_text
from xavier_cli.figures.by_layer import LONGEST_NAME
from xavier_cli.figures.captions import at_record, diverged_in_words, probe_examples
from xavier_cli.figures.catalogue import KINDS
from xavier_cli.figures.curve_data import curve, parse_metrics
from xavier_cli.figures.labels import labels, shared
from xavier_cli.figures.layers import SHOWN, Along, depths
from xavier_cli.figures.over_time import MEANING, spread
from xavier_cli.figures.panels import panels
from xavier_cli.figures.request import PlotRequest, UnsuitableRunError, parse_tensor, suitable
from xavier_cli.figures.saturation import PERCENTILE, saturation
from xavier_cli.runs.batch_normalization import normalization_notes
from xavier_cli.runs.layer_names import common_names, elided
from xavier_cli.runs.layer_statistics import BY_PATH
from xavier_cli.runs.record import Run
from xavier_cli.statistics.estimate import Band

Text = tuple[str, list[str]]


def curves_text(runs: Sequence[Run], chosen: PlotRequest, width: int, ascii_only: bool) -> Text:
    """Curves over updates: an axis per metric, data set and value of the facet, a line per configuration."""
    metrics = parse_metrics(chosen.metric)
    runs, taken, notes = suitable(runs, lambda run: [curve(run, chosen, metric) for metric in metrics])
    split = panels(runs, ("data",), chosen.facet)
    rows: list[str] = []
    for place, metric in enumerate(metrics):
        for title, members in zip(split.titles, split.members, strict=True):
            _refuse_more(len(members), "draw fewer with `--where act=tanh`, or split them with `--facet act`")
            names = [split.names[i] for i in members]
            items = [taken[i][place] for i in members]
            lines = [
                TextLine(name, each.updates, each.band.center)
                for name, each in zip(names, items, strict=True)
            ]
            rows += plot_text(lines, f"{metric.label}: {title}", width, ascii_only=ascii_only)
            rows += [*legend_text(names, width), ""]
    counts = [item.band.seeds for items in taken for item in items]
    lost = diverged_in_words(runs, chosen.seeds, are_errors=all(metric.is_error for metric in metrics))
    return _text(rows, runs, counts, width, lost), notes


def saturation_text(runs: Sequence[Run], chosen: PlotRequest, width: int, ascii_only: bool) -> Text:
    """Activations per layer: their mean for a range from 0, else the 98th percentile of |z| and the std."""
    runs, taken, notes = suitable(runs, lambda run: saturation(run, chosen))
    rows: list[str] = []
    for name, run, data in zip(labels(runs), runs, taken, strict=True):
        parts = {BY_PATH["activation/mean"].label: data.mean}
        if not data.one_sided:
            parts = {
                f"{PERCENTILE}th percentile of |z|": data.high,
                BY_PATH["activation/std"].label: data.std,
            }
        for words, band in parts.items():
            rows += _layers(f"{name}: {words}", data.updates, data.layers, band, width, ascii_only)
        rows += [*_legend(run, data.layers, width), ""]
    sentences = [
        f"Activations z on {probe_examples(runs)}.",
        *normalization_notes(runs),
        *diverged_in_words(runs, chosen.seeds),
    ]
    return _text(rows, runs, [d.mean.seeds for d in taken], width, sentences), notes


def gradients_text(runs: Sequence[Run], chosen: PlotRequest, width: int, ascii_only: bool) -> Text:
    """Standard deviation of a gradient per layer, on a logarithmic axis."""
    known = KINDS["gradients-over-time"].tensors
    tensor = parse_tensor(chosen.tensor, known) if chosen.tensor else known[0]
    runs, taken, notes = suitable(runs, lambda run: spread(run, tensor, chosen))
    rows: list[str] = []
    for name, run, data in zip(labels(runs), runs, taken, strict=True):
        title, logarithmic = f"{name}: {data.statistic.label}", data.statistic.is_logarithmic
        rows += _layers(title, data.updates, data.layers, data.std, width, ascii_only, logarithmic)
        rows += [*_legend(run, data.layers, width), ""]
    sentences = [
        f"Standard deviation of the {MEANING[tensor].format(probe_examples(runs))}.",
        *normalization_notes(runs),
        *diverged_in_words(runs, chosen.seeds),
    ]
    return _text(rows, runs, [d.std.seeds for d in taken], width, sentences, "geometric mean"), notes


def layers_text(runs: Sequence[Run], chosen: PlotRequest, width: int, ascii_only: bool) -> Text:
    """What passes each layer by depth: a logarithmic plot per statistic, a line per configuration."""
    runs, taken, notes = suitable(runs, lambda run: depths(run, chosen))
    split = panels(runs, (), chosen.facet)
    every = np.unique(np.concatenate([each.layers for data in taken for each in data.shown.values() if each]))
    rows: list[str] = []
    for title, members in zip(split.titles, split.members, strict=True):
        _refuse_more(len(members), "draw fewer with `--where`, or split them with `--facet`")
        names = [split.names[i] for i in members]
        for words in SHOWN:
            lines = [
                _by_depth(split.names[i], along, every) for i in members if (along := taken[i].shown[words])
            ]
            head = f"{title}: {words}" if chosen.facet else words
            if lines:
                rows += plot_text(lines, head, width, ascii_only=ascii_only, logarithmic=True, along="layers")
        rows += [*legend_text(names, width), ""]
    sentences = [
        f"By weight layer, {at_record([data.update for data in taken])}; gradients: geometric mean.",
        *normalization_notes(runs),
        *diverged_in_words(runs, chosen.seeds),
    ]
    return _text(rows, runs, [data.seeds for data in taken], width, sentences), notes


def _by_depth(name: str, along: Along, layers: np.ndarray) -> TextLine:
    """A line over all `layers`, `(L,)`, so that plots of several statistics have one axis."""
    center = np.full(len(layers), np.nan)
    center[np.searchsorted(layers, along.layers)] = along.std.center
    return TextLine(name, layers, center)


def _layers(
    title: str,
    updates: np.ndarray,
    layers: np.ndarray,
    band: Band,
    width: int,
    ascii_only: bool,
    logarithmic: bool = False,
) -> list[str]:
    _refuse_more(len(layers), "choose some with `--layers 1,5,10`")
    lines = [TextLine(f"layer {layer}", updates, band.center[:, i]) for i, layer in enumerate(layers)]
    return plot_text(lines, title, width, ascii_only=ascii_only, logarithmic=logarithmic)


def _legend(run: Run, layers: np.ndarray, width: int) -> list[str]:
    names = [elided(name, LONGEST_NAME) for name in common_names([run])]
    return legend_text([names[layer - 1] if names else f"layer {layer}" for layer in layers], width)


def _refuse_more(lines: int, remedy: str) -> None:
    if lines > len(MARKS):
        raise UnsuitableRunError(
            f"{lines} lines are too many for a terminal (at most {len(MARKS)}): {remedy}"
        )


def _text(
    rows: list[str],
    runs: Sequence[Run],
    seeds: Sequence[int],
    width: int,
    sentences: Sequence[str],
    mean: str = "mean",
) -> str:
    counts = sorted(set(seeds))
    over = " or ".join(map(str, counts)) + (" seed" if counts == [1] else " seeds")
    ending = [
        *sentences,
        f"Lines: {mean} over {over}, marked by their number in the legend.",
    ]
    if common := shared(runs):
        ending.append(f"Settings: {common}.")
    return "\n".join([*rows, *(line for text in ending for line in textwrap.wrap(text, width))]) + "\n"
