"""Computes mean and deviation of training pixels (`--coding standardize`), and finds oddities of a set."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from xavier_cli.data.sets import DataDamagedError, Examples, FiniteSet

ROWS = 1000
"""Rows of pixels that are taken into double precision at a time."""

SAMPLE = 2000
FAR = 4.0
"""Root mean square of inputs above which they are far outside what is usual: standardized ones have 1."""

NARROW = 0.05
"""Share of the way from black to white that training pixels use at most when inputs hardly differ."""


@dataclass(frozen=True)
class Standardizer:
    """Takes pixels to mean 0 and deviation 1; what those are now is of bytes as numbers from 0 to 1."""

    mean: float
    deviation: float

    def examples(self, examples: Examples) -> Examples:
        """`examples` standardized, float32."""
        pixels = examples.pixels
        if pixels.dtype == np.uint8:
            levels = (np.arange(256) / 255 - self.mean) / self.deviation
            return Examples(levels.astype(np.float32)[pixels], examples.labels)
        made = np.empty(pixels.shape, np.float32)
        for rows in _blocks(len(pixels)):
            made[rows] = (pixels[rows].astype(np.float64) - self.mean) / self.deviation
        return Examples(made, examples.labels)


def standardizer(train: Examples, name: str) -> Standardizer:
    """That of the training part of the set `name`; raises `DataDamagedError` where its pixels are alike."""
    mean, deviation = moments(train.pixels)
    if not deviation > 0:
        raise DataDamagedError(
            f"`{name}`: all training pixels are {mean:g}: `--coding standardize` would divide by 0"
        )
    return Standardizer(mean, deviation)


def moments(pixels: np.ndarray) -> tuple[float, float]:
    """Mean and standard deviation of all pixels, bytes from 0 to 1."""
    white, size = _white(pixels), max(pixels.size, 1)
    mean = sum(float(pixels[rows].sum(dtype=np.float64)) for rows in _blocks(len(pixels))) / size
    if pixels.size and pixels.min() == pixels.max():
        return float(pixels.flat[0]) / white, 0.0
    squares = (np.square(pixels[rows].astype(np.float64) - mean).sum() for rows in _blocks(len(pixels)))
    return mean / white, float(np.sqrt(sum(map(float, squares)) / size)) / white


def doubts(finite: FiniteSet, coding: tuple[float, float]) -> tuple[str, ...]:
    """What looks as if training on `finite` could not be what is meant, a line each.

    `coding` is what its black and white become; standardized data is coded from 0 to 1, as it is.
    """
    said = []
    if len(finite.labels) == 1:
        said.append(f"one class, `{finite.labels[0]}`: every prediction is right")
    pixels = finite.train.pixels
    low, high = float(pixels.min()), float(pixels.max())
    if low == high:
        said.append(f"all training pixels are {low:g}: nothing can be learned from them")
        return tuple(said)
    some = pixels[:: max(1, len(pixels) // SAMPLE)].astype(np.float64)
    slope = (coding[1] - coding[0]) / _white(pixels)
    size = float(np.sqrt(np.mean(np.square(some * slope + coding[0]))))
    if size > FAR:
        said.append(
            f"inputs are far outside the usual range: {low * slope + coding[0]:g} to "
            f"{high * slope + coding[0]:g}, root mean square {size:.3g}; "
            "`--coding standardize` takes out their mean and deviation"
        )
    if high - low < NARROW * _white(pixels):
        # What 1 was meant to be is not told by a byte: `True` is white.
        two = "; where 1 is white, store truth values (`x > 0`)" if (low, high) == (0, 1) else ""
        said.append(
            f"inputs hardly differ: training pixels are {low:g} to {high:g}, where black is 0 and white "
            f"{_white(pixels)}, so inputs {low * slope + coding[0]:.4g} to {high * slope + coding[0]:.4g}; "
            f"`--coding standardize` takes out their mean and deviation{two}"
        )
    return tuple(said)


def _white(pixels: np.ndarray) -> int:
    return 255 if pixels.dtype == np.uint8 else 1


def _blocks(count: int) -> Iterator[slice]:
    return (slice(first, first + ROWS) for first in range(0, count, ROWS))
