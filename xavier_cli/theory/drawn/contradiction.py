"""Says whether numbers contradict a distribution, by tests of known error rates.

Numbers contradict a distribution if the largest lies outside its support, or further out or in than the
largest of so many lies; if their mean or mean square is further from it than chance allows; or if their
empirical distribution function is (Kolmogorov-Smirnov). A true distribution is contradicted in about 8 of
1,000,000 arrays: a network of 60 layers with biases keeps all its true names in 999 of 1,000 cases. A scale
5 % off is 6.9 standard errors away in a normal layer of 10,000 numbers.
"""

from __future__ import annotations

import math

import numpy as np

from xavier_cli.theory.drawn.sample import Sample
from xavier_cli.theory.drawn.shapes import Shape

MEAN_ERRORS = 5.0
# In standard errors up and down. A normal layer of 10,000 numbers whose scale is 5 % off is to be rejected in
# 99 of 100 cases either way: the mean square's spread grows with it, so that there is less room upwards.
UP, DOWN = 4.5, 4.75
# P(sup |F_n - F| √n > K) ≤ 2 exp(-2 K²) (Massart 1990): one in a million.
KOLMOGOROV = math.sqrt(-math.log(5e-7) / 2)
# With n numbers of which one is beyond a magnitude with chance p, P(none) ≤ exp(-n p) and P(any) ≤ n p.
NONE, ANY = 14.0, 5e-7
# The widest gap between arithmetic in 32 bits and in 64.
ROUNDING = 1e-5


def contradicts(sample: Sample, shape: Shape, std: float) -> str:
    """Why `sample` was not drawn from `shape` with this standard deviation; empty if it may have been."""
    n, coarse = sample.number, sample.grain
    reach, slack = sample.bound / std, ROUNDING + 2 * coarse
    inner, outer = (n * 2 * float(shape.cdf(np.asarray(-reach * side))) for side in (1 + slack, 1 - slack))
    if inner > NONE or outer < ANY:
        return "support"
    if abs(sample.mean) / std > MEAN_ERRORS / math.sqrt(n) + 2 * coarse:
        return "mean"
    off, error = sample.mean_square / std**2 - 1, math.sqrt((shape.kurtosis - 1) / n)
    # Cornish and Fisher 1938: of squares the upper tail is the longer one.
    low, high = (limit + (limit**2 - 1) * shape.skew / math.sqrt(n) / 6 for limit in (-DOWN, UP))
    if not low * error - 2 * slack < off < high * error + 2 * slack:
        return "scale"
    return "shape" if _too_far(sample, shape, std) else ""


def _too_far(sample: Sample, shape: Shape, std: float) -> bool:
    n = len(sample.ordered)
    expected = shape.cdf(sample.ordered / std)
    steps = np.arange(n + 1) / n
    distance = max(np.max(steps[1:] - expected), np.max(expected - steps[:-1]))
    return bool(distance > KOLMOGOROV / math.sqrt(n) + 2 * sample.grain)
