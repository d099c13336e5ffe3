"""Estimates means over seeds with t-intervals; the seed is the unit of replication."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xavier_cli.statistics import student


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


def mean_over_seeds(values: Sequence[float] | np.ndarray, level: float = 0.95) -> Estimate:
    """The mean of one value per seed, `(S,)`, with its t-interval at `level`.

    A percentile bootstrap at 95 % would cover only 70 % for three seeds and 85 % for five.
    """
    sample = np.asarray(values, dtype=np.float64)
    n = len(sample)
    if n == 0:
        raise ValueError("no seeds to take a mean over")
    if n == 1:
        return Estimate(float(sample[0]), math.nan, math.nan, 1)
    sd = float(sample.std(ddof=1))
    half_width = student.quantile(level, n - 1) * sd / math.sqrt(n)
    return Estimate(float(sample.mean()), half_width, sd, n)


def late_mean(curve: np.ndarray) -> np.ndarray:
    """The mean over the last 10 % of the records, at least five, or all where there are fewer.

    `curve` has shape `(..., R)`. Claims use it: its standard deviation over seeds is half that of the last
    record, and unlike the minimum over records it is not biased by noise.
    """
    return np.asarray(curve[..., -late_records(curve.shape[-1]) :].mean(axis=-1))


def late_records(records: int) -> int:
    """How many of `records` records `late_mean` averages."""
    return max(5, math.ceil(records / 10))
