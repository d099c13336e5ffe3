"""Lays out a figure: panels of column width, a legend above them, a caption below."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.layout_engine import ConstrainedLayoutEngine

from xavier_cli.figures.request import UnsuitableRunError
from xavier_cli.figures.style import DOUBLE, DPI, SINGLE, SMALL
from xavier_cli.sanitize import clean

T = TypeVar("T")

MAX_PANELS = 36
_NO_BREAK = "\u00a0"
# A non-breaking space: beside a sign, or between a word and its number.
_UNBROKEN = re.compile(
    r"(?<=[=<>±]) | (?=[=<>%])|(?<=\b(?:lr|of)) (?=\d)|(?<=depth|width|batch|layer) (?=\d)"
)
MARGIN = 0.06
LINE = 1.3 * SMALL / 72


@dataclass(frozen=True)
class Drawing:
    """A finished figure, notes on runs that it leaves out, and its caption."""

    figure: Figure
    notes: list[str]
    caption: str


@dataclass(frozen=True)
class Canvas:
    """A figure and its panels, row by row; all sizes in inches."""

    figure: Figure
    axes: list[Axes]
    columns: int
    panel_height: float

    @property
    def width(self) -> float:
        """The width of the page, in inches."""
        return float(self.figure.get_figwidth())

    @property
    def rows(self) -> int:
        """The number of rows of panels."""
        return -(-len(self.axes) // self.columns)


def make_page(titles: Sequence[str], *, wide: bool = False, height: float | None = None) -> Canvas:
    """An empty page with a panel per title: one column wide for a single panel, else two.

    `wide` makes a single panel two columns wide; `height` is that of a panel, in inches.
    """
    count = len(titles)
    if count > MAX_PANELS:
        raise UnsuitableRunError(f"{count} panels are too many for one figure (at most {MAX_PANELS})")
    columns = count if count <= 3 else 2 if count == 4 else 3
    width = SINGLE if count == 1 and not wide else DOUBLE
    panel_height = height or (2.3 if count == 1 else 2.1 if columns == 2 else 1.75)
    figure = Figure(figsize=(width, 4), dpi=DPI)
    FigureCanvasAgg(figure)
    grid = figure.add_gridspec(-(-count // columns), columns)
    axes = [figure.add_subplot(grid[divmod(i, columns)]) for i in range(count)]
    page = Canvas(figure, axes, columns, panel_height)
    for ax, title in zip(axes, titles, strict=True):
        text = wrapped(page, clean(title), width / columns - 0.45, 8.0)
        # A `$` in the name of a file or data set would begin a formula.
        ax.set_title(text, loc="left", parse_math=False)
    return page


def outer_labels(page: Canvas, *, share_y: bool, share_x: bool = True) -> None:
    """Label only the outer panels along axes that are shared; a shared y axis also has one range."""
    last = len(page.axes) - page.columns
    for i, ax in enumerate(page.axes):
        if i < last:
            ax.set_xlabel("")
            if share_x:
                ax.tick_params(labelbottom=False)
    if not share_y:
        return
    for i, ax in enumerate(page.axes):
        # A panel with another kind of scale keeps its own range.
        ends = [other.get_ylim() for other in page.axes if other.get_yscale() == ax.get_yscale()]
        ax.set_ylim(min(low for low, _ in ends), max(high for _, high in ends))
        if i % page.columns and len(ends) == len(page.axes):
            ax.set_ylabel("")
            ax.tick_params(labelleft=False)


def finish(
    page: Canvas, handles: Sequence[Artist], names: Sequence[str], caption: str, notes: Sequence[str] = ()
) -> Drawing:
    """Add the legend above and the caption below, and make the page high enough for them."""
    caption = clean(caption)
    text = wrapped(page, _UNBROKEN.sub(_NO_BREAK, caption), page.width - 2 * MARGIN, SMALL)
    below = caption_height(text)
    above = 0.0
    columns = _legend_columns(page, names)
    if handles:
        above = -(-len(handles) // columns) * LINE * 1.12 + 2 * MARGIN
    height = above + below + page.rows * page.panel_height
    figure = page.figure
    figure.set_figheight(height)
    panels = (0, below / height, 1, 1 - (above + below) / height)
    # Lay out once here: the layout at saving would draw everything a second time.
    ConstrainedLayoutEngine(rect=panels, w_pad=MARGIN, h_pad=MARGIN).execute(figure)
    if handles:
        legend = figure.legend(
            _by_rows(handles, columns),
            _by_rows(names, columns),
            loc="upper left",
            bbox_to_anchor=(MARGIN / page.width, 1 - MARGIN / height),
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
    # Break the lines here, so that no renderer wraps them again; the line spacing is that assumed above.
    figure.text(
        MARGIN / page.width,
        MARGIN / height,
        text,
        fontsize=SMALL,
        color="0.2",
        va="bottom",
        linespacing=1.2,
        parse_math=False,
        gid="caption",
    )
    return Drawing(figure, list(notes), caption)


def caption_height(text: str) -> float:
    """The height of a caption, in inches."""
    return (text.count("\n") + 1) * LINE + 2 * MARGIN


def wrapped(page: Canvas, text: str, inches: float, size: float) -> str:
    """`text` broken at spaces into lines of at most `inches` at `size` points."""
    lines: list[str] = []
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(page, longer, size) <= inches:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines)


def text_width(page: Canvas, text: str, size: float) -> float:
    """Width of one line of `text` at `size` points, in inches."""
    canvas = page.figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]
    width, _, _ = renderer.get_text_width_height_descent(text, FontProperties(size=size), False)
    return float(width) / page.figure.dpi


def _legend_columns(page: Canvas, names: Sequence[str]) -> int:
    if not names:
        return 1
    # Handle, gaps and text, in ems of the small font.
    widest = max(text_width(page, name, SMALL) for name in names) + (2.2 + 0.5 + 1.3) * SMALL / 72
    fitting = max(1, int((page.width - MARGIN) / widest))
    rows = -(-len(names) // fitting)
    return -(-len(names) // rows)


def _by_rows(items: Sequence[T], columns: int) -> list[T]:
    # Legends are filled by columns, but read by rows.
    return [item for first in range(columns) for item in items[first::columns]]
