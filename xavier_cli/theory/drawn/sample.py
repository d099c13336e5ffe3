"""Measures the numbers of a parameter in one pass: moments, extremes, precision, and some in order."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

MOST_SORTED = 100_000
# Small enough for a cache.
_PASS = 8192
# Trailing bits of a float32 that are zero in all numbers -> the format they were drawn in, by its precision.
_PRECISIONS = ((16, 2.0**-8), (13, 2.0**-11))


@dataclass(frozen=True)
class Sample:
    """What is known of a set of numbers.

    `ordered` is a fixed subsample in ascending order. `grain` is the largest relative rounding of a number
    that was drawn in 16 bits, 0 for one in 32 or 64.
    """

    number: int
    mean: float
    mean_square: float
    kurtosis: float
    low: float
    high: float
    zeros: int
    grain: float
    ordered: np.ndarray

    @property
    def bound(self) -> float:
        """The largest magnitude."""
        return max(abs(self.low), abs(self.high))

    @property
    def std(self) -> float:
        """The standard deviation about the mean."""
        return math.sqrt(max(self.mean_square - self.mean**2, 0.0))

    @property
    def is_constant(self) -> bool:
        """Whether all numbers are the same."""
        return self.low == self.high

    @property
    def is_finite(self) -> bool:
        """Whether all numbers are finite, and so are their moments."""
        return math.isfinite(self.low) and math.isfinite(self.high) and math.isfinite(self.mean_square)


def measure(arrays: Sequence[np.ndarray]) -> Sample:
    """The sample that all numbers of `arrays`, of real numbers, are."""
    flat = [real(array).ravel() for array in arrays]
    number = sum(map(len, flat))
    # Moments about one of the numbers: about 0 those of nearly constant ones would cancel.
    origin = float(flat[0][0])
    sums, low, high, zeros = np.zeros(4), math.inf, -math.inf, 0
    with np.errstate(invalid="ignore", over="ignore"):
        for part in _parts(flat):
            zeros += part.size - int(np.count_nonzero(part))
            low, high = np.fmin(low, part.min()), np.fmax(high, part.max())
            moved = part.astype(np.float64) - origin
            squares = moved * moved
            # Products by BLAS would wait for its threads where other programs run.
            sums += moved.sum(), squares.sum(), _product(squares, moved), _product(squares, squares)
            if not np.isfinite(sums[1]):
                return Sample(number, math.nan, math.nan, math.nan, math.nan, math.nan, 0, 0.0, np.empty(0))
        first, second, third, fourth = sums / number
        variance = second - first**2
        central = fourth - 4 * first * third + 6 * first**2 * second - 3 * first**4
        mean = origin + first
        return Sample(
            number,
            float(mean),
            float(max(variance, 0.0) + mean**2),
            float(central / variance**2) if low < high and variance > 0 else math.nan,
            float(low),
            float(high),
            zeros,
            _grain(flat[0]),
            _ordered(flat, number),
        )


def _product(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.einsum("i,i", one, other))


def real(array: np.ndarray) -> np.ndarray:
    """`array` in 32 or 64 bits; of complex numbers both parts, on an axis in front."""
    array = np.asarray(array)
    if np.iscomplexobj(array):
        array = np.stack([array.real, array.imag])
    return array if array.dtype in (np.float32, np.float64) else array.astype(np.float32)


def _parts(flat: Sequence[np.ndarray]) -> Iterator[np.ndarray]:
    for array in flat:
        for start in range(0, len(array), _PASS):
            yield array[start : start + _PASS]


def _ordered(flat: Sequence[np.ndarray], number: int) -> np.ndarray:
    # An odd step, so that no power of two of an axis is met again and again.
    step = math.ceil(number / MOST_SORTED) | 1
    return np.sort(np.concatenate([array[::step] for array in flat]).astype(np.float64))


def _grain(numbers: np.ndarray) -> float:
    some = numbers[:4096]
    single = some.astype(np.float32)
    if not np.array_equal(single, some):
        return 0.0
    bits = np.bitwise_or.reduce(single.view(np.uint32))
    for trailing, precision in _PRECISIONS:
        if not bits & ((1 << trailing) - 1):
            return precision
    return 0.0
