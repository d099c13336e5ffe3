"""Summarizes each layer of a run by one number per statistic, the mean over seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from xavier_cli.runs.counting import layers_of
from xavier_cli.runs.layer_names import layer_name
from xavier_cli.runs.layer_statistics import IN_TABLES, LayerStatistic
from xavier_cli.runs.record import Run
from xavier_cli.statistics.estimate import over_seeds

SUMMARY = tuple(row for row in IN_TABLES if row.is_summary)
DATASETS = tuple(row.path for row in SUMMARY)


@dataclass(frozen=True)
class Layer:
    """One layer at one record.

    `number` counts from the input up; the last is the output layer. `values` holds the `SUMMARY` by name,
    shares as fractions; NaN where one was not recorded or is not defined for the output layer.
    """

    number: int
    name: str
    values: Mapping[str, float]

    def __getitem__(self, statistic: str) -> float:
        return self.values[statistic]

    def record(self) -> dict[str, object]:
        """The layer as a flat dictionary, for JSON."""
        return {"number": self.number, "name": self.name, **self.values}


def layers_at(run: Run) -> tuple[Layer, ...]:
    """Every layer of `run` at the last record, hidden ones first.

    Means are over the seeds that did not diverge; NaN where all did.
    """
    depth = run.config.depth
    found: list[dict[str, float]] = [{} for _ in range(depth + 1)]
    for row in SUMMARY:
        if row.path in run:
            for layer, value in enumerate(_last(run, row)):
                found[layer][row.name] = value
    unknown = dict.fromkeys((row.name for row in SUMMARY), math.nan)
    return tuple(
        Layer(number, layer_name(run, number), unknown | values)
        for number, values in enumerate(found, start=1)
        if values
    )


def factor_per_layer(values: np.ndarray, up: bool, shrinks: bool) -> np.ndarray:
    """By what factor `values` of layers, `(…, L)`, shrink or grow from one to the next, `(…,)`; L > 1.

    Going `up` from the first layer, else down from the last; below 1 where they do the opposite. It is the
    factor between both ends, spread evenly over the steps.
    """
    begin, end = (values[..., 0], values[..., -1]) if up else (values[..., -1], values[..., 0])
    top, bottom = (begin, end) if shrinks else (end, begin)
    tiny = np.finfo(np.float64).tiny
    # If even the first value is 0, there is no signal to follow.
    # A ratio that overflows counts as growth; one of two infinities is unknown.
    with np.errstate(over="ignore", invalid="ignore"):
        ratio = np.where(top > 0, top / np.maximum(bottom, tiny), 1.0)
    return np.asarray(ratio ** (1 / (values.shape[-1] - 1)))


def _last(run: Run, row: LayerStatistic) -> list[float]:
    values = layers_of(run, row.path)[:, -1]
    return [float(value) for value in over_seeds(values, row.mean_over_seeds).center]
