"""Summarizes one tensor in torch, by the definitions of `statistics.tensor_summary`."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
import torch

from xavier_cli.runs.schema import PERCENTILES
from xavier_cli.statistics.tensor_summary import Bins, percentile_ranks, sampling_stride

Tensor = Any


class _Numeric:
    """Torch's functions by NumPy's names, with numbers for tensors."""

    abs, floor, log10, where = torch.abs, torch.floor, torch.log10, torch.where

    @staticmethod
    def maximum(values: Tensor, least: float) -> Tensor:
        return values.clamp(min=least)

    @staticmethod
    def minimum(values: Tensor, most: float) -> Tensor:
        return values.clamp(max=most)


def moments(values: Tensor) -> tuple[float, float]:
    """Mean and standard deviation over all of `values` (any shape), NaN for none."""
    if not values.numel():
        return math.nan, math.nan
    spread, mean = torch.std_mean(values, correction=0)
    return float(mean), float(spread)


def sample(values: Tensor, units: int) -> Tensor:
    """The numbers of a large tensor that are sorted and counted, flat; all of a small one.

    The axis `units` counts as the last, so that the same numbers are taken of channels first and last.
    """
    step = sampling_stride(values.shape)
    flat = values.reshape(-1)
    return flat if step == 1 else flat[_taken(tuple(values.shape), units, step).to(values.device)]


@lru_cache(maxsize=64)
def _taken(shape: tuple[int, ...], units: int, step: int) -> Tensor:
    """The places of the sampled numbers in a tensor of `shape` that is laid out row by row."""
    strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
    order = list(range(len(shape)))
    order.append(order.pop(units))
    rest = torch.arange(0, math.prod(shape), step)
    place = torch.zeros_like(rest)
    for axis in reversed(order):
        place += rest % shape[axis] * strides[axis]
        rest //= shape[axis]
    return place


def count(bins: Bins, values: Tensor) -> np.ndarray:
    """Counts of `values` `(n,)`, `(bins,)` int32."""
    index = bins.index(values, _Numeric).to(torch.int32).clip(0, bins.number - 1)
    return np.asarray(torch.bincount(index, minlength=bins.number).cpu().numpy(), np.int32)


def percentiles(values: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """`PERCENTILES` of `values` `(n,)` and of their magnitudes, linearly interpolated as by NumPy."""
    below, above, share = percentile_ranks(PERCENTILES, len(values))
    found = []
    for each in (values, values.abs()):
        ordered = _sorted(each)
        found.append(ordered[below] + (ordered[above] - ordered[below]) * share.astype(np.float32))
    return found[0], found[1]


def _sorted(values: Tensor) -> np.ndarray:
    # On a CPU NumPy sorts floats several times faster.
    if values.device.type == "cpu":
        return np.sort(values.numpy())
    return np.asarray(values.sort().values.cpu().numpy())
