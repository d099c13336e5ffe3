"""Extracts histograms and percentiles of all layers and records for the slider of the page."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from xavier_cli.figures.histogram_data import Histogram, histogram
from xavier_cli.figures.labels import labels
from xavier_cli.figures.request import PlotRequest, UnsuitableRunError
from xavier_cli.runs.counting import known_records, layers_of, layers_over_seeds, lost_seeds
from xavier_cli.runs.layer_statistics import IN_TABLES, LayerStatistic
from xavier_cli.runs.record import Run
from xavier_cli.statistics.estimate import over_seeds
from xavier_cli.vocabulary.tensors import TENSORS

SHOWN = ("activation", "backprop", "weight_gradient")
MOST_BINS, MOST_RECORDS, MOST_LAYERS = 61, 21, 12
# Bound on the bars of all runs, so that the page stays small and is made in seconds.
MOST_BARS = 220_000
_PERCENTILES = (2, 25, 50, 75, 98)


def layers_over_time(runs: Sequence[Run]) -> dict[str, object]:
    """Axis, bars (in thousandths of the highest), statistics and percentiles by run, tensor and record."""
    wanted = len(SHOWN) * MOST_BINS * sum(min(run.config.depth, MOST_LAYERS) for run in runs)
    records = max(2, min(MOST_RECORDS, MOST_BARS // max(wanted, 1)))
    shown = [
        {"label": label, "seeds": int((~lost_seeds(run)).sum()) or len(run.seeds), "tensors": tensors}
        for label, run in zip(labels(runs), runs, strict=True)
        if (tensors := _tensors(run, records))
    ]
    return {"runs": shown} if shown else {}


def evenly(count: int, most: int) -> list[int]:
    """Up to `most` of `count` indices, evenly from the first to the last."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int)).tolist()


def _tensors(run: Run, records: int) -> dict[str, object]:
    known = np.flatnonzero(known_records(run))
    at = known[evenly(len(known), records)].tolist() if len(known) else []
    layers = tuple(layer + 1 for layer in evenly(run.config.depth, MOST_LAYERS))
    found: dict[str, object] = {}
    for tensor in SHOWN:
        try:
            drawn = [
                histogram(run, tensor, PlotRequest(layers=layers, record=str(run.updates[i]))) for i in at
            ]
        except UnsuitableRunError:
            continue
        if not drawn:
            continue
        found[tensor] = {
            "name": TENSORS[tensor].label,
            "layers": list(layers),
            "statistics": [
                {"key": row.dataset, "name": row.words, "is_share": row.is_share}
                for row in _statistics(run, tensor)
            ],
            "records": [_record(run, tensor, i, each) for i, each in zip(at, drawn, strict=True)],
        }
    return found


def _record(run: Run, tensor: str, row: int, drawn: Histogram) -> dict[str, Any]:
    share = _pooled(drawn.share.T)
    columns = drawn.layers - 1
    record: dict[str, Any] = {
        "update": int(run.updates[row]),
        "axis": [_short(drawn.edges[0]), _short(drawn.edges[-1])],
        "bars": [
            np.round(1000 * layer / max(float(layer.max()), 1e-12)).astype(int).tolist() for layer in share
        ],
        "share": [_short(layer.max()) for layer in share],
    }
    for statistic in _statistics(run, tensor):
        values = layers_over_seeds(run, statistic.path).center[row, columns]
        record[statistic.dataset] = [_short(value) for value in values]
    there = (run.percentile(f"{tensor}/percentiles", each) for each in _PERCENTILES)
    picked = [each for each in there if each is not None]
    if len(picked) == len(_PERCENTILES):
        values = over_seeds(layers_of(run, np.stack(picked, axis=-1))[:, row]).center[columns]
        record["percentiles"] = [[_short(value) for value in layer] for layer in values]
    return record


def _statistics(run: Run, tensor: str) -> list[LayerStatistic]:
    """The statistics of `tensor` that are shown with its histograms, as far as `run` has them."""
    return [row for row in IN_TABLES if row.in_slider and row.tensor.name == tensor and row.path in run]


def _pooled(share: np.ndarray) -> np.ndarray:
    """`(L, B)` with neighbouring bins added up, so that at most `MOST_BINS` remain."""
    step = math.ceil(share.shape[1] / MOST_BINS)
    return np.add.reduceat(share, range(0, share.shape[1], step), axis=1)


def _short(value: float) -> float | None:
    """`value` to four digits, which is more than can be seen."""
    return float(f"{float(value):.4g}") if math.isfinite(value) else None
