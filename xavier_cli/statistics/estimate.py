"""Estimates means over seeds with t-intervals: for tables, figures, reports and exports alike.

The seed is the unit of replication. Which seeds count is said where runs are known: `runs.counting`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from xavier_cli.statistics import student

LEVEL = 0.95
Mean = Literal["arithmetic", "geometric"]
"""The kind of a mean: geometric for quantities that differ by factors, which figures show on such an axis."""


@dataclass(frozen=True)
class Estimate:
    """A mean over `n` seeds with the half width of its t-interval, which is NaN for a single seed."""

    mean: float
    half_width: float
    sd: float
    n: int

    @property
    def low(self) -> float:
        """The lower end of the interval."""
        return self.mean - self.half_width

    @property
    def high(self) -> float:
        """The upper end of the interval."""
        return self.mean + self.half_width


@dataclass(frozen=True)
class Band:
    """Means over seeds of whole arrays, each with its t-interval, which is NaN for a single seed.

    `center`, `low` and `high` have the shape of one seed's values; `seeds` is the number of seeds.
    """

    center: np.ndarray
    low: np.ndarray
    high: np.ndarray
    seeds: int

    def at(self, column: int | np.ndarray) -> Band:
        """The band of a part of the last axis: an index, or a mask."""
        return Band(self.center[..., column], self.low[..., column], self.high[..., column], self.seeds)


def mean_over_seeds(values: Sequence[float] | np.ndarray, level: float = LEVEL) -> Estimate:
    """The mean of one value per seed, `(S,)`, with its t-interval at `level`.

    A percentile bootstrap at 95 % would cover only 70 % for three seeds and 85 % for five. A value that is
    not finite is not left out: the interval is NaN.
    """
    sample = np.asarray(values, dtype=np.float64)
    if len(sample) == 0:
        raise ValueError("no seeds to take a mean over")
    if not np.isfinite(sample).all():
        return Estimate(float(sample.mean()), math.nan, math.nan, len(sample))
    if len(sample) == 1:
        # As below, and in lists of thousands much faster.
        return Estimate(float(sample[0]), math.nan, math.nan, 1)
    mean, half_width, sd = (float(part) for part in _arithmetic(sample, level))
    return Estimate(mean, half_width, sd, len(sample))


def over_seeds(values: np.ndarray, mean: Mean = "arithmetic") -> Band:
    """The mean of `values`, `(seed, …)`, over seeds, with its 95 % t-interval.

    Values that are not finite are left out; where no seed has a finite one, all three are NaN. A geometric
    mean has the interval of the logarithms, which stays above 0. It is 0, without an interval, where one of
    its values is.
    """
    values = np.asarray(values, dtype=np.float64)
    if mean == "geometric":
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            center, half, _ = _arithmetic(np.log(values), LEVEL)
            center, low, high = np.exp(center), np.exp(center - half), np.exp(center + half)
        zero = (values == 0).any(axis=0)
        low, high = (np.where(zero, np.nan, end) for end in (low, high))
        return Band(np.where(zero, 0.0, center), low, high, len(values))
    center, half, _ = _arithmetic(values, LEVEL)
    return Band(center, center - half, center + half, len(values))


def _arithmetic(values: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, half width of the interval, and sd of the finite values along the first axis."""
    there = np.isfinite(values)
    count = there.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        center = np.where(there, values, 0.0).sum(axis=0) / count
        squares = np.where(there, (values - center) ** 2, 0.0).sum(axis=0)
        sd = np.where(count > 1, np.sqrt(squares / np.maximum(count - 1, 1)), np.nan)
        half = _t(count, level) * sd / np.sqrt(count)
    return np.asarray(center), np.asarray(half), np.asarray(sd)


def _t(count: np.ndarray, level: float) -> np.ndarray:
    """The quantile of Student's t for each number of seeds; NaN for none or one."""
    most = int(np.max(count, initial=1))
    table = [math.nan, math.nan, *(student.quantile(level, n - 1) for n in range(2, most + 1))]
    return np.asarray(np.array(table)[count])


def late_mean(curve: np.ndarray) -> np.ndarray:
    """The mean over the last 10 % of the records, at least five, or all where there are fewer.

    `curve` has shape `(..., R)`. Claims use it: its standard deviation over seeds is half that of the last
    record, and unlike the minimum over records it is not biased by noise.
    """
    return np.asarray(curve[..., -late_records(curve.shape[-1]) :].mean(axis=-1))


def late_records(records: int) -> int:
    """How many of `records` records `late_mean` averages."""
    return max(5, math.ceil(records / 10))
