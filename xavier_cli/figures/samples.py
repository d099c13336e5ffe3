"""Sample images of a data set: Figure 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from xavier_cli.figures.look import SMALL
from xavier_cli.figures.page import Drawing, finish, make_page
from xavier_cli.names import DATA_SETS

ROWS = 4
# Pixels of white between two images.
GAP = 2
WHITE = 255


@dataclass(frozen=True)
class Samples:
    """Training images of one seed, in their own order.

    `pixels` has shape `(n, inputs)`, bytes from black to white; `labels` has shape `(n,)`. `source` says
    where they come from.
    """

    data: str
    pixels: np.ndarray
    labels: np.ndarray
    source: str


def samples_figure(samples: Samples) -> Drawing:
    """The first images of every class, a column per class; a class without enough leaves its cells white."""
    words = DATA_SETS[samples.data]
    page = make_page([""], wide=True, height=_height(len(words.labels), words.shape))
    plot_samples(page.axes[0], samples)
    missing = [name for label, name in enumerate(words.labels) if not np.any(samples.labels == label)]
    notes = [f"skipped: no sample of {', '.join(missing)} among {len(samples.labels)}"] if missing else []
    height, width = words.shape
    caption = (
        f"Samples of {samples.data}, {height}×{width} pixels, the first {ROWS} of each class"
        f" in {samples.source}."
    )
    return Drawing(finish(page, [], [], caption), notes)


def plot_samples(ax: Axes, samples: Samples) -> Axes:
    """Draw the images as one, with the class's name above each column."""
    words = DATA_SETS[samples.data]
    picture = montage(samples)
    # Nearest, so that hard edges stay hard.
    ax.imshow(picture, cmap="gray", vmin=0, vmax=WHITE, interpolation="nearest")
    step = words.shape[1] + GAP
    for label, name in enumerate(words.labels):
        ax.text(label * step + words.shape[1] / 2 - 0.5, -3, name, ha="center", fontsize=SMALL)
    ax.set_axis_off()
    return ax


def montage(samples: Samples) -> np.ndarray:
    """The first `ROWS` images of each class as one image of bytes, a column per class, white between."""
    words = DATA_SETS[samples.data]
    height, width = words.shape
    classes = len(words.labels)
    picture = np.full((ROWS * (height + GAP) - GAP, classes * (width + GAP) - GAP), WHITE, np.uint8)
    for label in range(classes):
        chosen = samples.pixels[samples.labels == label][:ROWS].reshape(-1, height, width)
        for row, image in enumerate(chosen):
            top, left = row * (height + GAP), label * (width + GAP)
            picture[top : top + height, left : left + width] = image
    return picture


def _height(columns: int, shape: tuple[int, int]) -> float:
    return 6.7 * ROWS * (shape[0] + GAP) / (columns * (shape[1] + GAP)) + 0.3
