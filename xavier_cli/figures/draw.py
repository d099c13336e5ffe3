"""Draws any kind of figure and writes it: what everybody outside this room calls."""

from __future__ import annotations

import importlib
import io
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from xavier_cli.figures.kinds import Kind
from xavier_cli.figures.labels import in_order
from xavier_cli.figures.look import look
from xavier_cli.figures.page import Drawing
from xavier_cli.figures.selection import Selection, UnsuitableRunError
from xavier_cli.runs.publish import publish
from xavier_cli.runs.record import Run

# Equal figures are equal files: no time of making in them.
_METADATA = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}, ".png": {}}


def draw(kind: Kind, runs: Sequence[Run], chosen: Selection | None = None) -> Drawing:
    """The figure of `kind` from merged `runs`, in the order of their configurations.

    Raises `UnsuitableRunError` where none of the runs has what was asked for.
    """
    chosen = chosen or Selection()
    _refuse_unknown(kind, chosen)
    room, _, name = kind.function.partition(":")
    make: Callable[[Sequence[Run], Selection], Drawing] = getattr(importlib.import_module(room), name)
    with look():
        return make(in_order(runs), chosen)


def write_figure(path: str | os.PathLike[str], figure: Figure) -> None:
    """Publish `figure` at `path`, whole or not at all, as its ending says: `.png`, `.pdf` or `.svg`.

    Raises `StorageError` where it cannot be written.
    """
    path = Path(path)
    ending = path.suffix.lower()
    content = io.BytesIO()
    with look():
        figure.savefig(content, format=ending[1:], metadata=_METADATA[ending])
    publish(path, content.getvalue(), verify=lambda temporary: None)


def _refuse_unknown(kind: Kind, chosen: Selection) -> None:
    for option in ("layers", "seeds", "record", "tensor", "together"):
        if getattr(chosen, option) not in (None, False) and option not in kind.options:
            takes = ", ".join(f"`--{name}`" for name in kind.options)
            raise UnsuitableRunError(f"`{kind.name}` does not take `--{option}`; it takes {takes}")
