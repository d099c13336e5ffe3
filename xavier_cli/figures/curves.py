"""Draws the test error during training: Figures 11 and 12."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from xavier_cli.figures.by_layer import time_axis
from xavier_cli.figures.canvas import Canvas, Drawing, finish, make_page, outer_labels
from xavier_cli.figures.captions import caption
from xavier_cli.figures.labels import labels
from xavier_cli.figures.lines import key, label_ends, plot_band, staggered
from xavier_cli.figures.request import PlotRequest, UnsuitableRunError, seed_rows, suitable, times, values
from xavier_cli.figures.style import GREY, LEVEL_DASHES, Style, configuration_styles, second_axis
from xavier_cli.runs.counting import error_curve
from xavier_cli.runs.record import Run
from xavier_cli.statistics.estimate import Band, over_seeds

# With more lines than this there is no space for labels at their ends.
MAX_ENDS = 12
MAX_LINES = 48
# The part of the panel's height that a label above its level takes.
LABEL_ROOM = (0.01, 0.08)


@dataclass(frozen=True)
class Curve:
    """Test error of one configuration, in percent; `error` has shape `(R,)`, `guessing` is chance level."""

    data: str
    updates: np.ndarray
    error: Band
    guessing: float


def curve(run: Run, chosen: PlotRequest) -> Curve:
    """Test error of the chosen seeds of `run`; a diverged seed is at chance level from there on."""
    values(run, "curves/test_error")
    error = over_seeds(100 * error_curve(run)[seed_rows(run, chosen.seeds)])
    return Curve(run.config.data, times(run), error, 100 * run.facts.guessing_error)


def plot_curves(ax: Axes, curves: Sequence[Curve], called: Sequence[str], styles: Sequence[Style]) -> Axes:
    """Draw one line per curve, and chance level; all curves are of one data set."""
    for i, (data, name, style) in enumerate(zip(curves, called, styles, strict=True)):
        every = staggered(len(data.updates), i, len(curves))
        plot_band(ax, data.updates, data.error, style, every, name)
    ax.set_ylabel("test error, %")
    low, high = limits(curves)
    ax.set_ylim(low, high)
    guessing = curves[0].guessing
    if guessing < high:
        ax.axhline(guessing, color=GREY, linestyle=LEVEL_DASHES, linewidth=0.7, zorder=1)
        above = _is_clear(curves, *(guessing + room * (high - low) for room in LABEL_ROOM))
        ax.annotate(
            f"chance level {guessing:.4g} %",
            (1, guessing),
            xycoords=("axes fraction", "data"),
            xytext=(0, 2.5 if above else -2.5),
            textcoords="offset points",
            ha="right",
            va="bottom" if above else "top",
            fontsize=7,
            color=GREY,
        )
    return ax


def _is_clear(curves: Sequence[Curve], low: float, high: float) -> bool:
    """Whether no line runs between `low` and `high` at the right, at the label of chance level."""
    late = [data.error.center[data.updates >= 0.6 * data.updates[-1]] for data in curves]
    return not any(((low < part) & (part < high)).any() for part in late)


def limits(curves: Sequence[Curve]) -> tuple[float, float]:
    """The limits of y for `curves`, in percent: up to chance level, where every curve starts, or less.

    On MNIST all differences lie in the lowest twentieth of that range, so that chance level is left out where
    the lines soon fall far below it.
    """
    # The interval of one or two seeds has no end, or one far from the line.
    ends = [(c.error.low, c.error.high) if c.error.seeds > 2 else (c.error.center,) * 2 for c in curves]
    late = [
        high[data.updates >= 0.1 * data.updates[-1]] for data, (_, high) in zip(curves, ends, strict=True)
    ]
    tops = [float(np.nanmax(part)) for part in late if np.isfinite(part).any()]
    bottoms = [float(np.nanmin(low)) for low, _ in ends if np.isfinite(low).any()]
    guessing = curves[0].guessing
    top, bottom = max(tops, default=guessing), min(bottoms, default=0.0)
    top = max(top, guessing) * 1.1 if top > guessing / 2 else top * 1.15 or 1.0
    # Include zero only where the lines come near it.
    return (0.0 if bottom < 0.4 * top else bottom - 0.1 * (top - bottom)), top


def curves_figure(runs: Sequence[Run], chosen: PlotRequest) -> Drawing:
    """One panel per data set, one line per configuration."""
    runs, curves, notes = suitable(runs, lambda run: curve(run, chosen))
    if len(runs) > MAX_LINES:
        raise UnsuitableRunError(f"{len(runs)} lines are too many to distinguish (at most {MAX_LINES})")
    sets = list(dict.fromkeys(data.data for data in curves))
    members = [[i for i, data in enumerate(curves) if data.data == name] for name in sets]
    called = {i: text for own in members for i, text in zip(own, labels([runs[i] for i in own]), strict=True)}
    words = list(dict.fromkeys(called.values()))
    style = dict(zip(words, configuration_styles(len(words)), strict=True))
    at_ends = len(sets) == 1 and 1 < len(words) <= MAX_ENDS
    page = make_page(
        sets if len(sets) > 1 else [""], wide=len(words) > 4 or max(map(len, words)) > 18, height=2.9
    )
    for ax, own in zip(page.axes, members, strict=True):
        texts = [called[i] for i in own]
        plot_curves(ax, [curves[i] for i in own], texts, [style[text] for text in texts])
        # A range of x per data set: with the longest, a short training would fill only a corner of its panel.
        _examples_axis(ax, [runs[i] for i in own])
    scales = {(ax.get_xscale(), ax.get_xlim()) for ax in page.axes}
    outer_labels(page, share_y=False, share_x=len(scales) == 1)
    if at_ends:
        label_ends(page.axes[0], words, list(style.values()), page.panel_height - 0.6)
    handles = [] if at_ends or len(words) == 1 else [key(style[word]) for word in words]
    sentences = _sentences(runs, curves, page, called)
    text = caption(runs, [data.error.seeds for data in curves], sentences, chosen.seeds, are_errors=True)
    return finish(page, handles, words if handles else [], text, notes)


def _examples_axis(ax: Axes, runs: Sequence[Run]) -> None:
    batches = {run.config.batch_size for run in runs}
    time_axis([ax], runs, 0)
    if len(batches) > 1:
        return
    (batch,) = batches
    if ax.get_xscale() == "linear":
        second_axis(ax, batch, "examples seen")
    else:
        ax.set_xlabel(f"updates of {batch} examples")


def _sentences(
    runs: Sequence[Run], curves: Sequence[Curve], page: Canvas, called: dict[int, str]
) -> list[str]:
    counts = sorted({run.config.eval_examples for run in runs})
    examples = " or ".join(f"{count:,}" for count in counts)
    name = f" of {called[0]}" if len(called) == 1 else ""
    sentences = [f"Test error{name} on {examples} test examples (on all at the last record)."]
    above = [
        f"{guessing:.4g} %" + (f" ({data})" if len(page.axes) > 1 else "")
        for ax, (data, guessing) in zip(page.axes, {c.data: c.guessing for c in curves}.items(), strict=True)
        if guessing > ax.get_ylim()[1]
    ]
    if above:
        sentences.append(f"Chance level, {', '.join(above)}, lies above the axis.")
    return sentences
