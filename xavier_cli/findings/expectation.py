"""Compares layer statistics at initialization with theoretical predictions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from xavier_cli.runs.layer_statistics import IN_TABLES
from xavier_cli.runs.record import Run
from xavier_cli.statistics.estimate import LEVEL, over_seeds

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


@dataclass(frozen=True)
class Difference:
    """A statistic of one layer, from 1 up, that differs significantly from its prediction, by a share."""

    name: str
    layer: int
    relative: float


@dataclass(frozen=True)
class Agreement:
    """Of how many numbers (a statistic of a layer each) theory says how far one seed may lie from it, and
    which of them `differ` significantly, the largest difference first."""

    tested: int
    differ: tuple[Difference, ...]


def agreement(quantities: Mapping[str, Quantity], seeds: int) -> Agreement:
    """Test means over `seeds` against theory, corrected (Bonferroni) for the number of them.

    The mean lies within z · sd/√seeds of the prediction with a probability of 95 % for all numbers together.
    """
    found = [
        Difference(name, layer, measured / predicted - 1) if predicted else None
        for name, each in quantities.items()
        for layer, (measured, predicted) in enumerate(
            zip(each.measured, each.predicted, strict=True), start=1
        )
    ]
    sds = [sd for each in quantities.values() for sd in each.sd]
    tested = [
        (each, sd / math.sqrt(seeds))
        for each, sd in zip(found, sds, strict=True)
        if each is not None and math.isfinite(each.relative) and math.isfinite(sd) and sd > 0
    ]
    if not tested:
        return Agreement(0, ())
    z = NormalDist().inv_cdf(1 - (1 - LEVEL) / 2 / len(tested))
    differ = [each for each, sd in tested if abs(each.relative) > z * sd]
    return Agreement(len(tested), tuple(sorted(differ, key=lambda each: -abs(each.relative))))


def _theory(run: Run, name: str, layers: int) -> list[float]:
    path = f"theory/{name}"
    return run[path].tolist() if path in run else [math.nan] * layers
