"""Computes moments, percentiles and histograms of one tensor on the device."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xavier_cli.runs.schema import PERCENTILES
from xavier_cli.statistics.tensor_summary import Bins, percentile_ranks


def moments(values: Array) -> dict[str, Array]:
    """Mean and standard deviation over all elements of `values` (any shape), each of shape `()`."""
    return {"mean": jnp.mean(values), "std": jnp.std(values)}


def count(bins: Bins, values: Array) -> Array:
    """Counts of `values` (any shape), `(bins,)` int32; their sum is the number of values."""
    index = jnp.clip(bins.index(values, jnp).astype(jnp.int32), 0, bins.number - 1).ravel()
    return jnp.zeros(bins.number, jnp.int32).at[index].add(1)


def percentiles(values: Array) -> tuple[Array, Array]:
    """`PERCENTILES` of `values` (any shape) and of their magnitudes, linearly interpolated as by NumPy.

    **Returns:** two arrays of shape `(len(PERCENTILES),)`.

    One sort serves both: as many magnitudes are at most m as values lie in [-m, m], so each order statistic
    of the magnitudes is found by bisection in the sorted values.
    """
    ordered = _sort(values)
    n = ordered.size
    below, above, between = percentile_ranks(PERCENTILES, n)
    share = jnp.asarray(between, jnp.float32)

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
