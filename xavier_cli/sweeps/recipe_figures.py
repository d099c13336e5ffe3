"""Draws the figures of a recipe from the results of its cells."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from xavier_cli.data.sets import DataDamagedError, DataMissingError
from xavier_cli.figures.canvas import Drawing
from xavier_cli.figures.catalogue import KINDS
from xavier_cli.figures.draw import draw, draw_one, refuse_unknown, write_figure
from xavier_cli.figures.request import PlotRequest, Reading, UnsuitableRunError
from xavier_cli.figures.samples import Samples
from xavier_cli.runs.isolate import Isolation
from xavier_cli.runs.record import Run
from xavier_cli.runs.result import Result
from xavier_cli.runs.surface import Surface
from xavier_cli.sanitize import clean
from xavier_cli.sweeps.recipe import Recipe
from xavier_cli.sweeps.recipe_shows import Figure
from xavier_cli.vocabulary import lookup

GetSamples = Callable[[str | None, int | None], Samples]
"""A function that returns images of a data set for a seed."""
R = TypeVar("R", Run, Surface)


def draw_figures(
    recipe: Recipe,
    runs: Sequence[Run],
    results: Sequence[Result],
    folder: Path,
    samples: GetSamples,
    isolation: Isolation,
    note: Callable[[str], None],
) -> tuple[list[Path], list[str]]:
    """Draw the recipe's figures into `folder`; returns their paths, and a line about each missing one.

    `note` is called with what a figure leaves out.
    """
    paths, missing = [], []
    surfaces = [each for each in results if isinstance(each, Surface)]
    for figure in recipe.figures:
        path = figure_path(folder, figure)
        try:
            drawing = _drawing(figure, runs, surfaces, samples, isolation)
        except (UnsuitableRunError, DataMissingError, DataDamagedError) as error:
            missing.append(f"no {figure.stem}: {clean(str(error))}")
            continue
        write_figure(path, drawing.figure)
        paths.append(path)
        for line in drawing.notes:
            note(f"{figure.stem}: {clean(line)}")
    return paths, missing


def figure_path(folder: Path, figure: Figure) -> Path:
    """The path of a figure in `folder`."""
    return folder / f"{figure.stem}.png"


def _drawing(
    figure: Figure,
    runs: Sequence[Run],
    surfaces: Sequence[Surface],
    samples: GetSamples,
    isolation: Isolation,
) -> Drawing:
    kind = lookup.find("kind of figure", figure.kind, KINDS)
    readings = tuple(Reading(curve.row, curve.updates, curve.values) for curve in figure.paper)
    chosen = PlotRequest(
        figure.layers, None, figure.record, figure.tensor, figure.together, readings=readings
    )
    if kind.draws == "runs":
        drawing = isolation.part(_wanted(runs, figure), lambda runs: draw(kind, runs, chosen))
        if drawing is None:
            raise UnsuitableRunError("none of the runs has the data for it")
        return drawing
    refuse_unknown(kind, chosen)
    if kind.draws == "samples":
        return draw_one(kind, samples(figure.data, figure.seed))
    return draw_one(kind, _wanted(surfaces, figure)[0])


def _wanted(made: Sequence[R], figure: Figure) -> list[R]:
    """Those of `made` that the figure selects; raises `UnsuitableRunError` if there are none."""
    wanted = [
        each
        for each in made
        if all(_is_one_of(getattr(each.config, name, None), value) for name, value in figure.where.items())
        and figure.trained in (None, getattr(each.config, "updates", 0) > 0)
    ]
    if not wanted:
        raise UnsuitableRunError("no finished cell belongs to it")
    return wanted


def _is_one_of(value: object, wanted: object) -> bool:
    """Whether a setting has the value that is `wanted`, or one of a list of them."""
    return value in wanted if isinstance(wanted, list) else value == wanted
