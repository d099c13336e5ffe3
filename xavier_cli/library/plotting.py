"""Plots runs from a notebook or script, as `xavier plot` does, without pyplot."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from xavier_cli.errors import ConfigError
from xavier_cli.library.run import read_run
from xavier_cli.runs.merge import merge_runs
from xavier_cli.runs.record import Run
from xavier_cli.vocabulary import lookup

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def plot(
    runs: Run | str | os.PathLike[str] | Iterable[Run | str | os.PathLike[str]],
    kind: str = "curves",
    **options: Any,
) -> Figure:
    """A figure of runs, or of run files, as a `matplotlib.figure.Figure`.

        figure = xavier_cli.plot([run, other], "curves")
        figure.savefig("curves.pdf")
        figure.axes[0].set_title("my title")
        xavier_cli.plot(run, "activations", record="last", layers=[1, 5])

    `kind` is one that `xavier plot` draws of runs: `curves`, `saturation`, `activations`, `backprop`,
    `weight-gradients`, `gradients-over-time`, `layers`, `jacobian`, `spectrum`, `edge-of-chaos`. `options`
    are those of `xavier plot` by their names, as typed there or as Python values: `layers` and `seeds`,
    numbers or sequences of them; `record` (`"first"`, `"last"` or a number of updates); `tensor`;
    `together`; `metric` and `facet`; `logx`, `logy` and `ylim` (`"0:50"` or a pair); `size` (`"column"`,
    `"page"`, inches or a pair), `dpi`, `title`, `no_caption` (or `caption=False`) and `style`. Runs that
    differ only in their seeds are merged, with means and 95 % confidence bands over seeds. A notebook shows
    the figure at the end of a cell.

    Warns of runs that lack the data, and of limits that leave none in sight; raises `XavierError` where all
    runs lack them, or of a kind or option that is unknown, and `RunFileError` of a file.
    """
    from xavier_cli.figures.catalogue import KINDS
    from xavier_cli.figures.draw import draw, rendered
    from xavier_cli.figures.request import OPTIONS, PlotRequest

    of_runs = {name: each for name, each in KINDS.items() if each.draws == "runs"}
    spec = lookup.find("kind of figure", kind.replace("_", "-"), of_runs)
    for name in options:
        if name not in OPTIONS:
            message = lookup.unknown_message("option of a figure", name, OPTIONS)
            rest = "" if "known: " in message else f" known: {', '.join(OPTIONS)}"
            raise ConfigError(message + rest)
    chosen = PlotRequest.of(**options)
    merged, notes = merge_runs(as_runs(runs))
    drawing = draw(spec, merged, chosen)
    for note in (*notes, *drawing.notes, *drawing.hints):
        warnings.warn(note, stacklevel=2)
    figure = drawing.figure
    _keep_style(figure, chosen.page.style)
    # A notebook shows a figure that pyplot does not know only if it is told how; matplotlib's own way, if on,
    # comes first.
    figure._repr_png_ = lambda: rendered("figure.png", figure)  # type: ignore[attr-defined]
    return figure


def _keep_style(figure: Figure, named: str) -> None:
    """Give ticks their style for good: matplotlib makes them when it draws, with the style of that moment."""
    import matplotlib

    from xavier_cli.figures.style import look

    with look(named):
        rc: dict[Any, Any] = dict(matplotlib.rcParams)
    for axes in [each for parent in figure.axes for each in (parent, *parent.child_axes)]:
        for name, axis in (("xtick", axes.xaxis), ("ytick", axes.yaxis)):
            style = {"labelsize": rc[f"{name}.labelsize"], "grid_color": rc["grid.color"]}
            style |= {"grid_linewidth": rc["grid.linewidth"]}
            style |= {part: rc[f"{name}.major.{part}"] for part in ("size", "width")}
            # Whatever a figure has set for itself stays.
            axis.set_tick_params(which="major", **{**style, **axis.get_tick_params(which="major")})


def as_runs(
    runs: Run | str | os.PathLike[str] | Iterable[Run | str | os.PathLike[str]],
) -> list[Run]:
    """One run or file, or several, as a list of runs, where files are read."""
    several = [runs] if isinstance(runs, Run | str | os.PathLike) else runs
    return [each if isinstance(each, Run) else read_run(each) for each in several]
