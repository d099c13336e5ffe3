"""Computes tail probabilities and quantiles of Student's t, for single numbers.

SciPy has both, but importing `scipy.special` takes as long as everything else in `compare` of a dozen runs,
and its results differ from the published ones in the last digits. Tests compare these functions with SciPy's.
"""

from __future__ import annotations

import functools
import math
from statistics import NormalDist


def two_sided_p(t: float, df: float) -> float:
    """The probability that |T| is at least |t| for `df` degrees of freedom (any `df` > 0).

    It is the regularized incomplete beta function I_x(df/2, 1/2) at x = df/(df + t²), which keeps its
    relative accuracy far out in the tails.
    """
    if math.isinf(t):
        return 0.0
    return _incomplete_beta(df / 2, 0.5, df, t * t)


def one_sided_p(t: float, df: float) -> float:
    """The probability that T is at least t."""
    half = two_sided_p(t, df) / 2
    return half if t >= 0 else 1 - half


@functools.lru_cache(maxsize=1024)
def quantile(level: float, df: float) -> float:
    """The t for which |T| < t has probability `level` (0 < level < 1): 2.776 for 0.95 and `df` 4."""
    target = math.log1p(-level)
    t = NormalDist().inv_cdf((1 + level) / 2)
    # Newton's method on log p over log t, which is concave: after one step it converges from above.
    for _ in range(100):
        p = two_sided_p(t, df)
        change = (math.log(p) - target) * p / (2 * t * _density(t, df))
        t *= math.exp(change)
        if abs(change) < 1e-13:
            break
    return t


def _density(t: float, df: float) -> float:
    log_scale = math.lgamma((df + 1) / 2) - math.lgamma(df / 2) - math.log(df * math.pi) / 2
    return math.exp(log_scale - (df + 1) / 2 * math.log1p(t * t / df))


def _incomplete_beta(a: float, b: float, u: float, v: float) -> float:
    """I_x(a, b) at x = u/(u + v); `u` and `v` are given separately to keep 1 - x exact for x near 1."""
    if v == 0:
        return 1.0
    x, y = u / (u + v), v / (u + v)
    # The continued fraction converges quickly only on one side of the mean; I_x(a, b) = 1 - I_y(b, a).
    if x > (a + 1) / (a + b + 2):
        return 1 - _incomplete_beta(b, a, v, u)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log(y))
    return front / a * _continued_fraction(a, b, x)


def _continued_fraction(a: float, b: float, x: float) -> float:
    """The fraction 1/(1 + d1/(1 + d2/(1 + …))) of the incomplete beta function (DLMF 8.17.22), by Lentz."""
    c, d, value = 1.0, 0.0, 1.0
    for step in range(10_000):
        m = (step + 1) // 2
        if step % 2:
            term = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        else:
            term = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        # Neither factor may be 0 in Lentz's algorithm.
        c = 1 + term / c or 1e-300
        d = 1 / (1 + term * d or 1e-300)
        value *= c * d
        if abs(c * d - 1) < 1e-15:
            break
    return 1 / value
