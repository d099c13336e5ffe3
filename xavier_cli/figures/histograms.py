"""Draws histograms of activations and gradients per layer at one record: Figures 4, 6, 7 and 8."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from xavier_cli.figures.by_layer import finish_layers, styles_of
from xavier_cli.figures.canvas import Drawing, make_page
from xavier_cli.figures.captions import at_record, caption, hidden_only, probe_examples
from xavier_cli.figures.histogram_data import Histogram, evenly_alike, recorded, shown, without_zeros
from xavier_cli.figures.labels import labels
from xavier_cli.figures.lines import key, plot_band, staggered
from xavier_cli.figures.over_time import MEANING
from xavier_cli.figures.predicted import plot_prediction, predicted_entry
from xavier_cli.figures.request import PlotRequest, UnsuitableRunError, suitable
from xavier_cli.figures.scales import RANGES_DIFFER, finish_axes
from xavier_cli.figures.style import DASHES, SMALL, Style
from xavier_cli.runs.batch_normalization import normalization_notes
from xavier_cli.runs.record import Run
from xavier_cli.vocabulary.tensors import TENSORS

# A panel's legend of zeros has so many layers at most.
ZEROS_NAMED = 5


def plot_histogram(ax: Axes, data: Histogram, styles: Sequence[Style], name: str = "") -> Axes:
    """Draw each layer's density as a line through the centres of its bins; `styles` has one per layer."""
    for i, (layer, style) in enumerate(zip(data.layers, styles, strict=True)):
        low, high = shown(data)
        inside = np.flatnonzero((data.centres >= low) & (data.centres <= high))
        offset = staggered(len(inside), i, len(data.layers))
        every = slice((inside[0] if len(inside) else 0) + (offset.start or 0), None, offset.step)
        label = f"{name}, layer {layer}" if name else f"layer {layer}"
        plot_band(ax, data.centres, data.density.at(i), style, every, label)
        # A caret on the axis at one predicted standard deviation.
        at = data.predicted_std[i : i + 1]
        # A mark beyond the axis would widen the page.
        plot_prediction(ax, at, np.where(at <= shown(data)[1], 0.0, np.nan), style, mark="^")
    ax.set_xlim(*shown(data))
    ax.set_ylim(bottom=0)
    ax.set_xlabel(TENSORS[data.tensor].label)
    ax.set_ylabel("density")
    ax.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 2.5, 5, 10]))
    return ax


def histograms_figure(runs: Sequence[Run], tensor: str, chosen: PlotRequest) -> Drawing:
    """One panel per configuration, one line per layer; with `chosen.together` all lines in one panel."""
    runs, taken, notes = suitable(runs, lambda run: without_zeros(recorded(run, tensor, chosen)))
    lowest = [run.config.activation_range[0] if tensor == "activation" else -np.inf for run in runs]
    panels = evenly_alike(taken, lowest)
    names = labels(runs)
    styles = styles_of([data.layers for data in panels])
    if chosen.together:
        _refuse_other_ranges(panels, names)
    page = make_page([""] if chosen.together else names, chosen.page)
    axes = page.axes * len(runs) if chosen.together else page.axes
    for i, (ax, data) in enumerate(zip(axes, panels, strict=True)):
        own = [styles[int(layer)] for layer in data.layers]
        if chosen.together:
            own = [replace(style, linestyle=DASHES[i % len(DASHES)]) for style in own]
        plot_histogram(ax, data, own, names[i] if chosen.together and len(runs) > 1 else "")
    groups = [(float(data.edges[-1]), data.edges[0] < 0) for data in panels]
    for group in groups:
        ends = [shown(data) for data, each in zip(panels, groups, strict=True) if each == group]
        for ax, each in zip(axes, groups, strict=True):
            if each == group:
                ax.set_xlim(min(low for low, _ in ends), max(high for _, high in ends))
    same_bins = len(set(groups)) == 1
    _tell_zeros(axes, panels, styles, names if chosen.together and len(runs) > 1 else [])
    finish_axes(page, groups[: len(page.axes)], share_x=same_bins)
    what = MEANING.get(tensor, "activations z on {}").format(probe_examples(runs))
    sentences = [f"Distribution of the {what}, by layer, {at_record([data.update for data in panels])}."]
    if any(len(data.zeros) for data in panels):
        sentences.append(
            "Zeros (less than 1e-10) are left out of the densities; each panel says their share."
        )
    if not same_bins:
        sentences.append(RANGES_DIFFER)
    if tensor == "weight_gradient":
        sentences += hidden_only(chosen, runs)
    if tensor != "weight":
        sentences += normalization_notes(runs)
    text = caption(runs, [data.density.seeds for data in panels], sentences, chosen.seeds)
    extra: list[tuple[Artist, str]] = []
    if any(np.isfinite(data.predicted_std).any() for data in panels):
        extra = [predicted_entry("^", "predicted std")]
    if chosen.together and len(runs) > 1:
        extra += [
            (key(Style("0.2", "", DASHES[i % len(DASHES)]), marker=False), name)
            for i, name in enumerate(names)
        ]
    return finish_layers(page, runs, styles, text, notes, extra=extra)


def _tell_zeros(
    axes: Sequence[Axes], panels: Sequence[Histogram], styles: Mapping[int, Style], names: Sequence[str]
) -> None:
    """Say in panels the shares of the zeros that are left out, by layer where there is room.

    `names` are those of runs in one panel, whose shares are said by run.
    """
    if names:
        rows = [
            (Line2D([], [], linestyle="none"), f"{name}: {_percents(data.zeros)}")
            for name, data in zip(names, panels, strict=True)
            if len(data.zeros)
        ]
        _zeros_legend(axes[0], rows)
        return
    for ax, data in zip(axes, panels, strict=True):
        rows = []
        count = len(data.zeros)
        picked = sorted({round(i) for i in np.linspace(0, count - 1, min(count, ZEROS_NAMED))})
        for i in picked if data.edges[0] >= 0 else []:
            mark = key(replace(styles[int(data.layers[i])], linestyle="none"))
            rows.append((mark, f"layer {data.layers[i]}: {_percents(data.zeros[i : i + 1])}"))
        if count and not rows:
            # On both sides of 0 there is no room beside the lines.
            low, high = ax.get_ylim()
            ax.set_ylim(low, high + 0.15 * (high - low))
            ax.text(
                0.99,
                0.99,
                f"zeros: {_percents(data.zeros)}",
                transform=ax.transAxes,
                ha="right",
                va="top",
                fontsize=SMALL,
            )
        _zeros_legend(ax, rows)


def _zeros_legend(ax: Axes, rows: Sequence[tuple[Artist, str]]) -> None:
    if rows:
        legend = ax.legend(
            [handle for handle, _ in rows],
            [text for _, text in rows],
            title="zeros",
            title_fontsize=SMALL,
            loc="upper right",
            borderpad=0,
            borderaxespad=0.2,
            labelspacing=0.15,
            handlelength=1.0,
            handletextpad=0.3,
            alignment="left",
        )
        legend.set_zorder(2.5)
        for text in legend.get_texts():
            text.set_parse_math(False)


def _percents(shares: np.ndarray) -> str:
    low, high = (f"{100 * share:.0f}" for share in (shares.min(), shares.max()))
    return f"{low} %" if low == high else f"{low}–{high} %"


def activations_figure(runs: Sequence[Run], chosen: PlotRequest) -> Drawing:
    """Histograms of the activations: Figure 6 at the first record, Figure 4 with `--record last`."""
    return histograms_figure(runs, "activation", chosen)


def backprop_figure(runs: Sequence[Run], chosen: PlotRequest) -> Drawing:
    """Histograms of the back-propagated gradients: Figure 7."""
    return histograms_figure(runs, "backprop", chosen)


def weight_gradients_figure(runs: Sequence[Run], chosen: PlotRequest) -> Drawing:
    """Histograms of the weight gradients: Figure 8."""
    return histograms_figure(runs, "weight_gradient", chosen)


def _refuse_other_ranges(panels: Sequence[Histogram], names: Sequence[str]) -> None:
    ends = [(float(data.edges[0]), float(data.edges[-1])) for data in panels]
    for end, name in zip(ends, names, strict=True):
        if end != ends[0]:
            ranges = (
                f"{names[0]} lies in [{ends[0][0]:g}, {ends[0][1]:g}], {name} in [{end[0]:g}, {end[1]:g}]"
            )
            raise UnsuitableRunError(f"these cannot share an axis: {ranges}; leave out `--together`")
    if len(panels) > len(DASHES):
        raise UnsuitableRunError(f"`--together` tells {len(DASHES)} configurations apart, not {len(panels)}")
