"""Draws errors and losses during training: Figures 11 and 12."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes

from xavier_cli.figures.by_layer import time_axis
from xavier_cli.figures.canvas import Canvas, Drawing, finish, make_page
from xavier_cli.figures.captions import caption
from xavier_cli.figures.curve_data import Curve, curve, limits, parse_metrics
from xavier_cli.figures.highlight import MANY, best_few, facet_hint, highlight_note
from xavier_cli.figures.lines import (
    EndLabel,
    end_of,
    key,
    label_ends,
    level_key,
    plot_band,
    plot_level,
    plot_reading,
    staggered,
)
from xavier_cli.figures.panels import Panels, panels
from xavier_cli.figures.request import PlotRequest, suitable
from xavier_cli.figures.scales import finish_axes
from xavier_cli.figures.style import SMALL, Style, background, line_styles
from xavier_cli.figures.typesetting import shortened, text_width
from xavier_cli.runs.record import Run
from xavier_cli.vocabulary.metrics import CurveMetric

# With more lines than this there is no space for labels at their ends.
MAX_ENDS = 12
# The part of the page that labels at the ends may take; longer ones are in a legend.
END_ROOM = 0.36
# Beside panels narrower than this, in inches, the name of chance level would take half of each.
LABELLED_PANEL = 2.2
# Rows of panels of several metrics are lower than a single one.
HEIGHT, LOWER = 2.9, 2.2


def plot_curves(ax: Axes, curves: Sequence[Curve], called: Sequence[str], styles: Sequence[Style]) -> Axes:
    """Draw one line per curve with what was read for it elsewhere, and chance level.

    All curves are of one data set and metric.
    """
    for i, (data, name, style) in enumerate(zip(curves, called, styles, strict=True)):
        every = staggered(len(data.updates), i, len(curves))
        plot_band(ax, data.updates, data.band, style, every, name)
        if data.read and not style.is_background:
            plot_reading(ax, data.read, style)
    ax.set_ylabel(curves[0].metric.label)
    low, high = limits(curves)
    ax.set_ylim(low, high)
    if curves[0].guessing < high:
        plot_level(ax, curves[0].guessing)
    return ax


def curves_figure(runs: Sequence[Run], chosen: PlotRequest) -> Drawing:
    """A panel per metric and data set, and per value of the facet; one line per configuration."""
    metrics = parse_metrics(chosen.metric)
    runs, taken, notes = suitable(runs, lambda run: [curve(run, chosen, metric) for metric in metrics])
    by = ("data",) if all(metric.is_error for metric in metrics) else ("data", "loss")
    split = panels(runs, by, chosen.facet)
    groups = dict(zip(split.names, split.groups, strict=True))
    kept = _kept(split, [curves[0] for curves in taken]) if len(groups) > MANY else None
    styles = line_styles(groups, kept)
    shown = [name for name in groups if not styles[name].is_background]
    places = [(metric, own) for metric in range(len(metrics)) for own in range(len(split.members))]
    titles = [_title(split, metrics, *place) for place in places]
    width = None if len(places) > 1 else len(shown) > 4 or max(map(len, shown)) > 18
    page = make_page(titles, chosen.page, wide=bool(width), height=LOWER if len(metrics) > 1 else HEIGHT)
    for ax, (metric, own) in zip(page.axes, places, strict=True):
        members = split.members[own]
        names = [split.names[i] for i in members]
        plot_curves(ax, [taken[i][metric] for i in members], names, [styles[name] for name in names])
        _same_axis(ax, runs, taken, metric, members)
        # A range of x per panel: with the longest, a short training would fill only a corner of its panel.
        _examples_axis(ax, [runs[i] for i in members], chosen.page.log_x)
    scales = {(ax.get_xscale(), ax.get_xlim()) for ax in page.axes}
    finish_axes(page, [(ax.get_ylabel(), ax.get_ylim()) for ax in page.axes], share_x=len(scales) == 1)
    at_ends = len(places) == 1 and 1 < len(shown) <= MAX_ENDS and _have_room(page, shown)
    in_legend = not at_ends and page.width / page.columns < LABELLED_PANEL
    levels = _levels(page, places, taken, split)
    _name_ends(page, places, taken, split, shown if at_ends else [], styles, in_legend=in_legend)
    handles: list[Artist] = [key(styles[name]) for name in shown]
    names = list(shown)
    if at_ends or len(groups) == 1:
        handles, names = [], []
    if kept is not None:
        handles.append(key(background(), marker=False))
        names.append(f"{len(groups) - len(shown)} others")
    if in_legend and levels:
        handles.append(level_key())
        names.append(f"chance level {' or '.join(f'{level:.4g}' for level in levels)} %")
    sentences = _sentences(runs, taken, metrics, page, places, split)
    if kept is not None:
        sentences.append(
            highlight_note(len(shown), len(groups), f"with the lowest {metrics[0].words} at the end")
        )
    seeds = [data.band.seeds for curves in taken for data in curves]
    are_errors = all(metric.is_error for metric in metrics)
    text = caption(runs, seeds, sentences, chosen.seeds, are_errors=are_errors)
    drawing = finish(page, handles, names, text, notes)
    return drawing if kept is None else drawing.hinting(facet_hint(split.differing, chosen.facet))


def _kept(split: Panels, curves: Sequence[Curve]) -> set[str]:
    ends = [end_of(data.updates, data.band.center) for data in curves]
    scores = [end[1] if end else np.nan for end in ends]
    return {split.names[i] for i in best_few(scores, split.members)}


def _title(split: Panels, metrics: Sequence[CurveMetric], metric: int, own: int) -> str:
    if len(metrics) == 1:
        return split.titles[own]
    return ": ".join([split.titles[own]] * (len(split.members) > 1) + [metrics[metric].words])


def _same_axis(
    ax: Axes, runs: Sequence[Run], taken: Sequence[Sequence[Curve]], metric: int, members: Sequence[int]
) -> None:
    """Give panels of one metric and data set one y axis."""
    config = runs[members[0]].config
    alike = [
        curves[metric]
        for run, curves in zip(runs, taken, strict=True)
        if run.config.data == config.data
        and (curves[metric].metric.is_error or run.config.loss == config.loss)
    ]
    ax.set_ylim(*limits(alike))


def _have_room(page: Canvas, names: Sequence[str]) -> bool:
    return max(text_width(page.figure, name, SMALL) for name in names) <= END_ROOM * page.width


def _name_ends(
    page: Canvas,
    places: Sequence[tuple[int, int]],
    taken: Sequence[Sequence[Curve]],
    split: Panels,
    names: Sequence[str],
    styles: dict[str, Style],
    *,
    in_legend: bool,
) -> None:
    """Name the lines called `names`, and chance level unless `in_legend`, outside the right of the axis."""
    for at, (ax, (metric, own)) in enumerate(zip(page.axes, places, strict=True)):
        curves = {split.names[i]: taken[i][metric] for i in split.members[own]}
        ends = []
        for name in names:
            data = curves[name]
            if end := end_of(data.updates, data.band.center):
                text = shortened(page.figure, name, END_ROOM * page.width, SMALL, 1)
                ends.append(EndLabel(text, end, styles[name]))
        guessing = next(iter(curves.values())).guessing
        is_last = (at + 1) % page.columns == 0 or at + 1 == len(places)
        repeats = (
            len({(other.get_ylim(), row) for other, (row, _) in zip(page.axes, places, strict=True)}) == 1
        )
        if not in_legend and _is_within(guessing, ax) and (is_last or not repeats):
            gap = " " if len(names) > 1 else "\n"
            ends.append(EndLabel(f"chance level{gap}{guessing:.4g} %", (ax.get_xlim()[1], guessing)))
        if ends:
            label_ends(ax, ends, page.panel_height - 0.6)


def _levels(
    page: Canvas, places: Sequence[tuple[int, int]], taken: Sequence[Sequence[Curve]], split: Panels
) -> list[float]:
    """The chance levels that the panels show."""
    own = (taken[split.members[own][0]][metric].guessing for metric, own in places)
    return sorted({level for ax, level in zip(page.axes, own, strict=True) if _is_within(level, ax)})


def _is_within(level: float, ax: Axes) -> bool:
    low, high = ax.get_ylim()
    return low <= level < high


def _examples_axis(ax: Axes, runs: Sequence[Run], log: bool) -> None:
    batches = {run.config.batch_size if run.config.applies("batch_size") else 0 for run in runs}
    time_axis([ax], runs, log)
    if len(batches) == 1 and 0 not in batches:
        (batch,) = batches
        ax.set_xlabel(f"updates of {batch} example{'s' * (batch > 1)}")


def _sentences(
    runs: Sequence[Run],
    taken: Sequence[Sequence[Curve]],
    metrics: Sequence[CurveMetric],
    page: Canvas,
    places: Sequence[tuple[int, int]],
    split: Panels,
) -> list[str]:
    counts = sorted({run.config.eval_examples for run in runs if not run.config.is_watched})
    number = " or ".join(f"{count:,}" for count in counts)
    name = f" of {split.names[0]}" if len(set(split.names)) == 1 and len(runs) == 1 else ""
    sentences = []
    for i, metric in enumerate(metrics):
        words = f"{metric.words[0].upper()}{metric.words[1:]}"
        on = metric.examples if metric.name == "train_loss" else f"{number} {metric.examples}"
        rest = " (on all at the last record)" if metric.examples == "test examples" else ""
        if any(run.config.is_watched for run in runs) and metric.name != "train_loss":
            # Of how many examples a loop told it is not known.
            on, rest = f"the loop's own {metric.examples}, or those it was watched on", ""
        sentences.append(f"{words}{name * (i == 0)} on {on}{rest}.")
    above = {
        f"{guessing:.4g} %" + (f" ({split.titles[own]})" if len(split.members) > 1 else "")
        for ax, (metric, own) in zip(page.axes, places, strict=True)
        if np.isfinite(guessing := taken[split.members[own][0]][metric].guessing)
        and guessing > ax.get_ylim()[1]
    }
    if above:
        sentences.append(f"Chance level, {', '.join(sorted(above))}, lies above the axis.")
    stopped = [
        f"{name} after {int(run.updates[-1]):,} of {run.config.updates:,} updates"
        for run, name in zip(runs, split.names, strict=True)
        if run.updates[-1] < run.config.updates
    ]
    if any(data.read for curves in taken for data in curves):
        sentences.append("Open marks: the paper's networks, read off its figure to a point or two.")
    if stopped:
        sentences.append(f"Not finished: {'; '.join(stopped)}.")
    return sentences
