"""Defines the style of all figures: sizes, fonts, colours and marks that can be read in grey print, too."""

from __future__ import annotations

import math
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import matplotlib
import numpy as np
from cycler import cycler
from matplotlib import colormaps, rcParams
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from xavier_cli.figures.user_style import user_style
from xavier_cli.vocabulary.grammar import in_thousands

SMALL = 7.0
DPI = 200
# How much of the colour of text is in reference levels, leaders, and lines in the background.
LEVEL, LEADER, FADED = 0.6, 0.4, 0.22
# The ids in SVG of what belongs to a line begin with it, so that a page's script finds them.
SERIES = "series-"
# With more layers than this an axis has round numbers, which need not be layers that are drawn.
MANY_LAYERS = 20
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
    "savefig.dpi": "figure",
    "axes.prop_cycle": cycler(color=COLOURS),
    # Keep text as text in a PDF, and make equal figures equal files.
    "pdf.fonttype": 42,
    "svg.hashsalt": "xavier",
}


@contextmanager
def look(style: str = "") -> Iterator[None]:
    """Apply the style, whatever the user's matplotlibrc says, while a figure is made and saved.

    `style` is over it: the name of one of matplotlib's styles, or a file of its settings. Raises
    `UnsuitableRunError` for one that is not there or holds something else.
    """
    # Leave the backend alone: a bare `Figure` needs none.
    plain: dict[Any, Any] = {
        key: value for key, value in matplotlib.rcParamsDefault.items() if key != "backend"
    }
    own = user_style(style) if style else {}
    with matplotlib.rc_context({**plain, **_RC, **own}), warnings.catch_warnings():
        # Warnings about the layout of degenerate numbers tell no more than the figure does.
        warnings.simplefilter("ignore", UserWarning)
        if own and "axes.grid" not in own:
            # Styles that draw no grid have it in the colour of text, which would be louder than the lines.
            rcParams["grid.color"] = muted(0.1)
        yield


def muted(share: float) -> str:
    """The colour of text, mixed with that behind it: `share` is 1 for text, 0 for what cannot be seen.

    On white `0.6` is a dark grey, on black a light one.
    """
    text, ground = (np.array(to_rgb(rcParams[name])) for name in ("text.color", "axes.facecolor"))
    return to_hex(ground + share * (text - ground))


@dataclass(frozen=True)
class Style:
    """The colour, dashes and marker of one line; `series` is its number in ids, None for none.

    A line that `is_background` to others is thin, and without its interval.
    """

    color: str
    marker: str
    linestyle: Dashes = "-"
    series: int | None = None
    is_background: bool = False

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
    colour = colormaps[rcParams["image.cmap"]]
    return [Style(to_hex(colour(float(shade))), MARKERS[i % len(MARKERS)]) for i, shade in enumerate(shades)]


def configuration_styles(groups: Sequence[str]) -> list[Style]:
    """Styles of lines that have no order: dashes and marker of each differ from its neighbours'.

    Lines of one group, like those of one network at other learning rates, have one colour; where all are of
    one group, so do the colours. The same groups in the same order look the same in every figure.
    """
    colours = rcParams["axes.prop_cycle"].by_key().get("color", COLOURS)
    places = {group: i for i, group in enumerate(dict.fromkeys(groups))}
    return [
        Style(
            to_hex(colours[(places[group] if len(places) > 1 else i) % len(colours)]),
            MARKERS[i % len(MARKERS)],
            DASHES[i % len(DASHES)],
            i,
        )
        for i, group in enumerate(groups)
    ]


def line_styles(groups: Mapping[str, str], kept: Collection[str] | None = None) -> dict[str, Style]:
    """The style of every line by its name; `groups` are the groups of `configuration_styles`, by name.

    They follow from the set of names alone, so that figures that draw the same lines in another order, like
    those of a report, give each the same style. Lines not `kept` are grey background; None keeps all.
    """
    shown = sorted(
        (name for name in groups if kept is None or name in kept), key=lambda name: (groups[name], name)
    )
    own = dict(zip(shown, configuration_styles([groups[name] for name in shown]), strict=True))
    rest = background()
    return {name: replace(own.get(name, rest), series=i) for i, name in enumerate(groups)}


def background() -> Style:
    """The style of a line that is only background to others."""
    return Style(muted(FADED), "none", is_background=True)


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


def layers_axis(ax: Axes, layers: np.ndarray) -> None:
    """Make x an axis over `layers`, `(L,)`, with whole numbers, at most about ten."""
    if len(layers) > MANY_LAYERS:
        ax.xaxis.set_major_locator(MaxNLocator(nbins=8, steps=[1, 2, 5, 10], integer=True))
    else:
        step = math.ceil(len(layers) / 10)
        ax.xaxis.set_major_locator(FixedLocator([float(layer) for layer in layers[::step]]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:g}"))
    ax.set_xlim(float(layers[0]) - 0.3, float(layers[-1]) + 0.3)
    ax.set_xlabel("layer")
