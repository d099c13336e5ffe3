"""Measures the steepness and the plateaus of loss surfaces, and compares two losses in both.

Section 4.1 claims that cross-entropy has fewer plateaus than the quadratic loss. It is steeper for any number
of examples; it has fewer plateaus for a few random examples, as in Figure 5 (27 of 30 data sets with 1 and
with 3), but not for many, where the labels average out (4 of 30 with 100).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xavier_cli.runs.surface import Surface
from xavier_cli.statistics.estimate import Estimate, mean_over_seeds
from xavier_cli.statistics.sign import sign_test

FLAT = 0.1
"""Points belong to a plateau where the gradient is below this share of the surface's largest."""

DATA_SETS = 20
LEVEL = 0.05


@dataclass(frozen=True)
class Steepness:
    """The mean norm of a surface's gradient, in loss per unit of the axes, and its flat share."""

    mean_gradient: float
    flat_share: float


@dataclass(frozen=True)
class LossComparison:
    """The comparison of cross-entropy and quadratic loss over random data sets.

    `log_ratio` is the logarithm of the ratio of mean gradients, its mean over the data sets with the 95 %
    t-interval, for the quadratic loss as ½ Σ; `flatter` counts the surfaces on which the quadratic loss has
    the larger flat share, `steeper` those on which cross-entropy has; `p` is that of the sign test of both.
    """

    log_ratio: Estimate
    flatter: int
    steeper: int
    p: float

    def ratio(self, factor: float) -> tuple[float, float, float]:
        """The ratio and the ends of its interval where the quadratic loss is `factor` times ½ Σ."""
        of = self.log_ratio
        center, low, high = (math.exp(log) / factor for log in (of.mean, of.low, of.high))
        return center, low, high


def steepness(loss: np.ndarray, x: np.ndarray, y: np.ndarray) -> Steepness:
    """The steepness of `loss`, `(Y, X)`, over the axes `x` and `y`, with gradients by central differences."""
    along_y, along_x = np.gradient(loss, y, x)
    norm = np.hypot(along_x, along_y)
    return Steepness(float(norm.mean()), float(np.mean(norm < FLAT * norm.max())))


def compare_losses(surfaces: Sequence[Surface]) -> LossComparison:
    """Compare the two losses over surfaces of different random data (STATISTICS 5)."""
    pairs = [
        (steepness(s.loss("cross_entropy"), s.x, s.y), steepness(s.loss("quadratic"), s.x, s.y))
        for s in surfaces
    ]
    ratio = mean_over_seeds([math.log(one.mean_gradient / other.mean_gradient) for one, other in pairs])
    flatter = sum(one.flat_share < other.flat_share for one, other in pairs)
    steeper = sum(one.flat_share > other.flat_share for one, other in pairs)
    return LossComparison(ratio, flatter, steeper, sign_test(flatter, steeper))
