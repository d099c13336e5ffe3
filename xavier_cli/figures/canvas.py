"""Lays out a figure: panels of column width, a legend above them, a caption below."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from xavier_cli.figures.page_options import DOUBLE, SINGLE, PageOptions
from xavier_cli.figures.request import UnsuitableRunError
from xavier_cli.figures.style import DPI, SMALL
from xavier_cli.figures.typesetting import (
    MARGIN,
    caption_height,
    font_size,
    shortened,
    text_width,
    unbroken,
    wrapped,
)
from xavier_cli.sanitize import clean

T = TypeVar("T")

# At 8 bits and 4 channels 400 MB.
MOST_PIXELS = 100_000_000
MAX_PANELS = 36
TITLE_LINES = 2
TITLE = 9.0
# In inches: the narrowest panel that has a neighbour, and the lowest one, both with their labels.
NARROWEST_PANEL, FLATTEST = 1.55, 0.8
# Axes narrower than this have fewer numbers.
NARROW = 1.3


@dataclass(frozen=True)
class Drawing:
    """A finished figure, notes on runs that it leaves out, its caption, and hints how to see more."""

    figure: Figure
    notes: list[str]
    caption: str
    hints: tuple[str, ...] = ()

    def hinting(self, hints: Sequence[str]) -> Drawing:
        """The same with more `hints`."""
        return replace(self, hints=(*self.hints, *hints))


@dataclass(frozen=True)
class Canvas:
    """A figure and its panels, row by row; all sizes in inches."""

    figure: Figure
    axes: list[Axes]
    columns: int
    panel_height: float
    asked: PageOptions = field(default_factory=PageOptions)

    @property
    def width(self) -> float:
        """The width of the page, in inches."""
        return float(self.figure.get_figwidth())

    @property
    def rows(self) -> int:
        """The number of rows of panels."""
        return -(-len(self.axes) // self.columns)


def make_page(
    titles: Sequence[str],
    asked: PageOptions,
    *,
    wide: bool = False,
    height: float | None = None,
    columns: int | None = None,
) -> Canvas:
    """An empty page with a panel per title: one column wide for a single panel, else two.

    `wide` makes a single panel two columns wide; `height` is that of a panel, in inches; `columns` is how
    many panels stand side by side, or half as many where those would be too narrow. What is `asked` goes
    first.
    """
    count = len(titles)
    if count > MAX_PANELS:
        raise UnsuitableRunError(
            f"{count} panels are too many for one figure (at most {MAX_PANELS}): name fewer runs, or choose "
            "some by their settings, like `--where act=tanh` (`xavier ls` lists them)"
        )
    width = asked.width or (SINGLE if count == 1 and not wide else DOUBLE)
    most = max(1, int(width / NARROWEST_PANEL))
    if columns is None:
        columns = min(count if count <= 3 else 2 if count == 4 else 3, most)
    elif columns > most:
        columns = min(columns // 2, most)
    rows = -(-count // columns)
    panel_height = height or (2.3 if count == 1 else 2.1 if columns == 2 else 1.75)
    if asked.height:
        # The legend and the caption have their place, too, once they are known.
        panel_height = max(asked.height - 0.8, 0.5) / rows
    dpi = asked.dpi or DPI
    if width * (asked.height or rows * panel_height) * dpi**2 > MOST_PIXELS:
        raise UnsuitableRunError(
            f"--size, --dpi: over {MOST_PIXELS / 1e6:g} million pixels: a smaller size or fewer dots per inch"
        )
    figure = Figure(figsize=(width, asked.height or 4), dpi=dpi)
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(rows, columns)
    axes = [figure.add_subplot(grid[divmod(i, columns)]) for i in range(count)]
    page = Canvas(figure, axes, columns, panel_height, asked)
    size = font_size("axes.titlesize")
    room = width / columns - 0.5
    texts = [shortened(figure, unbroken(title), room, size, TITLE_LINES) for title in titles]
    lines = max(text.count("\n") for text in texts)
    for ax, text in zip(axes, texts, strict=True):
        # All titles have as many lines, so that they begin at one height. A `$` in the name of a file or data
        # set would begin a formula.
        ax.set_title(text + "\n" * (lines - text.count("\n")), loc="left", parse_math=False)
    return page


def finish(
    page: Canvas, handles: Sequence[Artist], names: Sequence[str], caption: str, notes: Sequence[str] = ()
) -> Drawing:
    """Add the legend above and the caption below, and make the page high enough for them."""
    caption = clean(caption)
    text = wrapped(page.figure, unbroken(caption), page.width - 2 * MARGIN, SMALL)
    asked, figure = page.asked, page.figure
    below = caption_height(text) if asked.has_caption else MARGIN
    size = font_size("legend.fontsize")
    line = 1.3 * size / 72
    names = [
        shortened(page.figure, clean(name), page.width - 2 * MARGIN - 4 * size / 72, size, 1)
        for name in names
    ]
    columns = _legend_columns(page, names, size)
    title = shortened(page.figure, clean(asked.title), page.width - 2 * MARGIN, TITLE, TITLE_LINES)
    headed = (title.count("\n") + 1) * 1.3 * TITLE / 72 + MARGIN if title else 0.0
    above = headed + (-(-len(handles) // columns) * line * 1.12 + 2 * MARGIN if handles else 0.0)
    height = above + below + page.rows * page.panel_height
    if asked.height:
        height = asked.height
        _refuse_flat(page, height - above - below)
    figure.set_figheight(height)
    if title:
        figure.text(
            MARGIN / page.width,
            1 - MARGIN / height,
            title,
            fontsize=TITLE,
            va="top",
            linespacing=1.2,
            parse_math=False,
            gid="title",
        )
    panels = (0, below / height, 1, 1 - (above + below) / height)
    # Lay out once here: the layout at saving would draw everything a second time.
    ConstrainedLayoutEngine(rect=panels, w_pad=MARGIN, h_pad=MARGIN).execute(figure)
    for ax in page.axes:
        thin_ticks(ax, ax.get_position().width * page.width)
    if handles:
        legend = figure.legend(
            _by_rows(handles, columns),
            _by_rows(names, columns),
            loc="upper left",
            bbox_to_anchor=(MARGIN / page.width, 1 - (headed + MARGIN) / height),
            ncols=columns,
            borderpad=0,
            borderaxespad=0,
            labelspacing=0.25,
            columnspacing=1.3,
            handletextpad=0.5,
        )
        for name, drawn, handle in zip(
            legend.get_texts(), legend.legend_handles, _by_rows(handles, columns), strict=True
        ):
            name.set_parse_math(False)
            if drawn is not None and (gid := handle.get_gid()):
                # The legend draws copies of the handles.
                drawn.set_gid(gid)
                name.set_gid(gid.replace("-key", "-label"))
    if not asked.has_caption:
        return Drawing(figure, list(notes), caption, _out_of_view(page))
    # Break the lines here, so that no renderer wraps them again; the line spacing is that assumed above.
    figure.text(
        MARGIN / page.width,
        MARGIN / height,
        text,
        fontsize=SMALL,
        va="bottom",
        linespacing=1.2,
        parse_math=False,
        gid="caption",
    )
    return Drawing(figure, list(notes), caption, _out_of_view(page))


def thin_ticks(ax: Axes, inches: float) -> None:
    """Leave out numbers along x where the axis, `inches` wide, is too narrow for them."""
    locator = ax.xaxis.get_major_locator()
    if isinstance(locator, MaxNLocator):
        if inches < NARROW:
            locator.set_params(nbins=max(2, int(2.5 * inches)))
        return
    # Numbers of a logarithmic axis have no spacing to choose: those that would touch the one before are left
    # out, and their ticks stay.
    written, end = ax.xaxis.get_major_formatter(), -math.inf
    hidden: set[float] = set()
    for place, tick in zip(ax.xaxis.get_majorticklocs(), ax.xaxis.get_major_ticks(), strict=True):
        box = tick.label1.get_window_extent()
        if not tick.label1.get_text() or not ax.viewLim.intervalx[0] <= place <= ax.viewLim.intervalx[1]:
            continue
        if box.x0 < end + 0.3 * box.height:
            hidden.add(float(place))
        else:
            end = box.x1
    if hidden:
        ax.xaxis.set_major_formatter(
            FuncFormatter(lambda number, at: "" if number in hidden else written(number, at))
        )


def _out_of_view(page: Canvas) -> tuple[str, ...]:
    """A hint where `--ylim` leaves panels without any of their lines; empty elsewhere."""
    if page.asked.y_limits is None:
        return ()
    ranges: dict[str, tuple[float, float]] = {}
    empty, label = 0, ""
    for ax in page.axes:
        # Panels beside another one with the same axis have no label of their own.
        label = ax.get_ylabel() or label
        low, high = ax.get_ylim()
        # Reference levels lie on other coordinates.
        drawn = [np.asarray(line.get_ydata(), float) for line in ax.get_lines() if _is_of_data(line)]
        ends = [(np.nanmin(each), np.nanmax(each)) for each in drawn if np.isfinite(each).any()]
        if ends and all(top < low or bottom > high for bottom, top in ends):
            empty += 1
            bottoms, tops = zip(*ends, *([ranges[label]] if label in ranges else []), strict=True)
            ranges[label] = min(bottoms), max(tops)
    if not empty:
        return ()
    where = "" if empty == len(page.axes) else f" in {empty} of {len(page.axes)} panels"
    units = "; y is in percent" if all("%" in each for each in ranges) else ""
    there = ", ".join(f"{low:.3g} to {high:.3g} ({each})" for each, (low, high) in ranges.items())
    return (f"--ylim shows no data{where}: they go from {there}{units}",)


def _is_of_data(line: Line2D) -> bool:
    return line.axes is not None and line.get_transform() == line.axes.transData


def _refuse_flat(page: Canvas, left: float) -> None:
    if left < FLATTEST * page.rows:
        least = page.asked.height + FLATTEST * page.rows - left if page.asked.height else 0.0
        rows = "1 row" if page.rows == 1 else f"{page.rows} rows"
        raise UnsuitableRunError(
            f"--size: {page.asked.height:g} inches are too low for {rows} of panels with their legend and "
            f"caption: at least {math.ceil(10 * least) / 10:g}, or leave the height out"
        )


def _legend_columns(page: Canvas, names: Sequence[str], size: float) -> int:
    if not names:
        return 1
    # Handle, gaps and text, in ems of the font.
    widest = max(text_width(page.figure, name, size) for name in names) + (2.2 + 0.5 + 1.3) * size / 72
    fitting = max(1, int((page.width - MARGIN) / widest))
    rows = -(-len(names) // fitting)
    return -(-len(names) // rows)


def _by_rows(items: Sequence[T], columns: int) -> list[T]:
    # Legends are filled by columns, but read by rows.
    return [item for first in range(columns) for item in items[first::columns]]
