"""Draws sample images of a data set: Figure 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes

from xavier_cli.figures.canvas import Drawing, finish, make_page
from xavier_cli.figures.request import PlotRequest
from xavier_cli.figures.style import SMALL
from xavier_cli.sanitize import clean
from xavier_cli.vocabulary.datasets import DatasetInfo
from xavier_cli.vocabulary.spelling import data_spelling

ROWS = 4
# White pixels between two images.
GAP = 2
WHITE = 255


@dataclass(frozen=True)
class Samples:
    """Training images of one seed, in training order.

    `pixels` has shape `(n, inputs)`, bytes or floats from black to white; `labels` has shape `(n,)`. `source`
    names the data set.
    """

    data: DatasetInfo
    pixels: np.ndarray
    labels: np.ndarray
    source: str


def samples_figure(samples: Samples, chosen: PlotRequest) -> Drawing:
    """The first images of every class, a column per class; cells stay white where a class has too few."""
    words = samples.data
    height, width = words.shape[-2:]
    page = make_page(
        [""],
        chosen.page,
        wide=True,
        height=6.7 * ROWS * (height + GAP) / (len(words.labels) * (width + GAP)) + 0.3,
    )
    plot_samples(page.axes[0], samples)
    missing = [name for label, name in enumerate(words.labels) if not np.any(samples.labels == label)]
    notes = [f"skipped: no sample of {', '.join(missing)} among {len(samples.labels)}"] if missing else []
    caption = (
        f"Samples of {data_spelling(words.name)}, {height}×{width} pixels, the first {ROWS} of each class"
        f" in {samples.source}."
    )
    return finish(page, [], [], caption, notes)


def plot_samples(ax: Axes, samples: Samples) -> Axes:
    """Draw all images as one picture, with the name of the class above each column."""
    picture = montage(samples)
    width = samples.data.shape[-1]
    # Keep hard edges: no interpolation.
    ax.imshow(picture, cmap="gray", vmin=0, vmax=WHITE, interpolation="nearest")
    for label, name in enumerate(samples.data.labels):
        ax.text(
            label * (width + GAP) + width / 2 - 0.5,
            -3,
            clean(name),
            ha="center",
            fontsize=SMALL,
            parse_math=False,
        )
    ax.set_axis_off()
    return ax


def montage(samples: Samples) -> np.ndarray:
    """The first `ROWS` images of each class in one image of bytes, a column per class, separated by white.

    Shape `(rows, columns)`, or `(rows, columns, 3)` where the images have colour.
    """
    *planes, height, width = samples.data.shape
    classes = len(samples.data.labels)
    pixels = samples.pixels
    if pixels.dtype != np.uint8:
        pixels = np.round(WHITE * np.clip(pixels, 0, 1)).astype(np.uint8)
    picture = np.full((*planes, ROWS * (height + GAP) - GAP, classes * (width + GAP) - GAP), WHITE, np.uint8)
    for label in range(classes):
        chosen = pixels[samples.labels == label][:ROWS].reshape(-1, *planes, height, width)
        for row, image in enumerate(chosen):
            top, left = row * (height + GAP), label * (width + GAP)
            picture[..., top : top + height, left : left + width] = image
    return np.moveaxis(picture, 0, -1) if planes else picture
