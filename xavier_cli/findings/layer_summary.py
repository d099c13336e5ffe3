"""What a network looks like inside, layer by layer, in one number each: means over the seeds."""

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
    shares as fractions; NaN is "not recorded", and what a layer of weights alone does not have.
    """

    number: int
    name: str
    values: Mapping[str, float]

    def __getitem__(self, statistic: str) -> float:
        return self.values[statistic]

    def record(self) -> dict[str, object]:
        """All of it under one level of keys, for JSON."""
        return {"number": self.number, "name": self.name, **self.values}


def layers_at(run: Run) -> tuple[Layer, ...]:
    """Every layer of `run` at the last record, hidden ones first.

    Means are over the seeds that did not diverge, or over all where every one did.
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
    """An array of `run`, or what its path names, `(S, R, ...)`: the mean over the seeds of `layers_at`."""
    return _mean((run[array] if isinstance(array, str) else array)[kept_seeds(run)])


def kept_seeds(run: Run) -> np.ndarray:
    """Shape `(S,)`: the seeds that did not diverge, or all where every one did."""
    return ~run.diverged if not run.diverged.all() else np.ones(len(run.seeds), bool)


def finite_mean(values: np.ndarray) -> list[float]:
    """Mean over the first axis of what is finite; NaN where nothing is."""
    return [float(value) for value in _mean(values)]


def _mean(values: np.ndarray) -> np.ndarray:
    finite = np.where(np.isfinite(values), values.astype(np.float64), np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(np.nanmean(finite, axis=0))
