"""Tests whether noisy series fall, without assuming a shape: Mann (1945), Kendall (1975), Sen (1968)."""

from __future__ import annotations

import numpy as np


def trend_z(series: np.ndarray) -> float:
    """The z of Kendall's trend test of `series`, `(S, n)`, together: below 0 where they fall.

    Each counts its pairs that rise less those that fall; the sums of independent series add, as do their
    variances (Hirsch, Slack & Smith 1982). 0 where nothing differs. Ties are corrected for.
    """
    total = variance = 0.0
    for values in np.atleast_2d(np.asarray(series, dtype=np.float64)):
        n = len(values)
        total += float(np.sign(values[None, :] - values[:, None])[np.triu_indices(n, 1)].sum())
        ties = np.unique(values, return_counts=True)[1].astype(np.float64)
        variance += (n * (n - 1) * (2 * n + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18
    # One pair that turns round changes the sum by 2: half of that is the correction for continuity.
    return float(np.sign(total) * max(abs(total) - 1, 0) / np.sqrt(variance)) if variance > 0 else 0.0


def trend_slope(times: np.ndarray, values: np.ndarray) -> float:
    """Sen's slope of `values` over `times`, both `(n,)`: the median of the slopes of all pairs."""
    first, second = np.triu_indices(len(values), 1)
    return float(np.median((values[second] - values[first]) / (times[second] - times[first])))
