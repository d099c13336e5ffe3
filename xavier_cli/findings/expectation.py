"""Compares layer statistics at initialization with theoretical predictions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xavier_cli.findings.layer_summary import finite_mean
from xavier_cli.runs.layer_statistics import IN_TABLES
from xavier_cli.runs.record import Run

STATISTICS = tuple(row for row in IN_TABLES if row.probe_column)
# Name of a statistic and of its prediction -> path of the measurement.
PATHS = {row.name: row.path for row in STATISTICS if row.path}


@dataclass(frozen=True)
class Quantity:
    """One statistic per layer: means over seeds, the prediction, and its sampling deviation.

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
    measured = {name: finite_mean(run[path][:, 0]) for name, path in PATHS.items() if path in run}
    backprop = run["backprop/std"][:, 0].astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        steps = backprop[:, 1:] / backprop[:, :-1]
    measured["backprop_step"] = [*finite_mean(steps), math.nan]
    return {
        name: Quantity(values, _theory(run, name, len(values)), _theory(run, f"{name}_sd", len(values)))
        for name, values in measured.items()
    }


def _theory(run: Run, name: str, layers: int) -> list[float]:
    path = f"theory/{name}"
    return run[path].tolist() if path in run else [math.nan] * layers
