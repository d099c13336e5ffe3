"""Summarizes each layer of a run by one number per statistic, the mean over seeds."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from xavier_cli.runs.layer_statistics import IN_TABLES
from xavier_cli.runs.record import Run

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

    Means are over the seeds that did not diverge, or over all where all did.
    """
    kept = kept_seeds(run)
    depth = run.config.depth
    found: list[dict[str, float]] = [{} for _ in range(depth + 1)]
    for row in SUMMARY:
        if row.path in run:
            for layer, value in enumerate(finite_mean(run[row.path][kept, -1])):
                found[layer][row.name] = value
    unknown = dict.fromkeys((row.name for row in SUMMARY), math.nan)
    return tuple(
        Layer(number, "output" if number > depth else f"hidden {number}", unknown | values)
        for number, values in enumerate(found, start=1)
        if values
    )


def over_time(run: Run, array: str | np.ndarray) -> np.ndarray:
    """The mean over `kept_seeds` of an array of `run`, `(S, R, ...)`, given itself or by its path."""
    return _mean((run[array] if isinstance(array, str) else array)[kept_seeds(run)])


def kept_seeds(run: Run) -> np.ndarray:
    """Mask of the seeds that did not diverge, or of all where all did; `(S,)`."""
    return ~run.diverged if not run.diverged.all() else np.ones(len(run.seeds), bool)


def finite_mean(values: np.ndarray) -> list[float]:
    """Mean of the finite values over the first axis; NaN where there are none."""
    return [float(value) for value in _mean(values)]


def _mean(values: np.ndarray) -> np.ndarray:
    finite = np.where(np.isfinite(values), values.astype(np.float64), np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(np.nanmean(finite, axis=0))
