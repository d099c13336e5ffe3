"""The table of a network's layers, for `show` and `train`."""

from __future__ import annotations

import math

from xavier_cli.findings.layer_summary import Layer, layers_at
from xavier_cli.runs.record import Run
from xavier_cli.views import numbers
from xavier_cli.views.page import Column, Table

# Field -> its title, and whether it is a share shown in percent.
_FIELDS = {
    "activation_mean": ("activation mean", False),
    "activation_std": ("std", False),
    "saturated": ("saturated %", True),
    "inactive": ("inactive %", True),
    "dead": ("dead %", True),
    "backprop_std": ("backprop std", False),
    "weight_gradient_std": ("weight_gradient std", False),
}
# Shares that are 0 in every layer of most networks say nothing there.
_ONLY_WHERE_ANY = ("inactive", "dead")


def layers_table(run: Run, record: int = -1) -> Table:
    """One row per layer at a record of `run`, the last unless another is asked for."""
    layers = layers_at(run, record)
    fields = [name for name in _FIELDS if _said(name, layers)]
    columns = [Column("layer")] + [Column(_FIELDS[name][0], "right") for name in fields]
    cells = [[layer.name for layer in layers], *(_cells(name, layers) for name in fields)]
    rows = tuple(zip(*cells, strict=True))
    seeds = int((~run.diverged).sum()) or len(run.seeds)
    over = "1 seed" if seeds == 1 else f"mean over {seeds} seeds"
    return Table(tuple(columns), rows, title=f"layers after {int(run.updates[record]):,} updates ({over})")


def _said(name: str, layers: tuple[Layer, ...]) -> bool:
    values = [getattr(layer, name) for layer in layers]
    known = [value for value in values if math.isfinite(value)]
    return any(known) if name in _ONLY_WHERE_ANY else bool(known)


def _cells(name: str, layers: tuple[Layer, ...]) -> list[str]:
    values = [getattr(layer, name) for layer in layers]
    if _FIELDS[name][1]:
        return [f"{100 * value:.1f}" if math.isfinite(value) else "" for value in values]
    return numbers.column(values)
