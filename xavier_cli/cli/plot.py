"""`xavier plot`: a figure of the paper from runs, and its path on stdout."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from xavier_cli import names
from xavier_cli.cli import inputs
from xavier_cli.cli.errors import ExitCode, say
from xavier_cli.cli.inputs import RunsArgument
from xavier_cli.cli.output import check_output
from xavier_cli.cli.page import clean
from xavier_cli.config import parse_seeds
from xavier_cli.figures.kinds import ENDINGS, KINDS, LANDMARKS


def _kinds(incomplete: str) -> list[tuple[str, str]]:
    return [(kind.name, kind.about) for kind in KINDS.values() if kind.name.startswith(incomplete)]


KindArgument = Annotated[
    str,
    typer.Argument(
        metavar="KIND",
        help="What to draw: " + ", ".join(KINDS) + ".",
        autocompletion=_kinds,
        show_default=False,
    ),
]
FigureOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="Figure to write: .png, .pdf or .svg. Default: figures/KIND.png.",
        show_default=False,
    ),
]
LayersOption = Annotated[
    str | None, typer.Option("--layers", help="Layers to draw, like 1,3,5. Default: all hidden ones.")
]
SeedsOption = Annotated[
    str | None, typer.Option("--seeds", help="Seeds to draw: 5 (a count), 0,3,7 or 0:10. Default: all.")
]
RecordOption = Annotated[
    str | None,
    typer.Option("--record", help="Record to draw: first, last or a number of updates. Default: first."),
]
TensorOption = Annotated[
    str | None,
    typer.Option(
        "--tensor", help="Of gradients-over-time: weight_gradient or backprop. Default: weight_gradient."
    ),
]
TogetherOption = Annotated[
    bool, typer.Option("--together", help="Of histograms: all runs and layers on one axis.")
]


def plot(
    kind: KindArgument,
    runs: RunsArgument = None,
    output: FigureOption = None,
    layers: LayersOption = None,
    seeds: SeedsOption = None,
    record: RecordOption = None,
    tensor: TensorOption = None,
    together: TogetherOption = False,
) -> None:
    """Draw a figure of the paper; its path is all that stdout carries.

    Runs of one configuration are merged. Without RUN: the runs of the newest command in `runs/` (or
    `XAVIER_RUNS_DIR`); for `curves` all runs there.
    """
    asked = names.find("kind of figure", kind, KINDS)
    path = output if output is not None else Path("figures") / f"{asked.name}.png"
    check_output(path)
    if path.suffix.lower() not in ENDINGS:
        raise typer.BadParameter(
            names.unknown("ending of a figure", path.suffix or path.name, ENDINGS), param_hint="--output"
        )
    chosen_layers, chosen_seeds = _layers(layers), _seeds(seeds)

    from xavier_cli.figures.draw import draw, write_figure
    from xavier_cli.figures.selection import Selection
    from xavier_cli.runs.merge import merge_runs

    unnamed = inputs.all_runs if asked.whole_folder else inputs.newest_runs
    read = inputs.read_inputs(runs, unnamed, only={*LANDMARKS, *asked.reads})
    merged, notes = merge_runs(read.runs)
    drawing = draw(asked, merged, Selection(chosen_layers, chosen_seeds, record, tensor, together))
    for note in [*notes, *drawing.notes]:
        say(f"xavier: {clean(note)}")
    write_figure(path, drawing.figure)
    # Bytes, since a path need not be text.
    typer.echo(os.fsencode(path))
    read.finish()
    if drawing.notes:
        raise typer.Exit(ExitCode.IN_PART)


def _layers(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        layers = tuple(int(part) for part in text.split(",") if part.strip())
    except ValueError:
        layers = ()
    if not layers:
        raise typer.BadParameter(f"`{text}` should be layers like 1,3,5", param_hint="--layers")
    return layers


def _seeds(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        seeds = parse_seeds(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--seeds") from None
    assert isinstance(seeds, tuple)
    if not seeds:
        raise typer.BadParameter(f"`{text}` names no seed", param_hint="--seeds")
    return seeds
