"""Implements `xavier plot`: plots a figure of the paper, and prints its path to stdout."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xavier_cli.cli.options import data_sets, run_files, surfaces
from xavier_cli.cli.options.filters import WhereOption
from xavier_cli.cli.options.run_files import RunsArgument
from xavier_cli.cli.terminal.errors import say
from xavier_cli.cli.terminal.output import check_output, screen_width
from xavier_cli.errors import ExitCode
from xavier_cli.figures.catalogue import ENDINGS, KINDS, LANDMARKS
from xavier_cli.figures.page_options import (
    HIGHEST_DPI,
    LOWEST_DPI,
    PageOptions,
)
from xavier_cli.sanitize import clean
from xavier_cli.vocabulary import lookup
from xavier_cli.vocabulary.metrics import CURVES

if TYPE_CHECKING:
    from xavier_cli.runs.record import Run

# Limits of the width of text figures: space for an axis, and lines that can be followed to it.
NARROWEST, WIDEST = 40, 100
PAGE = "Page"


def _kinds(incomplete: str) -> list[tuple[str, str]]:
    return [(kind.name, kind.about) for kind in KINDS.values() if kind.name.startswith(incomplete)]


KindArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="KIND",
        help="kind of figure: " + ", ".join(KINDS),
        autocompletion=_kinds,
        show_default=False,
    ),
]
FigureOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="figure to write: .png, .pdf or .svg [default: figures/KIND.png]",
        show_default=False,
    ),
]
LayersOption = Annotated[
    str | None, typer.Option("--layers", help="layers to draw, like 1,3,5 [default: all hidden ones]")
]
SeedsOption = Annotated[
    str | None, typer.Option("--seeds", help="seeds to draw: 5 (a count), 0,3,7 or 0:10 [default: all]")
]
RecordOption = Annotated[
    str | None,
    typer.Option("--record", help="record to draw: first, last or a number of updates [default: first]"),
]
TensorOption = Annotated[
    str | None,
    typer.Option(
        "--tensor", help="of gradients-over-time: weight_gradient or backprop [default: weight_gradient]"
    ),
]
MetricOption = Annotated[
    str | None,
    typer.Option(
        "--metric",
        metavar="NAME[,NAME…]",
        help="of curves: " + ", ".join(CURVES) + " [default: test_error]",
        show_default=False,
    ),
]
FacetOption = Annotated[
    str | None,
    typer.Option(
        "--facet",
        metavar="SETTING[,SETTING…]",
        help="of curves and jacobian: a panel for each value of a setting, like act",
        show_default=False,
    ),
]
TogetherOption = Annotated[
    bool, typer.Option("--together", help="of histograms: all runs and layers on one axis")
]
TermOption = Annotated[
    bool,
    typer.Option("--term", help="draw in the terminal: curves, saturation, gradients-over-time and layers"),
]
DataOption = Annotated[
    str | None, typer.Option("--data", help="of samples: the data set [default: shapeset]")
]
SeedOption = Annotated[
    int | None,
    typer.Option("--seed", min=0, help="of samples: the seed whose training images are shown [default: 0]"),
]
DataDirOption = Annotated[
    Path | None,
    typer.Option("--data-dir", envvar="XAVIER_DATA_DIR", help="of samples: folder of the data sets' files"),
]
LogXOption = Annotated[bool, typer.Option("--logx", help="logarithmic x axis", rich_help_panel=PAGE)]
LogYOption = Annotated[bool, typer.Option("--logy", help="logarithmic y axis", rich_help_panel=PAGE)]
YLimOption = Annotated[
    str | None,
    typer.Option(
        "--ylim",
        metavar="LOW:HIGH",
        help="ends of the y axis; either may be left out",
        show_default=False,
        rich_help_panel=PAGE,
    ),
]
SizeOption = Annotated[
    str | None,
    typer.Option(
        "--size",
        metavar="column|page|INCHES",
        help="width of the figure: that of a column (3.4 inches) or a page (6.9), or inches: 6, or 6x4 with "
        "the height",
        show_default=False,
        rich_help_panel=PAGE,
    ),
]
DpiOption = Annotated[
    int | None,
    typer.Option(
        "--dpi",
        min=LOWEST_DPI,
        max=HIGHEST_DPI,
        help="dots per inch of a .png [default: 200]",
        show_default=False,
        rich_help_panel=PAGE,
    ),
]
TitleOption = Annotated[
    str | None,
    typer.Option(
        "--title", metavar="TEXT", help="title of the figure", show_default=False, rich_help_panel=PAGE
    ),
]
NoCaptionOption = Annotated[
    bool, typer.Option("--no-caption", help="leave out the caption", rich_help_panel=PAGE)
]
StyleOption = Annotated[
    str | None,
    typer.Option(
        "--style",
        metavar="NAME|FILE",
        help="matplotlib style: its name, like dark_background, or a style sheet",
        show_default=False,
        rich_help_panel=PAGE,
    ),
]


def plot(
    kind: KindArgument = None,
    runs: RunsArgument = None,
    output: FigureOption = None,
    layers: LayersOption = None,
    seeds: SeedsOption = None,
    record: RecordOption = None,
    tensor: TensorOption = None,
    together: TogetherOption = False,
    metric: MetricOption = None,
    facet: FacetOption = None,
    where: WhereOption = None,
    term: TermOption = False,
    logx: LogXOption = False,
    logy: LogYOption = False,
    ylim: YLimOption = None,
    size: SizeOption = None,
    dpi: DpiOption = None,
    title: TitleOption = None,
    no_caption: NoCaptionOption = False,
    style: StyleOption = None,
    data: DataOption = None,
    seed: SeedOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Plot a figure; prints only its path to stdout.

    Runs of one configuration are merged. Without RUN: the runs of the newest command in `runs/` (or
    `XAVIER_RUNS_DIR`); for `curves` all runs there; for `loss-surface` the newest file in `surfaces/`.
    """
    if kind is None:
        say(f"xavier: no kind of figure given: `xavier plot KIND`, where KIND is one of {', '.join(KINDS)}")
        raise typer.Exit(ExitCode.USAGE)
    asked = lookup.find("kind of figure", kind, KINDS)
    # Numpy is imported only once the kind is known.
    from xavier_cli.figures.request import PlotRequest

    chosen = PlotRequest.of(
        layers=layers,
        seeds=seeds,
        record=record,
        tensor=tensor,
        together=together,
        metric=metric,
        facet=facet,
        logx=logx,
        logy=logy,
        ylim=ylim,
        size=size,
        dpi=dpi,
        title=title,
        no_caption=no_caption,
        style=style,
    )
    if asked.draws != "samples" and (data is not None or seed is not None):
        raise typer.BadParameter(f"`{asked.name}` takes no `--data` and no `--seed`: `samples` does")
    if asked.draws == "samples" and runs:
        raise typer.BadParameter("`samples` takes no RUN: `--data` says what it shows")
    if term and output is not None:
        raise typer.BadParameter(
            "is for a figure in a file, `--term` for the terminal", param_hint="--output"
        )
    if term and chosen.page != PageOptions():
        raise typer.BadParameter("`--term` takes no options of a figure's page or axes")
    if where and asked.draws != "runs":
        raise typer.BadParameter(f"`{asked.name}` is not of runs", param_hint="--where")
    path = output if output is not None else Path("figures") / f"{asked.name}.png"
    check_output(path)
    if path.suffix.lower() not in ENDINGS:
        raise typer.BadParameter(
            lookup.unknown_message("ending of a figure", path.suffix or path.name, ENDINGS),
            param_hint="--output",
        )

    from xavier_cli.figures.draw import draw, draw_one, draw_text, refuse_unknown, rendered
    from xavier_cli.figures.labels import in_order
    from xavier_cli.figures.user_style import user_style
    from xavier_cli.files.publish import publish
    from xavier_cli.views import filters
    from xavier_cli.views.runs import run_values

    refuse_unknown(asked, chosen)
    if chosen.page.style:
        user_style(chosen.page.style)
    read, notes = run_files.Inputs(), list[str]()
    if asked.draws == "runs":
        unnamed = run_files.all_runs if asked.whole_folder else run_files.newest_runs
        read = run_files.read_inputs(runs, unnamed, only={*LANDMARKS, *asked.reads})
        merged, notes = run_files.merged(read)
        if not merged:
            raise run_files.nothing_to_show(read)
        if where:
            every, merged = merged, filters.chosen(merged, run_values, where)
            if not merged:
                say(f"xavier: {filters.nothing_fits(every, run_values, where)}")
                raise typer.Exit(ExitCode.USAGE)
        if not _are_named(runs):
            # Whoever names files has an order in mind.
            merged = in_order(merged)
        if term:
            width = max(NARROWEST, min(screen_width(), WIDEST))
            text, skipped = read.isolated(
                merged, lambda runs: draw_text(asked, runs, chosen, width, _has_only_ascii())
            )
            _tell([*notes, *skipped])
            typer.echo(text, nl=False)
            read.finish()
            raise typer.Exit(ExitCode.IN_PART if skipped else ExitCode.DONE)

        def drawn(runs: list[Run]) -> tuple[bytes, list[str], tuple[str, ...]]:
            drawing = draw(asked, runs, chosen)
            return rendered(path, drawing.figure), drawing.notes, drawing.hints

        content, skipped, hints = read.isolated(merged, drawn)
        notes = [*notes, *hints]
    else:
        if term:
            draw_text(asked, [], PlotRequest(), 80, True)
        is_of_data = asked.draws == "samples"
        shown = data_sets.samples(data, seed, data_dir) if is_of_data else surfaces.surface(runs, read)
        drawing = draw_one(asked, shown, chosen)
        content, skipped = rendered(path, drawing.figure), drawing.notes
    _tell([*notes, *skipped])
    publish(path, content, verify=lambda temporary: None)
    # Bytes, since a path may not be valid text.
    typer.echo(os.fsencode(path))
    read.finish()
    if skipped:
        raise typer.Exit(ExitCode.IN_PART)


def _are_named(runs: Sequence[str] | None) -> bool:
    """Whether the user names each run by a file or a name, and no folder or pattern finds them."""
    return bool(runs) and not any(os.path.isdir(word) or set(word) & set("*?[") for word in runs or ())


def _tell(notes: Sequence[str]) -> None:
    for note in notes:
        say(f"xavier: {clean(note)}")


def _has_only_ascii() -> bool:
    """Whether the encoding of the screen lacks braille."""
    try:
        "⠿│└─".encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return True
    return os.environ.get("TERM") == "dumb"
