"""Defines how one tensor is summarized: histogram bins, percentiles, which numbers of a large one are taken.

Definitions alone: JAX and PyTorch compute by them, each on its own arrays.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import numpy as np

LINEAR_BINS = 100
SMALLEST, LARGEST, BINS_PER_DECADE = 1e-10, 1e4, 10
MOST_SORTED = 2**19
"""Histograms and percentiles of larger tensors are of every p-th value; see `sampling_stride`."""


@dataclass(frozen=True)
class Bins(ABC):
    """Histogram bins, the same for all runs of a tensor; values beyond the edges count in the end bins."""

    edges: np.ndarray

    @property
    def number(self) -> int:
        """How many bins there are."""
        return len(self.edges) - 1

    @abstractmethod
    def index(self, values: Any, numeric: Any) -> Any:
        """The bin of each of `values`, as floats of their shape, beyond the ends below 0 or too large.

        `numeric` computes on such arrays by NumPy's names: `jax.numpy`, or what stands for it in torch.
        """


class LinearBins(Bins):
    """100 equal bins over the range of a bounded activation."""

    def __init__(self, low: float, high: float):
        # Rounded, so that edges such as 0.9 are the numbers a reader would write.
        super().__init__(np.round(np.linspace(low, high, LINEAR_BINS + 1), 12))

    def index(self, values: Any, numeric: Any) -> Any:
        """The bin of each of `values`; see `Bins.index`."""
        low, high = self.edges[0], self.edges[-1]
        return (values - low) * (LINEAR_BINS / (high - low))


class SymmetricLogBins(Bins):
    """Logarithmic bins, 10 per decade from 1e-10 to 1e4, on both sides of a bin around 0.

    For tensors whose scale is not known beforehand.
    """

    def __init__(self) -> None:
        decades = round(math.log10(LARGEST / SMALLEST))
        magnitudes = np.logspace(math.log10(SMALLEST), math.log10(LARGEST), decades * BINS_PER_DECADE + 1)
        super().__init__(np.concatenate([-magnitudes[::-1], magnitudes]))

    def index(self, values: Any, numeric: Any) -> Any:
        """The bin of each of `values`; see `Bins.index`."""
        side = (self.number - 1) // 2
        magnitude = numeric.maximum(numeric.abs(values), SMALLEST * 0.5)
        steps = numeric.floor(numeric.log10(magnitude / SMALLEST) * BINS_PER_DECADE)
        # steps < 0 is the zero bin in the middle; beyond it the sides mirror each other.
        distance = numeric.where(steps < 0, 0, numeric.minimum(steps, side - 1) + 1)
        return side + numeric.where(values < 0, -distance, distance)


def make_bins(range_: tuple[float, float]) -> Bins:
    """Linear bins over a finite range, symmetric logarithmic ones otherwise."""
    return LinearBins(*range_) if all(map(math.isfinite, range_)) else SymmetricLogBins()


def percentile_ranks(percentiles: Sequence[float], size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where percentiles of `size` sorted values lie, linearly interpolated as by NumPy.

    **Returns:** `(below, above, share)`: a percentile is the value of rank `below`, plus `share` of the way
    to that of rank `above`.
    """
    rank = np.asarray(percentiles) / 100 * (size - 1)
    below = np.floor(rank).astype(np.int32)
    return below, np.minimum(below + 1, size - 1), rank - below


def sampling_stride(shape: Sequence[int], most: int = MOST_SORTED) -> int:
    """Of a tensor with more than `most` values every how many-th is taken, 1 for all.

    It is the smallest prime that makes so few and divides no axis, so that all channels and positions are
    met.
    """
    size = math.prod(shape)
    if size <= most:
        return 1
    for step in count(math.ceil(size / most)):
        is_prime = all(step % divisor for divisor in range(2, math.isqrt(step) + 1))
        if is_prime and all(axis % step for axis in shape):
            return step
    raise AssertionError("there are infinitely many primes")
