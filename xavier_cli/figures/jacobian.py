"""Draws the singular values of the layer-to-layer Jacobians dz(i)/dz(i-1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from xavier_cli.config.command_text import probe_command
from xavier_cli.figures.by_layer import finish_layers, styles_of
from xavier_cli.figures.canvas import Drawing, finish, make_page
from xavier_cli.figures.captions import at_record, caption
from xavier_cli.figures.highlight import MANY, best_few, facet_hint, final_error, highlight_note
from xavier_cli.figures.labels import labels
from xavier_cli.figures.lines import key, level_key, plot_band, plot_level, plot_points, staggered
from xavier_cli.figures.panels import panels
from xavier_cli.figures.predicted import plot_prediction, predicted_entry, prediction
from xavier_cli.figures.request import (
    PlotRequest,
    UnsuitableRunError,
    counted,
    layer_columns,
    record_row,
    suitable,
    values,
)
from xavier_cli.figures.scales import finish_axes
from xavier_cli.figures.style import Style, background, layers_axis, line_styles
from xavier_cli.runs.batch_normalization import normalization_notes
from xavier_cli.runs.layer_statistics import IN_TABLES
from xavier_cli.runs.record import Run
from xavier_cli.statistics.estimate import Band, over_seeds
from xavier_cli.vocabulary.tensors import JACOBIAN

NORM_PRESERVING = "Dashed line: singular value 1 (norm-preserving)."
# The averages that theory predicts; the largest singular value is not drawn.
AVERAGES = {row.name: row.words for row in IN_TABLES if row.tensor is JACOBIAN and row.predicted}


@dataclass(frozen=True)
class Averages:
    """Averages over the singular values of each layer's Jacobian at one record.

    `averages` holds a `Band` of shape `(L,)` for each of `AVERAGES`, `predicted` its prediction, NaN after
    the first record.
    """

    update: int
    layers: np.ndarray
    averages: Mapping[str, Band]
    predicted: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Spectrum:
    """Singular values of each layer's Jacobian at one record; `singular`, `(index, L)`, is descending."""

    update: int
    layers: np.ndarray
    singular: Band


def averages(run: Run, chosen: PlotRequest) -> Averages:
    """The data for `plot_averages` of `run`, at `chosen.record` or else the first record."""
    _by_layer(run, "jacobian/mean_singular_value")
    at, columns = (
        record_row(run, chosen.record or "first", "jacobian_update"),
        layer_columns(run, chosen.layers),
    )
    arrays = {name: counted(run, f"jacobian/{name}", chosen.seeds, at) for name in AVERAGES}
    bands = {name: over_seeds(array[:, columns]) for name, array in arrays.items()}
    update = int(run["jacobian_update"][at])
    predicted = {name: prediction(run, name, columns, update) for name in AVERAGES}
    return Averages(update, run["layer"][columns], bands, predicted)


def spectrum(run: Run, chosen: PlotRequest) -> Spectrum:
    """The data for `plot_spectrum` of `run`, at `chosen.record` or else the first record."""
    _by_layer(run, "jacobian/singular_values")
    at = record_row(run, chosen.record or "first", "spectrum_update")
    singular, columns = (
        counted(run, "jacobian/singular_values", chosen.seeds, at),
        layer_columns(run, chosen.layers),
    )
    band = over_seeds(singular[:, columns].transpose(0, 2, 1))
    return Spectrum(int(run["spectrum_update"][at]), run["layer"][columns], band)


def _by_layer(run: Run, name: str) -> None:
    """Raise `UnsuitableRunError` unless `name` is recorded: Jacobians of custom networks are not by layer."""
    if run.config.network.is_users and name not in run:
        asked = probe_command(run.config, jacobian_examples=16)
        remedy = "" if run.config.is_watched else f"; `{asked}` prints its singular values"
        raise UnsuitableRunError(
            f"no Jacobians by layer: a custom network has only the one from the input to the logits{remedy}"
        )
    values(run, name)


def plot_averages(ax: Axes, layers: np.ndarray, band: Band, style: Style, name: str = "") -> Axes:
    """Draw one average, `(L,)`, over `layers`; layer 1 is not joined to the others: it is not square."""
    inner = layers > 1
    plot_band(ax, layers[inner], band.at(inner), style, slice(None), name)
    if not inner.all():
        plot_points(ax, layers[~inner], band.at(~inner), style)
    return ax


def plot_spectrum(ax: Axes, data: Spectrum, styles: Mapping[int, Style] | None = None) -> Axes:
    """Draw each layer's singular values against their rank: the largest at 0, the smallest at 1."""
    styles = styles or styles_of([data.layers])
    for i, layer in enumerate(data.layers):
        band = data.singular.at(i)
        there = np.isfinite(band.center)
        count = int(there.sum())
        rank = np.linspace(0, 1, count) if count > 1 else np.zeros(count)
        every = staggered(max(count, 1), i, len(data.layers))
        plot_band(ax, rank, band.at(there), styles[int(layer)], every, f"layer {layer}")
    plot_level(ax, 1)
    ax.set_ylim(bottom=0)
    ax.set_xlabel("rank / number of singular values")
    ax.set_ylabel("singular value")
    return ax


def jacobian_figure(runs: Sequence[Run], chosen: PlotRequest) -> Drawing:
    """One panel per kind of average, one line per configuration, layers along x; a row per facet."""
    runs, taken, notes = suitable(runs, lambda run: averages(run, chosen))
    split = panels(runs, (), chosen.facet)
    groups = dict(zip(split.names, split.groups, strict=True))
    scores = [final_error(run) for run in runs]
    kept = {split.names[i] for i in best_few(scores, split.members)} if len(groups) > MANY else None
    styles = line_styles(groups, kept)
    titles = [
        ": ".join([*([title] if chosen.facet else []), words])
        for title in split.titles
        for words in AVERAGES.values()
    ]
    page = make_page(titles, chosen.page, height=2.2)
    every = np.array(sorted({int(layer) for data in taken for layer in data.layers}))
    places = [(members, average) for members in split.members for average in AVERAGES]
    for ax, (members, average) in zip(page.axes, places, strict=True):
        for i in members:
            data, style = taken[i], styles[split.names[i]]
            plot_averages(ax, data.layers, data.averages[average], style, split.names[i])
            if not style.is_background:
                plot_prediction(ax, data.layers, data.predicted[average], style)
        plot_level(ax, 1)
        layers_axis(ax, every)
        ax.set_ylim(bottom=0)
        ax.set_ylabel("singular value")
    finish_axes(page, [JACOBIAN] * len(places))
    sentences = [
        "Averages over the singular values of each layer's Jacobian dz(i)/dz(i−1), over layers, means over"
        f" probe examples, {at_record([data.update for data in taken])}. {NORM_PRESERVING}"
    ]
    if 1 in every:
        sentences.append("Layer 1 stands apart: its Jacobian, from the input, is not square.")
    shown = [name for name in groups if not styles[name].is_background]
    if kept is not None:
        by = "with the lowest test error at the end" if np.isfinite(scores).any() else "given first"
        sentences.append(highlight_note(len(shown), len(groups), by))
    sentences += normalization_notes(runs, jacobians=True)
    text = caption(
        runs, [data.averages["mean_singular_value"].seeds for data in taken], sentences, chosen.seeds
    )
    entries: list[tuple[Artist, str]] = [(key(styles[name]), name) for name in shown]
    if kept is not None:
        entries.append((key(background(), marker=False), f"{len(groups) - len(shown)} others"))
    if any(np.isfinite(data.predicted["mean_singular_value"]).any() for data in taken):
        entries.append(predicted_entry())
    entries.append(_level_entry())
    drawing = finish(page, [handle for handle, _ in entries], [name for _, name in entries], text, notes)
    return drawing if kept is None else drawing.hinting(facet_hint(split.differing, chosen.facet))


def _level_entry() -> tuple[Artist, str]:
    return level_key(), "singular value 1 (norm-preserving)"


def spectrum_figure(runs: Sequence[Run], chosen: PlotRequest) -> Drawing:
    """One panel per configuration, one line per layer."""
    runs, taken, notes = suitable(runs, lambda run: spectrum(run, chosen))
    page = make_page(labels(runs), chosen.page)
    styles = styles_of([data.layers for data in taken])
    for ax, data in zip(page.axes, taken, strict=True):
        plot_spectrum(ax, data, styles)
    finish_axes(page, [JACOBIAN] * len(taken))
    sentences = [
        "Singular values of each layer's Jacobian dz(i)/dz(i−1), over rank, the largest on the left, means"
        f" over probe examples, {at_record([data.update for data in taken])}. {NORM_PRESERVING}"
    ]
    sentences += normalization_notes(runs, jacobians=True)
    text = caption(runs, [data.singular.seeds for data in taken], sentences, chosen.seeds)
    return finish_layers(page, runs, styles, text, notes, extra=[_level_entry()])
