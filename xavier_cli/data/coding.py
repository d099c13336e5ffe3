"""Codes pixels as a network's inputs, from the number of a black one to that of a white one."""

from __future__ import annotations

from typing import Any

import numpy as np


def decode(pixels: Any, coding: tuple[float, float]) -> Any:
    """`pixels`, bytes 0..255 or floats 0..1, as float32 from `coding[0]` (black) to `coding[1]` (white).

    An array of NumPy's or of JAX's, and so is the answer.
    """
    low, high = coding
    white = 255 if pixels.dtype == np.uint8 else 1
    return pixels.astype(np.float32) * ((high - low) / white) + low
