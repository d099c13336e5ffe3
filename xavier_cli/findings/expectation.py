"""Compares layer statistics at initialization with theoretical predictions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xavier_cli.runs.layer_statistics import IN_TABLES
from xavier_cli.runs.record import Run
from xavier_cli.statistics.estimate import over_seeds

STATISTICS = tuple(row for row in IN_TABLES if row.probe_column)
# Name of a statistic and of its prediction -> path of the measurement.
PATHS = {row.name: row.path for row in STATISTICS if row.path}


@dataclass(frozen=True)
class Quantity:
    """One statistic per layer: means over seeds, the prediction, and its sampling deviation.

    Means are those of `LayerStatistic.mean_over_seeds`: of gradients geometric ones.
    `sd` is the relative standard deviation of one seed's value around the prediction. NaN means none.
    """

    measured: Sequence[float]
    predicted: Sequence[float]
    sd: Sequence[float]


def expectation(run: Run) -> dict[str, Quantity]:
    """The statistics measured at record 0 of `run` with their predictions, by name.

    `backprop_step` of a layer is the back-propagated std of the layer above over its own.
    `weight_gradient_rms` is taken over the gradients of single examples, as in equation (7).
    """
    by_seed = {row.name: run[row.path][:, 0] for row in STATISTICS if row.path and row.path in run}
    backprop = run["backprop/std"][:, 0].astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = backprop[:, 1:] / backprop[:, :-1]
    by_seed["backprop_step"] = np.pad(steps, ((0, 0), (0, 1)), constant_values=math.nan)
    measured = {
        row.name: over_seeds(by_seed[row.name], row.mean_over_seeds).center.tolist()
        for row in STATISTICS
        if row.name in by_seed
    }
    return {
        name: Quantity(values, _theory(run, name, len(values)), _theory(run, f"{name}_sd", len(values)))
        for name, values in measured.items()
    }


def _theory(run: Run, name: str, layers: int) -> list[float]:
    path = f"theory/{name}"
    return run[path].tolist() if path in run else [math.nan] * layers
