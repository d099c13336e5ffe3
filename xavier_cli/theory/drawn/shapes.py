"""Defines the shapes of distributions that weights are drawn from, at unit variance."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

from xavier_cli.vocabulary.entry import TRUNCATED_STD

_WITHIN = float(ndtr(2.0) - ndtr(-2.0))


class Shape(NamedTuple):
    """A distribution of unit variance about 0.

    `bound` is its largest magnitude, infinite for none, `kurtosis` is E x⁴, `skew` the skewness of x². The
    logarithm of the density is `log_peak - curvature · x²` within the bound.
    """

    kind: str
    bound: float
    kurtosis: float
    skew: float
    log_peak: float
    curvature: float
    cdf: Callable[[np.ndarray], np.ndarray]

    def log_likelihood(self, number: int, mean_square: float, std: float) -> float:
        """Of `number` numbers within the bound, with this mean square, at this standard deviation."""
        return number * (self.log_peak - math.log(std) - self.curvature * mean_square / std**2)


def _truncated_cdf(x: np.ndarray) -> np.ndarray:
    return np.clip((ndtr(x * TRUNCATED_STD) - ndtr(-2.0)) / _WITHIN, 0, 1)


UNIFORM = Shape(
    "uniform",
    math.sqrt(3),
    1.8,
    0.6389,
    -math.log(2 * math.sqrt(3)),
    0.0,
    lambda x: np.clip((x / math.sqrt(3) + 1) / 2, 0, 1),
)
NORMAL = Shape(
    "normal", math.inf, 3.0, math.sqrt(8), -math.log(2 * math.pi) / 2, 0.5, lambda x: np.asarray(ndtr(x))
)
TRUNCATED = Shape(
    "truncated normal",
    2 / TRUNCATED_STD,
    2.3655,
    1.4881,
    -math.log(2 * math.pi) / 2 + math.log(TRUNCATED_STD / _WITHIN),
    TRUNCATED_STD**2 / 2,
    _truncated_cdf,
)
SHAPES = (UNIFORM, TRUNCATED, NORMAL)
