"""Draws curves as sparklines, for a column of a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

BARS = "▁▂▃▄▅▆▇█"
LENGTH = 12


def sparklines(curves: Sequence[np.ndarray], length: int = LENGTH) -> list[str]:
    """A sparkline of each curve, `(R,)`, at up to `length` evenly spaced records; NaNs leave gaps.

    All have the same scale, from the lowest to the highest value.
    """
    picked = [
        curve[np.unique(np.linspace(0, len(curve) - 1, length).round().astype(int))] for curve in curves
    ]
    finite = np.concatenate([curve[np.isfinite(curve)] for curve in picked]) if picked else np.empty(0)
    if not finite.size:
        return ["" for _ in picked]
    low, span = finite.min(), np.ptp(finite) or 1.0
    return ["".join(_bar((value - low) / span) for value in curve) for curve in picked]


def _bar(share: float) -> str:
    return BARS[min(int(share * len(BARS)), len(BARS) - 1)] if np.isfinite(share) else " "
