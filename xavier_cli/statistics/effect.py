"""Computes standardized effect sizes with their intervals.

A difference is divided by the standard deviation that its test uses. For pairs (the same seeds on both sides)
that is the one of the pairs' differences, otherwise the pooled one; effects of pairs and of independent seeds
are therefore not comparable.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from xavier_cli.statistics.difference import SEEDS_FOR_AN_INTERVAL, Sample

_NODES, _REACH = 40, 9.0
LEVEL = 0.95


@dataclass(frozen=True)
class Effect:
    """Hedges' g with the 95 % CI of the effect; NaN where there are too few seeds or they do not vary.

    `low` and `high` come from the noncentral t, which is exact for normal samples (of equal variance, if
    independent).
    """

    g: float
    low: float
    high: float
    paired: bool


def effect_size(a: Sample, b: Sample, a_seeds: Sequence[int], b_seeds: Sequence[int]) -> Effect:
    """The mean of `a` minus that of `b`, in standard deviations; paired if the seeds are the same."""
    x = dict(zip(a_seeds, map(float, a), strict=True))
    y = dict(zip(b_seeds, map(float, b), strict=True))
    paired = x.keys() == y.keys()
    if paired:
        change = np.array([x[seed] - y[seed] for seed in x])
        df, size = len(change) - 1, float(len(change))
        mean, squares = float(change.mean()), float(np.sum((change - change.mean()) ** 2))
    else:
        sides = np.array([*x.values()]), np.array([*y.values()])
        df, size = len(x) + len(y) - 2, 1 / (1 / len(x) + 1 / len(y))
        mean = float(sides[0].mean() - sides[1].mean())
        squares = float(sum(np.sum((side - side.mean()) ** 2) for side in sides))
    # The variance of equal numbers may be a rounding error instead of 0.
    noise = 1e-12 * max(map(abs, (*x.values(), *y.values())), default=0.0)
    if min(len(x), len(y)) < SEEDS_FOR_AN_INTERVAL or math.sqrt(squares) <= noise:
        return Effect(math.nan, math.nan, math.nan, paired)
    d = mean / math.sqrt(squares / df)
    t, tail = d * math.sqrt(size), (1 - LEVEL) / 2
    low, high = (noncentrality(t, df, share) / math.sqrt(size) for share in (1 - tail, tail))
    return Effect(_correction(df) * d, low, high, paired)


def _correction(df: int) -> float:
    """Hedges' J, which makes d unbiased; 0.80 for 4 degrees of freedom."""
    return math.exp(math.lgamma(df / 2) - math.lgamma((df - 1) / 2)) / math.sqrt(df / 2)


def noncentrality(t: float, df: float, share: float) -> float:
    """The δ for which a noncentral t with `df` degrees of freedom is below `t` with probability `share`."""
    normal = NormalDist()

    def score(delta: float) -> float:
        return normal.inv_cdf(min(max(noncentral_below(t, df, delta), 1e-15), 1 - 1e-15))

    # The normal score of the probability is almost linear in δ, so that a few secant steps suffice.
    wanted, slope = normal.inv_cdf(share), -1 / math.sqrt(1 + t * t / (2 * df))
    delta, at = t, score(t)
    for _ in range(50):
        step = (wanted - at) / slope
        delta, before, at = delta + step, at, score(delta + step)
        if abs(step) <= 1e-9 * max(1.0, abs(t)) or at == before:
            break
        slope = (at - before) / step
    return delta


@functools.cache
def _rule() -> tuple[np.ndarray, np.ndarray]:
    """The Gauss-Legendre rule of one panel, on [-1, 1]."""
    return np.polynomial.legendre.leggauss(_NODES)


def noncentral_below(t: float, df: float, delta: float) -> float:
    """P(T ≤ t) for T = (Z + δ)/x, Z standard normal and x² a χ² over its `df`: the mean of Φ(t x − δ) over x.

    The integral is split at the mass of x and at the rise of Φ, so that neither is missed.
    """
    spread = 1 / math.sqrt(2 * df)
    top = 1 + 2 * _REACH * spread
    cuts = {0.0, top, max(0.0, 1 - _REACH * spread), 1.0}
    if t != 0:
        rise = delta / t
        cuts |= {min(max(rise + side * _REACH / abs(t), 0.0), top) for side in (-1.0, 0.0, 1.0)}
    edges = np.array(sorted(cuts))
    nodes, weights = _rule()
    half = np.diff(edges)[:, None] / 2
    x = (edges[:-1, None] + half * (1 + nodes)).ravel()
    log_density = (
        math.log(2) + df / 2 * math.log(df / 2) - math.lgamma(df / 2) + (df - 1) * np.log(x) - df * x**2 / 2
    )
    mass = (half * weights).ravel() * np.exp(log_density)
    below = [0.5 * math.erfc(value) for value in ((delta - t * x) / math.sqrt(2)).tolist()]
    return float(mass @ np.array(below))
