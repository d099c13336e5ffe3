"""Computes moments, percentiles and histograms of one tensor on the device."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xavier_cli.runs.schema import PERCENTILES

LINEAR_BINS = 100
SMALLEST, LARGEST, BINS_PER_DECADE = 1e-10, 1e4, 10


def moments(values: Array) -> dict[str, Array]:
    """Mean and standard deviation over all elements of `values` (any shape), each of shape `()`."""
    return {"mean": jnp.mean(values), "std": jnp.std(values)}


@dataclass(frozen=True)
class Bins(ABC):
    """Histogram bins, the same for all runs of a tensor; values beyond the edges count in the end bins."""

    edges: np.ndarray

    @abstractmethod
    def count(self, values: Array) -> Array:
        """Counts of `values` (any shape), `(bins,)` int32; their sum is the number of values."""


class LinearBins(Bins):
    """100 equal bins over the range of a bounded activation."""

    def __init__(self, low: float, high: float):
        # Rounded, so that edges such as 0.9 are the numbers a reader would write.
        super().__init__(np.round(np.linspace(low, high, LINEAR_BINS + 1), 12))

    def count(self, values: Array) -> Array:
        """Counts of `values` (any shape), `(bins,)` int32."""
        low, high = self.edges[0], self.edges[-1]
        return _bincount((values - low) * (LINEAR_BINS / (high - low)), LINEAR_BINS)


class SymmetricLogBins(Bins):
    """Logarithmic bins, 10 per decade from 1e-10 to 1e4, on both sides of a bin around 0.

    For tensors whose scale is not known beforehand.
    """

    def __init__(self) -> None:
        decades = round(math.log10(LARGEST / SMALLEST))
        magnitudes = np.logspace(math.log10(SMALLEST), math.log10(LARGEST), decades * BINS_PER_DECADE + 1)
        super().__init__(np.concatenate([-magnitudes[::-1], magnitudes]))

    def count(self, values: Array) -> Array:
        """Counts of `values` (any shape), `(bins,)` int32."""
        side = (len(self.edges) - 2) // 2
        magnitude = jnp.maximum(jnp.abs(values), SMALLEST * 0.5)
        steps = jnp.floor(jnp.log10(magnitude / SMALLEST) * BINS_PER_DECADE)
        # steps < 0 is the zero bin in the middle; beyond it the sides mirror each other.
        distance = jnp.where(steps < 0, 0, jnp.minimum(steps, side - 1) + 1)
        return _bincount(side + jnp.where(values < 0, -distance, distance), 2 * side + 1)


def make_bins(range_: tuple[float, float]) -> Bins:
    """Linear bins over a finite range, symmetric logarithmic ones otherwise."""
    return LinearBins(*range_) if all(map(math.isfinite, range_)) else SymmetricLogBins()


def _bincount(index: Array, bins: int) -> Array:
    index = jnp.clip(index.astype(jnp.int32), 0, bins - 1).ravel()
    return jnp.zeros(bins, jnp.int32).at[index].add(1)


def percentiles(values: Array) -> tuple[Array, Array]:
    """`PERCENTILES` of `values` (any shape) and of their magnitudes, linearly interpolated as by NumPy.

    **Returns:** two arrays of shape `(len(PERCENTILES),)`.

    One sort serves both: as many magnitudes are at most m as values lie in [-m, m], so each order statistic
    of the magnitudes is found by bisection in the sorted values.
    """
    ordered = _sort(values)
    n = ordered.size
    rank = np.asarray(PERCENTILES) / 100 * (n - 1)
    below = np.floor(rank).astype(np.int32)
    above, share = np.minimum(below + 1, n - 1), jnp.asarray(rank - below, jnp.float32)

    def interpolate(low: Array, high: Array) -> Array:
        return low + (high - low) * share

    magnitudes = _magnitude_of_rank(ordered, jnp.concatenate([jnp.asarray(below), jnp.asarray(above)]))
    return (
        interpolate(ordered[below], ordered[above]),
        interpolate(*jnp.split(magnitudes, 2)),
    )


def _sort(values: Array) -> Array:
    """Sorted values; as integers of the same order, which XLA sorts ten times faster on a CPU."""
    bits = _flip(jax.lax.bitcast_convert_type(values.ravel().astype(jnp.float32), jnp.int32))
    return jax.lax.bitcast_convert_type(_flip(jnp.sort(bits)), jnp.float32)


def _flip(bits: Array) -> Array:
    # The bits of negative floats fall as the floats rise; its own inverse.
    return jnp.where(bits < 0, bits ^ 0x7FFFFFFF, bits)


def _magnitude_of_rank(ordered: Array, rank: Array) -> Array:
    """The `rank`-th smallest |value|, by bisection over the bits of a float."""

    def narrow(_: int, bounds: tuple[Array, Array]) -> tuple[Array, Array]:
        low, high = bounds
        middle = low + (high - low) // 2
        magnitude = jax.lax.bitcast_convert_type(middle, jnp.float32)
        within = jnp.searchsorted(ordered, magnitude, side="right") - jnp.searchsorted(
            ordered, -magnitude, side="left"
        )
        enough = within > rank
        return jnp.where(enough, low, middle + 1), jnp.where(enough, middle, high)

    start = jnp.zeros_like(rank), jnp.full_like(rank, np.float32(np.inf).view(np.int32))
    _, found = jax.lax.fori_loop(0, 32, narrow, start)
    return jax.lax.bitcast_convert_type(found, jnp.float32)
