"""Builds the table of a network's layers, for `show` and `train`."""

from __future__ import annotations

import math

import numpy as np

from xavier_cli.findings.layer_summary import SUMMARY, Layer, layers_at
from xavier_cli.runs.counting import layers_of
from xavier_cli.runs.layer_statistics import LayerStatistic
from xavier_cli.runs.record import Run
from xavier_cli.views import numbers
from xavier_cli.views.page import Column, Table

GEOMETRIC = "gradients: geometric"
"""In the head of a table of means over seeds."""


def layers_table(run: Run) -> Table | None:
    """One row per layer at the last record of `run`; None where nothing of them is known.

    So it is where every seed diverged: what their last finite weights do says nothing about the network.
    """
    layers = layers_at(run)
    shown = [row for row in SUMMARY if row.column and _said(row, layers)]
    if not shown:
        return None
    columns = [Column("layer")] + [Column(row.heading(row.column), "right") for row in shown]
    cells = [[layer.name for layer in layers], *(_cells(row, layers) for row in shown)]
    rows = tuple(zip(*cells, strict=True))
    seeds, lost = len(run.seeds), int(run.diverged.sum())
    counted = f"{seeds - lost} of {seeds}" if lost else f"{seeds}"
    over = f"{counted} seed{'s' * (seeds > 1)}"
    if seeds - lost > 1:
        over = f"mean over {over}"
    if seeds - lost > 1 and any(row.is_logarithmic for row in shown):
        over += f"; {GEOMETRIC}"
    return Table(tuple(columns), rows, title=f"layers after {int(run.updates[-1]):,} updates ({over})")


def layer_notes(run: Run) -> list[str]:
    """Sentences on the seeds of `run` that diverged, and on layers that are dead at the last record."""
    return [note for note in (_diverged_note(run), _dead_note(run)) if note]


def _diverged_note(run: Run) -> str:
    """What the seeds of `run` that diverged count as; empty where there are none."""
    if not run.diverged.any():
        return ""
    guess = 100 * run.facts.guessing_error
    if run.diverged.all():
        return (
            f"Every seed diverged and counts as chance level ({guess:.1f} %) from there on; its last finite "
            "weights are not shown."
        )
    return (
        f"A diverged seed counts as chance level ({guess:.1f} %) from there on; train loss and layers are "
        "without it."
    )


def _dead_note(run: Run) -> str:
    """In how many seeds whole layers are dead; empty where there are none."""
    if "activation/dead" not in run or run.diverged.all():
        return ""
    dead = layers_of(run, "activation/dead")[:, -1] == 1
    seeds, layers = dead.any(axis=1), ", ".join(map(str, np.flatnonzero(dead.any(axis=0)) + 1))
    if not seeds.any():
        return ""
    some = f"In {int(seeds.sum())} of {len(seeds)} seeds all" if len(seeds) > 1 else "All"
    also = "" if seeds.all() else " in these seeds, and its geometric mean over seeds is 0"
    return (
        f"{some} units of hidden layer {layers} are dead: without slope on any probe example. "
        f"No gradient passes them{also}."
    )


def _said(row: LayerStatistic, layers: tuple[Layer, ...]) -> bool:
    known = [layer[row.name] for layer in layers if math.isfinite(layer[row.name])]
    return any(known) if row.only_where_any else bool(known)


def _cells(row: LayerStatistic, layers: tuple[Layer, ...]) -> list[str]:
    values = [layer[row.name] for layer in layers]
    if row.is_share:
        return [f"{100 * value:.1f}" if math.isfinite(value) else "" for value in values]
    return numbers.column(values)
