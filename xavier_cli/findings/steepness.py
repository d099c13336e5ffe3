"""How steep a loss surface is, how much of it is a plateau, and whether one loss beats another in both.

The claim of section 4.1: with cross-entropy there are fewer plateaus than with the quadratic loss. It is
steeper for any number of examples; that it has fewer plateaus holds for one to a few random examples, as in
Figure 5 (27 of 30 data sets at 1 and at 3), not for many, where labels average out (4 of 30 at 100).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xavier_cli.runs.surface import Surface
from xavier_cli.statistics.sign import sign_test

FLAT = 0.1
"""A gradient below this share of its own surface's largest one is a plateau's."""

STEEPER = 2.0
DATA_SETS = 20
LEVEL = 0.05


@dataclass(frozen=True)
class Steepness:
    """Of one surface: the mean norm of its gradient, in loss per unit of the axes, and its flat share."""

    mean_gradient: float
    flat_share: float


@dataclass(frozen=True)
class SteepnessClaim:
    """Cross-entropy against quadratic over random data sets.

    `ratio` is that of the mean gradients; `flatter` counts the surfaces on which the quadratic loss has the
    larger flat share, `steeper` those where cross-entropy has; `p` is the sign test's of the two.
    """

    ratio: float
    flatter: int
    steeper: int
    p: float


def steepness(loss: np.ndarray, x: np.ndarray, y: np.ndarray) -> Steepness:
    """Of `loss`, shape `(Y, X)`, over the axes `x` and `y`; its gradient by central differences."""
    along_y, along_x = np.gradient(loss, y, x)
    norm = np.hypot(along_x, along_y)
    return Steepness(float(norm.mean()), float(np.mean(norm < FLAT * norm.max())))


def compare_losses(surfaces: Sequence[Surface]) -> SteepnessClaim:
    """The claim over surfaces of different random data, STATISTICS 5."""
    pairs = [
        (steepness(s.loss("cross_entropy"), s.x, s.y), steepness(s.loss("quadratic"), s.x, s.y))
        for s in surfaces
    ]
    entropy, quadratic = (np.mean([pair[i].mean_gradient for pair in pairs]) for i in (0, 1))
    flatter = sum(one.flat_share < other.flat_share for one, other in pairs)
    steeper = sum(one.flat_share > other.flat_share for one, other in pairs)
    return SteepnessClaim(float(entropy / quadratic), flatter, steeper, sign_test(flatter, steeper))
