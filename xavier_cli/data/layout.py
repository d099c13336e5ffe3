"""Lays an example's pixels out as images, as networks other than perceptrons take them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

Channels = Literal["last", "first"]


def example_shape(shape: Sequence[int], inputs: int, channels: Channels) -> tuple[int, ...]:
    """The shape of one example: `(32, 32, 3)`, grey `(28, 28, 1)`, or `(784,)` where the set has no shape.

    **Arguments:** `shape`, that of the data set: `(height, width)`, or `(3, height, width)` for planes of
    colours; `inputs`, how many numbers an example has; `channels`, where the axis of channels stands.
    """
    planes = (1, *shape) if len(shape) == 2 else tuple(shape)
    # A row of numbers that is no image is one of height 1.
    if len(planes) != 3 or planes[1] == 1 or math.prod(planes) != inputs:
        return (inputs,)
    return planes if channels == "first" else (*planes[1:], planes[0])


def as_examples(x: np.ndarray, shape: Sequence[int], channels: Channels) -> np.ndarray:
    """`x`, `(examples, inputs)`, with each example in its `example_shape`."""
    count, inputs = x.shape
    first = example_shape(shape, inputs, "first")
    images = x.reshape(count, *first)
    return images if channels == "first" or len(first) == 1 else np.moveaxis(images, 1, -1)
