"""Draws the activations per layer during training: Figures 2, 3 and 10."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import rcParams
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from xavier_cli.figures.by_layer import finish_layers, styles_of, time_axis
from xavier_cli.figures.canvas import Drawing, make_page
from xavier_cli.figures.captions import bounds_of, caption, probe_examples, saturation_rule
from xavier_cli.figures.labels import labels, phrase
from xavier_cli.figures.lines import key, level_key, plot_band, plot_interval, plot_level, staggered
from xavier_cli.figures.predicted import plot_prediction, predicted_entry, prediction
from xavier_cli.figures.request import (
    PlotRequest,
    UnsuitableRunError,
    counted,
    layer_columns,
    suitable,
    times,
    values,
)
from xavier_cli.figures.scales import RANGES_DIFFER, are_comparable, finish_axes
from xavier_cli.figures.style import Style
from xavier_cli.runs.batch_normalization import normalization_notes
from xavier_cli.runs.record import Run
from xavier_cli.statistics.estimate import Band, over_seeds

PERCENTILE = 98
DOTS = (0, (1, 2))
# Bounded activations share the axis of unbounded ones unless it is so many times theirs.
SQUEEZED = 3.0


@dataclass(frozen=True)
class Saturation:
    """Activations of one configuration during training; every `Band` has shape `(R, L)`.

    `one_sided` selects the form of Figure 2, for bounded ranges that start at 0, where the mean shows on
    which side a layer saturates; else that of Figure 3. `high` is the 98th percentile of |z|. `bounds` are
    the activations below and above which it is saturated, NaN for none. `predicted_mean` and
    `predicted_std`, `(L,)`, are the predictions for the first record.
    """

    act: str
    range: tuple[float, float]
    one_sided: bool
    updates: np.ndarray
    layers: np.ndarray
    mean: Band
    std: Band
    high: Band
    bounds: np.ndarray
    predicted_mean: np.ndarray
    predicted_std: np.ndarray


def saturation(run: Run, chosen: PlotRequest) -> Saturation:
    """The data for `plot_saturation` of `run`, over the chosen seeds and layers."""
    low, high = run.config.activation_range
    values(run, "activation/abs_percentiles")
    columns = layer_columns(run, chosen.layers)
    high_pct = run.percentile("activation/abs_percentiles", PERCENTILE)
    if high_pct is None:
        raise UnsuitableRunError(f"no percentile {PERCENTILE}; it has: {run['percentile'].tolist()}")

    def band(array: str | np.ndarray) -> Band:
        return over_seeds(counted(run, array, chosen.seeds)[:, :, columns])

    return Saturation(
        phrase(run, "act"),
        (low, high),
        low == 0 and math.isfinite(high),
        times(run),
        run["layer"][columns],
        band("activation/mean"),
        band("activation/std"),
        band(high_pct),
        bounds_of(run),
        prediction(run, "activation_mean", columns),
        prediction(run, "activation_std", columns),
    )


def plot_saturation(ax: Axes, data: Saturation, styles: Mapping[int, Style] | None = None) -> Axes:
    """Draw mean with bars of ± std, or std with marks at the 98th percentile of |z|, a line per layer."""
    styles = styles or styles_of([data.layers])
    for bound in sorted(set(np.abs(data.bounds[np.isfinite(data.bounds)]))):
        plot_level(ax, bound)
    count = len(data.layers)
    for i, layer in enumerate(data.layers):
        every = staggered(len(data.updates), i, count)
        draw = _plot_mean if data.one_sided else _plot_percentile
        draw(ax, data, i, styles[int(layer)], every)
    ax.set_ylabel("activation, mean ± std" if data.one_sided else "|z|, 98th pct. and std")
    limit = max(map(abs, data.range))
    if math.isfinite(limit):
        ax.set_ylim(-0.04 * limit, 1.04 * limit)
    else:
        ax.set_ylim(bottom=0)
    return ax


def _plot_mean(ax: Axes, data: Saturation, i: int, style: Style, every: slice) -> None:
    mean = data.mean.at(i)
    plot_band(ax, data.updates, mean, style, every, f"layer {data.layers[i]}")
    bars = ax.errorbar(
        data.updates[every],
        mean.center[every],
        data.std.center[every, i],
        fmt="none",
        ecolor=style.color,
        elinewidth=0.7,
        capsize=1.5,
        capthick=0.7,
        zorder=1.8,
    )
    for bar in bars.get_children():
        bar.set_gid(style.part_id("band"))
    plot_prediction(ax, data.updates[:1], data.predicted_mean[i : i + 1], style)


def _plot_percentile(ax: Axes, data: Saturation, i: int, style: Style, every: slice) -> None:
    std, high = data.std.at(i), data.high.at(i)
    name, own = f"layer {data.layers[i]}", style.part_id("line")
    ax.plot(data.updates, std.center, color=style.color, label=name, gid=own)
    plot_interval(ax, data.updates, std, style)
    ax.plot(
        data.updates,
        high.center,
        color=style.color,
        linestyle=DOTS,
        linewidth=0.7,
        marker=style.marker,
        markersize=style.size,
        markevery=every,
        markeredgecolor=rcParams["axes.facecolor"],
        label=f"{name}, {PERCENTILE}th percentile",
        gid=own,
    )
    plot_interval(ax, data.updates, high, style)
    plot_prediction(ax, data.updates[:1], data.predicted_std[i : i + 1], style)


def saturation_figure(runs: Sequence[Run], chosen: PlotRequest) -> Drawing:
    """One panel per configuration, one line per layer."""
    runs, panels, notes = suitable(runs, lambda run: saturation(run, chosen))
    page = make_page(labels(runs), chosen.page)
    styles = styles_of([data.layers for data in panels])
    for ax, data in zip(page.axes, panels, strict=True):
        plot_saturation(ax, data, styles)
    share_x = time_axis(page.axes, runs, chosen.page.log_x)
    groups = _y_groups(panels)
    finish_axes(page, groups, share_x=share_x)
    sentences = [f"Activations z on {probe_examples(runs)}, over updates, by layer.", *_forms(panels)]
    if len(set(groups)) > 1 or not share_x:
        sentences.append(RANGES_DIFFER)
    sentences += [saturation_rule(runs), *normalization_notes(runs)]
    text = caption(runs, [data.mean.seeds for data in panels], sentences, chosen.seeds)
    return finish_layers(page, runs, styles, text, notes, extra=_entries(panels))


def _y_groups(panels: Sequence[Saturation]) -> list[object]:
    """Panels that show the same quantity share an axis, unless that would flatten the lines of some."""
    groups: list[object] = [data.one_sided for data in panels]
    tops = [float(np.nanmax(data.high.center, initial=0.0)) for data in panels]
    for is_bounded in (True, False):
        percentile = [top for top, data in zip(tops, panels, strict=True) if not data.one_sided]
        own = [i for i, d in enumerate(panels) if not d.one_sided and is_bounded == math.isfinite(d.range[1])]
        if are_comparable(percentile, SQUEEZED):
            break
        alike = is_bounded or are_comparable([tops[i] for i in own])
        for i in own:
            groups[i] = "bounded" if is_bounded else "unbounded" if alike else i
    return groups


def _entries(panels: Sequence[Saturation]) -> list[tuple[Artist, str]]:
    """The legend's entries for what is no layer: both kinds of lines, the bounds, the predictions."""
    entries: list[tuple[Artist, str]] = []
    if not all(data.one_sided for data in panels):
        entries = [
            (key(Style("0.2", ""), marker=False), "standard deviation"),
            (key(Style("0.2", "o", DOTS)), f"{PERCENTILE}th percentile of |z|"),
        ]
    if any(np.isfinite(data.bounds).any() for data in panels):
        entries.append((level_key(), "saturated beyond"))
    if any(np.isfinite(data.predicted_std).any() for data in panels):
        entries.append(predicted_entry())
    return entries


def _forms(panels: Sequence[Saturation]) -> list[str]:
    words = {
        True: "lines: mean; bars: ± 1 standard deviation of the activations",
        False: f"markers, on dotted lines: {PERCENTILE}th percentile of |z|; solid lines: standard deviation",
    }
    acts = {form: dict.fromkeys(d.act for d in panels if d.one_sided is form) for form in words}
    if not (acts[True] and acts[False]):
        form = words[bool(acts[True])]
        return [f"{form[0].upper()}{form[1:]}."]
    return [f"For {', '.join(acts[form])}, {words[form]}." for form in words]
