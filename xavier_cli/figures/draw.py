"""Draws any kind of figure, and writes it to a file; the interface of this package."""

from __future__ import annotations

import importlib
import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from xavier_cli.figures.canvas import Drawing
from xavier_cli.figures.catalogue import KINDS, FigureSpec
from xavier_cli.figures.request import PlotRequest, UnsuitableRunError
from xavier_cli.figures.samples import Samples
from xavier_cli.figures.style import look
from xavier_cli.files.publish import publish
from xavier_cli.runs.record import Run
from xavier_cli.runs.surface import Surface

OPTIONS = ("layers", "seeds", "record", "tensor", "together", "metric", "facet")
# No creation time, so that equal figures are equal files.
_METADATA = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}, ".png": {}}


def draw(kind: FigureSpec, runs: Sequence[Run], chosen: PlotRequest | None = None) -> Drawing:
    """Draw the figure `kind` of merged `runs`, in their order.

    Raises `UnsuitableRunError` where none of the runs has the data for it.
    """
    chosen = chosen or PlotRequest()
    refuse_unknown(kind, chosen)
    with look(chosen.page.style):
        return _load(kind.function)(list(runs), chosen)


def draw_one(kind: FigureSpec, shown: Surface | Samples, chosen: PlotRequest | None = None) -> Drawing:
    """Draw a figure of something other than runs: of a surface or samples."""
    chosen = chosen or PlotRequest()
    refuse_unknown(kind, chosen)
    with look(chosen.page.style):
        return _load(kind.function)(shown, chosen)


def draw_text(
    kind: FigureSpec, runs: Sequence[Run], chosen: PlotRequest, width: int, ascii_only: bool
) -> tuple[str, list[str]]:
    """Draw `kind` as lines of text of at most `width` characters; with notes. Errors as for `draw`."""
    refuse_unknown(kind, chosen)
    if not kind.term:
        known = ", ".join(f"`{other.name}`" for other in KINDS.values() if other.term)
        raise UnsuitableRunError(f"`{kind.name}` is not drawn in a terminal; {known} are")
    text: tuple[str, list[str]] = _load(kind.term)(list(runs), chosen, width, ascii_only)
    return text


def _load(function: str) -> Callable[..., Any]:
    room, _, name = function.partition(":")
    made: Callable[..., Any] = getattr(importlib.import_module(room), name)
    return made


def write_figure(path: str | os.PathLike[str], figure: Figure) -> None:
    """Write `figure` to `path` atomically, in the format of its suffix: `.png`, `.pdf` or `.svg`.

    Raises `StorageError` where it cannot be written.
    """
    publish(Path(path), rendered(path, figure))


def rendered(path: str | os.PathLike[str], figure: Figure) -> bytes:
    """The bytes that `write_figure` writes."""
    ending = Path(path).suffix.lower()
    content = io.BytesIO()
    with look():
        figure.savefig(content, format=ending[1:], metadata=_METADATA[ending])
    return content.getvalue()


def refuse_unknown(kind: FigureSpec, chosen: PlotRequest) -> None:
    """Raise `UnsuitableRunError` for an option that `kind` does not take."""
    page = chosen.page
    given = {option: getattr(chosen, option) for option in OPTIONS}
    given |= {"logx": page.log_x, "logy": page.log_y, "ylim": page.y_limits}
    for option, value in given.items():
        if value not in (None, False) and option not in kind.options:
            takes = ", ".join(f"`--{name}`" for name in kind.options) or "none of these"
            raise UnsuitableRunError(f"`{kind.name}` does not take `--{option}`; it takes {takes}")
