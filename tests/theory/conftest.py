"""Images to send through random nets."""

from __future__ import annotations

import numpy as np
import pytest


@pytest.fixture(scope="session")
def images() -> np.ndarray:
    """60 images of 1024 pixels in [-1, 1] as Shapeset's are: an object on a background, each of one grey."""
    rng = np.random.default_rng(0)
    images = np.empty((60, 1024))
    for image in images:
        greys = rng.permutation([rng.uniform(-1, -0.1), rng.uniform(0.1, 1)])
        start, size = rng.integers(0, 800), rng.integers(40, 220)
        image[:] = greys[0]
        image[start : start + size] = greys[1]
    return images
