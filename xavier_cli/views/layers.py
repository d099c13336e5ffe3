"""Builds the table of a network's layers, for `show` and `train`."""

from __future__ import annotations

import math

from xavier_cli.findings.layer_summary import SUMMARY, Layer, layers_at
from xavier_cli.runs.layer_statistics import LayerStatistic
from xavier_cli.runs.record import Run
from xavier_cli.views import numbers
from xavier_cli.views.page import Column, Table


def layers_table(run: Run) -> Table:
    """One row per layer at the last record of `run`."""
    layers = layers_at(run)
    shown = [row for row in SUMMARY if row.column and _said(row, layers)]
    columns = [Column("layer")] + [Column(row.heading(row.column), "right") for row in shown]
    cells = [[layer.name for layer in layers], *(_cells(row, layers) for row in shown)]
    rows = tuple(zip(*cells, strict=True))
    seeds = int((~run.diverged).sum()) or len(run.seeds)
    over = "1 seed" if seeds == 1 else f"mean over {seeds} seeds"
    return Table(tuple(columns), rows, title=f"layers after {int(run.updates[-1]):,} updates ({over})")


def _said(row: LayerStatistic, layers: tuple[Layer, ...]) -> bool:
    known = [layer[row.name] for layer in layers if math.isfinite(layer[row.name])]
    return any(known) if row.only_where_any else bool(known)


def _cells(row: LayerStatistic, layers: tuple[Layer, ...]) -> list[str]:
    values = [layer[row.name] for layer in layers]
    if row.is_share:
        return [f"{100 * value:.1f}" if math.isfinite(value) else "" for value in values]
    return numbers.column(values)
