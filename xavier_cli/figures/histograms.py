"""Draws histograms of activations and gradients per layer at one record: Figures 4, 6, 7 and 8."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from xavier_cli.figures.by_layer import finish_layers, styles_of
from xavier_cli.figures.canvas import Drawing, make_page, outer_labels
from xavier_cli.figures.captions import PROBE_EXAMPLES, at_record, caption, hidden_only
from xavier_cli.figures.labels import labels
from xavier_cli.figures.lines import key, plot_band, staggered
from xavier_cli.figures.over_time import MEANING
from xavier_cli.figures.predicted import plot_prediction, prediction
from xavier_cli.figures.request import (
    PlotRequest,
    UnsuitableRunError,
    counted,
    layer_columns,
    record_row,
    suitable,
    values,
)
from xavier_cli.figures.style import DASHES, Style
from xavier_cli.runs.batch_normalization import normalization_notes
from xavier_cli.runs.layer_statistics import BY_PATH
from xavier_cli.runs.record import Run
from xavier_cli.statistics.estimate import Band, over_seeds
from xavier_cli.vocabulary.tensors import TENSORS

# The share of every layer that the axis must show; the outermost bins hold all values beyond them.
SHOWN_SHARE = 0.995
# Even bins for a tensor that is recorded in logarithmic ones; an odd number, so that one is around 0.
EVEN_BINS = 61


@dataclass(frozen=True)
class Histogram:
    """Densities of one tensor at one record.

    `edges` has shape `(B + 1,)`; `shares`, `(S, B, L)`, are the fractions of a layer's values in each bin.
    `predicted_std`, `(L,)`, is NaN after the first record.
    """

    tensor: str
    update: int
    layers: np.ndarray
    edges: np.ndarray
    shares: np.ndarray
    predicted_std: np.ndarray

    @cached_property
    def density(self) -> Band:
        """The density over seeds, `(B, L)`, as a fraction per unit of the tensor."""
        return over_seeds(self.shares / np.diff(self.edges)[:, None])

    @property
    def share(self) -> np.ndarray:
        """The mean over seeds, `(B, L)`."""
        return np.nan_to_num(over_seeds(self.shares).center)

    @property
    def centres(self) -> np.ndarray:
        """The centres of the bins, `(B,)`."""
        return np.asarray((self.edges[1:] + self.edges[:-1]) / 2)


def histogram(run: Run, tensor: str, chosen: PlotRequest) -> Histogram:
    """The histogram of `tensor` over the chosen seeds and layers of `run`, at the chosen or first record."""
    scale = "weight_layer" if tensor.startswith("weight") else "layer"
    at = record_row(run, chosen.record or "first")
    counts = counted(run, f"{tensor}/histogram", chosen.seeds, at)
    columns = layer_columns(run, chosen.layers, scale)
    picked = counts[:, columns].astype(float).transpose(0, 2, 1)
    with np.errstate(invalid="ignore"):
        shares = picked / picked.sum(axis=1, keepdims=True)
    edges = values(run, f"{tensor}/bin_edge")
    if not np.allclose(np.diff(edges), np.diff(edges)[0]):
        edges, shares = evenly(edges, shares)
    update = int(run.updates[at])
    return Histogram(
        tensor,
        update,
        run[scale][columns],
        edges,
        shares,
        # No prediction for weight gradients: theory is about the gradients of single examples.
        prediction(run, BY_PATH[f"{tensor}/std"].name, columns, update),
    )


def evenly(edges: np.ndarray, share: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Resample shares, `(N, B, L)`, of uneven bins to even ones; returns edges and shares of these.

    The even bins cover nearly all of every layer; a bin that overlaps two of them is split in proportion. In
    logarithmic bins the density would be a needle at 0, where bins are as narrow as 1e-10.
    """
    mean = np.nan_to_num(over_seeds(share).center)
    cumulative = np.concatenate([np.zeros((1, share.shape[2])), mean.cumsum(axis=0)])
    rest = (1 - SHOWN_SHARE) / 2
    ends = [np.interp([rest, 1 - rest], layer, edges) for layer in cumulative.T]
    # Beyond the outermost value, so that a line ends on the axis.
    reach = 1.2 * float(np.abs(ends).max()) or 1.0
    even = np.linspace(-reach, reach, EVEN_BINS + 1)
    below = np.concatenate([np.zeros_like(share[:, :1]), share.cumsum(axis=1)], axis=1)
    at = np.stack([[np.interp(even, edges, layer) for layer in np.moveaxis(seed, 1, 0)] for seed in below])
    return even, np.moveaxis(np.diff(at, axis=2), 2, 1)


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


def shown(data: Histogram) -> tuple[float, float]:
    """The limits of x that hold nearly all of every layer; those of the activation's range if it is used."""
    cumulative = np.cumsum(data.share, axis=0)
    rest = (1 - SHOWN_SHARE) / 2
    first = int((cumulative > rest).argmax(axis=0).min())
    last = int((cumulative >= 1 - rest).argmax(axis=0).max())
    if data.tensor == "activation" and (last - first) * 3 > len(data.centres):
        return float(data.edges[0]), float(data.edges[-1])
    return float(data.edges[first]), float(data.edges[last + 1])


def histograms_figure(runs: Sequence[Run], tensor: str, chosen: PlotRequest) -> Drawing:
    """One panel per configuration, one line per layer; with `chosen.together` all lines in one panel."""
    runs, panels, notes = suitable(runs, lambda run: histogram(run, tensor, chosen))
    names = labels(runs)
    styles = styles_of([data.layers for data in panels])
    if chosen.together:
        _refuse_other_ranges(panels, names)
    page = make_page([""] if chosen.together else names)
    axes = page.axes * len(runs) if chosen.together else page.axes
    for i, (ax, data) in enumerate(zip(axes, panels, strict=True)):
        own = [styles[int(layer)] for layer in data.layers]
        if chosen.together:
            own = [replace(style, linestyle=DASHES[i % len(DASHES)]) for style in own]
        plot_histogram(ax, data, own, names[i] if chosen.together and len(runs) > 1 else "")
    same_bins = len({data.edges.tobytes() for data in panels}) == 1
    if same_bins:
        ends = [shown(data) for data in panels]
        for ax in page.axes:
            ax.set_xlim(min(low for low, _ in ends), max(high for _, high in ends))
    outer_labels(page, share_y=same_bins, share_x=same_bins)
    what = MEANING.get(tensor, f"activations z on {PROBE_EXAMPLES} test examples")
    sentences = [f"Distribution of the {what}, by layer, {at_record([data.update for data in panels])}."]
    if not same_bins:
        sentences.append("Axis ranges differ between panels.")
    if tensor == "weight_gradient":
        sentences += hidden_only(chosen)
    if any(np.isfinite(data.predicted_std).any() for data in panels):
        sentences.append("Open triangles: one standard deviation as theory predicts it.")
    if tensor != "weight":
        sentences += normalization_notes(runs)
    text = caption(runs, [data.density.seeds for data in panels], sentences, chosen.seeds)
    extra = []
    if chosen.together and len(runs) > 1:
        extra = [
            (key(Style("0.2", "", DASHES[i % len(DASHES)]), marker=False), name)
            for i, name in enumerate(names)
        ]
    return finish_layers(page, styles, text, notes, extra=extra)


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
