"""Defines the style of all figures: sizes, fonts, colours and marks that can be read in grey print, too."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import matplotlib
import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import ArrayLike

from xavier_cli.vocabulary.grammar import in_thousands

# In inches: one column and two columns of a page.
SINGLE = 3.4
DOUBLE = 6.9

SMALL = 7.0
DPI = 200
GREY = "0.4"
# The ids in SVG of what belongs to a line begin with it, so that a page's script finds them.
SERIES = "series-"
# Dashes of reference levels; lines over updates are dotted or solid.
LEVEL_DASHES = (0, (6, 3))

# The colours of Okabe and Ito without yellow, which is too light for a line, ordered so that neighbours
# differ in lightness as well as in hue.
COLOURS = ("#0072B2", "#E69F00", "#000000", "#56B4E9", "#D55E00", "#009E73", "#CC79A7")
Dashes = Literal["-", "none"] | tuple[float, Sequence[float]]
DASHES: tuple[Dashes, ...] = ("-", (0, (5, 1.6)), (0, (1.2, 1.2)), (0, (6, 1.5, 1.2, 1.5)))
Part = Literal["line", "band", "label", "key"]
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")

_RC: dict[Any, Any] = {
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.labelsize": 8,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "legend.handlelength": 2.2,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.6,
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": "0.9",
    "grid.linewidth": 0.5,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "lines.linewidth": 1.1,
    "lines.markersize": 4.0,
    "lines.markeredgewidth": 0.35,
    "savefig.dpi": DPI,
    # Keep text as text in a PDF, and make equal figures equal files.
    "pdf.fonttype": 42,
    "svg.hashsalt": "xavier",
}


@contextmanager
def look() -> Iterator[None]:
    """Apply the style, whatever the user's matplotlibrc says, while a figure is made and saved."""
    # Leave the backend alone: a bare `Figure` needs none.
    plain: dict[Any, Any] = {
        key: value for key, value in matplotlib.rcParamsDefault.items() if key != "backend"
    }
    with matplotlib.rc_context({**plain, **_RC}), warnings.catch_warnings():
        # Warnings about the layout of degenerate numbers tell no more than the figure does.
        warnings.simplefilter("ignore", UserWarning)
        yield


@dataclass(frozen=True)
class Style:
    """The colour, dashes and marker of one line; `series` is its number in ids, None for none."""

    color: str
    marker: str
    linestyle: Dashes = "-"
    series: int | None = None

    def part_id(self, part: Part) -> str | None:
        """The id in SVG of a part of this line: `series-3-line`, `-band`, `-key` or `-label`."""
        return None if self.series is None else f"{SERIES}{self.series}-{part}"

    @property
    def size(self) -> float:
        """The size of the marker in points; those with thin arms are larger, to look equally heavy."""
        return {"P": 5.2, "X": 5.2, "*": 6.4}.get(self.marker, 4.0)


def layer_styles(count: int) -> list[Style]:
    """Styles of `count` layers from the input up: from dark to light, with different marks for neighbours.

    Viridis rises steadily in lightness for all kinds of colour vision; its light end is cut off, since it
    would not show on white.
    """
    shades = np.linspace(0.0, 0.8, count) if count > 1 else [0.25]
    colour = colormaps["viridis"]
    return [Style(to_hex(colour(float(shade))), MARKERS[i % len(MARKERS)]) for i, shade in enumerate(shades)]


def configuration_styles(count: int) -> list[Style]:
    """Styles of `count` configurations, which have no order: hue, dashes and marker all differ."""
    return [
        Style(COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)], DASHES[i % len(DASHES)], i)
        for i in range(count)
    ]


def updates_axis(ax: Axes, last: int, log_from: int | None = None) -> None:
    """Make x an axis in updates, from 0 to `last`; logarithmic from `log_from` on, if given."""
    margin = 0.02 * max(last, 1)
    if log_from is None:
        ax.set_xlim(-margin, max(last, 1) + margin)
        ax.xaxis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10], integer=True))
    else:
        # Only a symmetric logarithm can show update 0, which is a record, too.
        ax.set_xscale("symlog", linthresh=log_from, linscale=0.3)
        ax.set_xlim(-0.05 * log_from, last * 1.1)
        ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda number, _: in_thousands(number)))
    ax.set_xlabel("updates")


def second_axis(ax: Axes, factor: float, label: str) -> None:
    """Show x times `factor` above `ax`."""

    def there(x: ArrayLike) -> ArrayLike:
        return np.asarray(x, float) * factor

    def back(x: ArrayLike) -> ArrayLike:
        return np.asarray(x, float) / factor

    above = ax.secondary_xaxis("top", functions=(there, back))
    above.xaxis.set_major_formatter(FuncFormatter(lambda number, _: in_thousands(number)))
    above.set_xlabel(label, fontsize=SMALL)
    above.spines["top"].set_visible(True)


def layers_axis(ax: Axes, layers: np.ndarray) -> None:
    """Make x an axis over `layers`, `(L,)`, with whole numbers, at most about ten."""
    step = math.ceil(len(layers) / 10)
    ax.xaxis.set_major_locator(FixedLocator([float(layer) for layer in layers[::step]]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:g}"))
    ax.set_xlim(float(layers[0]) - 0.3, float(layers[-1]) + 0.3)
    ax.set_xlabel("layer")
