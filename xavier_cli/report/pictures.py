"""Draws the figures of a report, each kind that the runs have data for, as SVG with a table of its data."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from xavier_cli.figures.catalogue import KINDS
from xavier_cli.figures.draw import draw
from xavier_cli.figures.inline import inline_svg
from xavier_cli.figures.labels import labels
from xavier_cli.figures.request import UnsuitableRunError
from xavier_cli.report.content import Picture
from xavier_cli.report.layers import evenly
from xavier_cli.runs.counting import error_curve, layers_over_seeds
from xavier_cli.runs.isolate import Isolation
from xavier_cli.runs.layer_names import common_names
from xavier_cli.runs.layer_statistics import BY_PATH
from xavier_cli.runs.record import Run
from xavier_cli.statistics.estimate import over_seeds
from xavier_cli.views.page import Cell, Column, Table

# Kind -> its title, and its statistics, which are the rows of its table.
_KINDS: dict[str, tuple[str, tuple[str, ...]]] = {
    "curves": ("Test error over updates", ()),
    "saturation": ("Activations per layer over training", ("activation/mean", "activation/std")),
    "backprop": ("Back-propagated gradients before training", ("backprop/std",)),
    "gradients-over-time": ("Gradients per layer over training", ("weight_gradient/std",)),
    "jacobian": ("Singular values of the layers' Jacobians", ("jacobian/mean_singular_value",)),
}
# A panel takes a quarter of a second: with more runs than the first, only as many as the second are drawn.
ALL_PANELS, SOME_PANELS = 6, 3
# Left out where not all runs are drawn, since the slider shows these for every run.
IN_SLIDER = ("backprop",)
RECORDS_IN_TABLE = 11
MOST_LINES = 24


def pictures(ranked: Sequence[Run], isolation: Isolation) -> tuple[list[Picture], list[str]]:
    """The figures of `ranked` runs, the best first, and a line about each figure that is missing."""
    drawn, notes = [], []
    for name in _KINDS:
        if name in IN_SLIDER and len(ranked) > ALL_PANELS:
            continue
        runs, left_out = _chosen(name, ranked)
        try:
            made = isolation.part(runs, partial(_picture, name, left_out))
        except UnsuitableRunError as error:
            notes.append(f"no {name}: {error}")
            continue
        if made is None:
            notes.append(f"no {name}: it can be drawn of none of these runs")
            continue
        picture, skipped = made
        drawn.append(picture)
        notes += [f"{name}: {note}" for note in skipped]
    return drawn, notes


def _picture(name: str, left_out: str, runs: Sequence[Run]) -> tuple[Picture, list[str]]:
    """The figure called `name`, and a line about each run that it leaves out."""
    title, paths = _KINDS[name]
    drawing = draw(KINDS[name], runs)
    inline = inline_svg(drawing, name)
    caption = f"{inline.caption} {left_out}".strip()
    data = _curves(runs) if name == "curves" else _by_layer(runs, paths)
    return Picture(name, title, inline.svg, caption, data), list(drawing.notes)


def _chosen(name: str, ranked: Sequence[Run]) -> tuple[list[Run], str]:
    if name == "curves":
        rest = len(ranked) - MOST_LINES
        words = f"The {MOST_LINES} best; {rest} more in the comparison." if rest > 0 else ""
        return list(ranked[:MOST_LINES]), words
    if len(ranked) <= ALL_PANELS:
        return list(ranked), ""
    picked = [ranked[i] for i in evenly(len(ranked), SOME_PANELS)]
    words = f"{SOME_PANELS} of {len(ranked)} runs: the best, one in the middle, the worst. `xavier plot "
    return picked, f"{words}{name}` draws others, and the slider below shows all."


def _curves(runs: Sequence[Run]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for label, run in zip(labels(runs), runs, strict=True):
        if "curves/test_error" not in run:
            continue
        band = over_seeds(100 * error_curve(run))
        for i in evenly(len(run.updates), RECORDS_IN_TABLE):
            numbers = (band.center[i], band.low[i], band.high[i])
            rows.append((Cell(label), _count(run.updates[i]), *(_number(each, ".2f") for each in numbers)))
    heads = Column("run"), *(Column(each, "right") for each in ("updates", "mean", "low", "high"))
    return Table(heads, tuple(rows), title="Test error in percent, mean over seeds and its interval")


def _by_layer(runs: Sequence[Run], paths: Sequence[str]) -> Table | None:
    """A row per run, statistic and record; a column per layer."""
    rows, deepest = [], 0
    for label, run in zip(labels(runs), runs, strict=True):
        for path in (path for path in paths if path in run):
            values, statistic = layers_over_seeds(run, path).center, BY_PATH[path]
            updates = run[statistic.records]
            deepest = max(deepest, values.shape[1])
            for i in evenly(len(updates), RECORDS_IN_TABLE):
                cells = [_number(each, ".3g") for each in values[i]]
                rows.append((Cell(label), Cell(statistic.title), _count(updates[i]), *cells))
    if not rows:
        return None
    layers = common_names(runs)[:deepest] or [f"layer {layer + 1}" for layer in range(deepest)]
    heads = Column("run"), Column("statistic"), *(Column(each, "right") for each in ("updates", *layers))
    filled = tuple((*row, *[Cell("")] * (len(heads) - len(row))) for row in rows)
    return Table(heads, filled, title="Means over seeds, of gradients the geometric mean")


def _count(number: int) -> Cell:
    return Cell(f"{int(number):,}", float(number))


def _number(value: float, form: str) -> Cell:
    value = float(value)
    return Cell(f"{value:{form}}", value, f"{value!r}") if np.isfinite(value) else Cell("")
