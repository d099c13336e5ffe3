"""Computes means and intervals over seeds of whole arrays, the same for figures and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xavier_cli.statistics.student import quantile

LEVEL = 0.95
# With fewer seeds a t-interval is too wide to be useful.
T_FROM = 3


@dataclass(frozen=True)
class Band:
    """A mean over seeds with an interval.

    `center`, `low` and `high` have the shape of one seed's values; `seeds` is the number of seeds.
    """

    center: np.ndarray
    low: np.ndarray
    high: np.ndarray
    seeds: int

    def at(self, column: int) -> Band:
        """The band of one entry of the last axis."""
        return Band(self.center[..., column], self.low[..., column], self.high[..., column], self.seeds)


def over_seeds(values: np.ndarray) -> Band:
    """Mean of `values`, `(seed, …)`, over seeds with its 95 % t-interval, or min and max for N < 3.

    Values that are not finite are left out; where no seed has a finite one, all three are NaN.
    """
    values = np.where(np.isfinite(values), values, np.nan).astype(float)
    there = np.isfinite(values)
    count = there.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        center = np.where(there, values, 0.0).sum(axis=0) / count
        squares = np.where(there, (values - center) ** 2, 0.0).sum(axis=0)
        half = _t(count) * np.sqrt(squares / np.maximum(count - 1, 1) / count)
    low = np.where(there, values, np.inf).min(axis=0)
    high = np.where(there, values, -np.inf).max(axis=0)
    enough = count >= T_FROM
    none = count == 0
    return Band(
        center,
        np.where(none, np.nan, np.where(enough, center - half, low)),
        np.where(none, np.nan, np.where(enough, center + half, high)),
        len(values),
    )


def factors_over_seeds(values: np.ndarray) -> Band:
    """`over_seeds` of the logarithms, for logarithmic axes: the geometric mean with its interval.

    An interval of the values themselves could reach below 0, which such an axis cannot show.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        band = over_seeds(np.log(values.astype(float)))
    return Band(np.exp(band.center), np.exp(band.low), np.exp(band.high), band.seeds)


def in_words(seeds: Sequence[int]) -> str:
    """The meaning of the bands of runs with these numbers of seeds: `N = 5 seeds; bands: 95 % t-interval`."""
    low, high = min(seeds), max(seeds)
    counts = f"N = {low}" if low == high else f"N = {low}–{high}"
    counts += " seed" if high == 1 else " seeds"
    if high == 1:
        return f"{counts}, so no bands"
    if high < T_FROM:
        return f"{counts}; bands: min–max" + (" (none for N = 1)" if low == 1 else "")
    fewer = ["min–max for N = 2"] * (2 in seeds) + ["none for N = 1"] * (1 in seeds)
    return f"{counts}; bands: 95 % t-interval" + (f" ({', '.join(fewer)})" if fewer else "")


def _t(count: np.ndarray) -> np.ndarray:
    table = np.array([0.0, 0.0] + [quantile(LEVEL, n - 1) for n in range(2, int(count.max(initial=1)) + 1)])
    return np.asarray(table[count])
