"""`xavier reproduce`: a recipe's runs, its figures, its table, and a verdict for every claim."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from xavier_cli.cli.options import recipes, run_files
from xavier_cli.cli.options.cluster import WAIT_SECONDS, ClusterOption, ClusterWaitOption, chosen_cluster
from xavier_cli.cli.options.running import DataDirOption, QuietOption
from xavier_cli.cli.terminal.errors import say
from xavier_cli.cli.terminal.output import FormatOption, check_output, show_page
from xavier_cli.errors import ExitCode
from xavier_cli.sanitize import clean
from xavier_cli.vocabulary import lookup

if TYPE_CHECKING:
    from xavier_cli.figures.canvas import Drawing
    from xavier_cli.findings.best_run import Choice
    from xavier_cli.findings.claims.verdict import ClaimVerdict
    from xavier_cli.runs.isolate import Isolation
    from xavier_cli.runs.record import Run
    from xavier_cli.runs.surface import Surface
    from xavier_cli.sweeps.recipe import Figure, Recipe
    from xavier_cli.sweeps.work import Outcome

FIGURES = Path("figures")


def reproduce(
    name: recipes.RecipeArgument,
    scale: recipes.ScaleOption = "laptop",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Folder for the figures. Default: figures/RECIPE.", show_default=False
        ),
    ] = None,
    set_: recipes.SetOption = None,
    seeds: recipes.SeedsOption = None,
    dry_run: recipes.DryRunOption = False,
    jobs: recipes.JobsOption = 1,
    cluster: ClusterOption = None,
    cluster_wait: ClusterWaitOption = WAIT_SECONDS,
    yes: recipes.YesOption = False,
    quiet: QuietOption = False,
    data_dir: DataDirOption = None,
    format: FormatOption = None,
) -> None:
    """Reproduce a figure or table of the paper, with a verdict per claim.

    xavier reproduce list

    xavier reproduce figure-3

    xavier reproduce table-1 --scale tiny

    Runs that are there are not trained again. Ends with exit code 3 when a claim does not hold.
    """
    from xavier_cli.runs.isolate import Isolation
    from xavier_cli.views.reproduction import reproduction_page
    from xavier_cli.views.sweep import plan_page, recipes_page

    if name == "list":
        show_page(recipes_page(), format)
        return
    if output is not None and output.exists() and not output.is_dir():
        raise typer.BadParameter(
            f"`{output}` is a file; name a folder for the figures", param_hint="--output"
        )
    machines = chosen_cluster(cluster, cluster_wait, jobs)
    plan = recipes.make_plan(name, scale, set_, seeds, yes=yes or dry_run)
    if dry_run:
        show_page(plan_page(plan, jobs), format)
        return
    folder = output or FIGURES / plan.recipe.name
    # Before anything is trained: a figure that cannot be written is told now.
    for figure in plan.recipe.figures:
        check_output(_place(folder, figure))
    finished = recipes.finish_cells(plan, data_dir=data_dir, jobs=jobs, cluster=machines, quiet=quiet)
    if finished.code not in (ExitCode.DONE, ExitCode.IN_PART):
        raise typer.Exit(finished.code)
    read, surfaces = _read(finished.outcomes)
    runs, more = run_files.merged(read)
    for note in more:
        say(f"xavier: {clean(note)}")
    isolation = Isolation()
    choices, notes = isolation.part(runs, lambda runs: _chosen(plan.recipe, runs)) or ([], [])
    kept = [choice.run for choice in choices] if plan.recipe.select else runs
    figures, missing = _draw(plan.recipe, runs, surfaces, folder, data_dir, isolation)
    # Of several rates a claim takes what it asks for, all of them where it is about rates.
    verdicts = isolation.part(runs, lambda runs: _judged(plan.recipe, [*runs, *surfaces])) or []
    read.failed(isolation.failures)
    failed = [f"{outcome.cell.title}: {outcome.why}" for outcome in finished.outcomes if outcome.why]
    notes = [*notes, *(f"not made: {clean(line)}" for line in failed), *missing]
    page = reproduction_page(plan, kept, choices, verdicts, figures, notes)
    show_page(page, format)
    code = ExitCode.IN_PART if missing or read.problems else finished.code
    if not code and any(verdict.verdict == "does_not_hold" for verdict in verdicts):
        code = ExitCode.ANSWER_IS_NO
    raise typer.Exit(code)


def _read(outcomes: Sequence[Outcome]) -> tuple[run_files.Inputs, list[Surface]]:
    """The runs and the surfaces that the finished cells left; what cannot be read is named."""
    from xavier_cli.runs.errors import RunFileError
    from xavier_cli.runs.reader import read_runs, read_surface

    read, surfaces = run_files.Inputs(), list["Surface"]()
    done = [outcome.cell for outcome in outcomes if outcome.ending == "done"]
    for found in read_runs([cell.path for cell in done if cell.command != "surface"]):
        if isinstance(found, RunFileError):
            read.problem(str(found))
        else:
            read.runs.append(found)
    for cell in (cell for cell in done if cell.command == "surface"):
        try:
            surfaces.append(read_surface(cell.path))
        except RunFileError as error:
            read.problem(str(error))
    return read, surfaces


def _chosen(recipe: Recipe, runs: Sequence[Run]) -> tuple[list[Choice], list[str]]:
    from xavier_cli.findings.best_run import select

    return select(runs, recipe.select) if recipe.select else ([], [])


def _judged(recipe: Recipe, training_data: Sequence[Run | Surface]) -> list[ClaimVerdict]:
    from xavier_cli.findings.claims.judging import judge_all

    return judge_all(recipe.claims, training_data)


def _draw(
    recipe: Recipe,
    runs: Sequence[Run],
    surfaces: Sequence[Surface],
    folder: Path,
    data_dir: Path | None,
    isolation: Isolation,
) -> tuple[list[Path], list[str]]:
    """Draw the recipe's figures into `folder`; their paths, and a line about each that there is not."""
    from xavier_cli.data.sets import DataDamagedError, DataMissingError
    from xavier_cli.figures.draw import write_figure
    from xavier_cli.figures.request import UnsuitableRunError

    paths, missing = [], []
    for figure in recipe.figures:
        path = _place(folder, figure)
        try:
            drawing = _drawing(figure, runs, surfaces, data_dir, isolation)
        except (UnsuitableRunError, DataMissingError, DataDamagedError) as error:
            missing.append(f"no {figure.stem}: {clean(str(error))}")
            continue
        write_figure(path, drawing.figure)
        paths.append(path)
        for note in drawing.notes:
            say(f"xavier: {figure.stem}: {clean(note)}")
    return paths, missing


def _place(folder: Path, figure: Figure) -> Path:
    return folder / f"{figure.stem}.png"


def _drawing(
    figure: Figure,
    runs: Sequence[Run],
    surfaces: Sequence[Surface],
    data_dir: Path | None,
    isolation: Isolation,
) -> Drawing:
    from xavier_cli.cli.options.data_sets import samples
    from xavier_cli.figures.catalogue import KINDS
    from xavier_cli.figures.draw import draw, draw_one, refuse_unknown
    from xavier_cli.figures.request import PlotRequest, UnsuitableRunError

    kind = lookup.find("kind of figure", figure.kind, KINDS)
    chosen = PlotRequest(figure.layers, None, figure.record, figure.tensor, figure.together)
    if kind.draws == "runs":
        drawing = isolation.part(_wanted(runs, figure), lambda runs: draw(kind, runs, chosen))
        if drawing is None:
            raise UnsuitableRunError("it can be drawn of none of the runs")
        return drawing
    refuse_unknown(kind, chosen)
    if kind.draws == "samples":
        return draw_one(kind, samples(figure.data, figure.seed, data_dir))
    return draw_one(kind, _wanted(surfaces, figure)[0])


R = TypeVar("R", "Run", "Surface")


def _wanted(made: Sequence[R], figure: Figure) -> list[R]:
    """What of `made` the figure picks; raises `UnsuitableRunError` where nothing is left."""
    from xavier_cli.figures.request import UnsuitableRunError

    wanted = [
        each
        for each in made
        if all(getattr(each.config, name, None) == value for name, value in figure.where.items())
        and figure.trained in (None, getattr(each.config, "updates", 0) > 0)
    ]
    if not wanted:
        raise UnsuitableRunError("no finished cell is of it")
    return wanted
