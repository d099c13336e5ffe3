"""Implements `xavier reproduce`: a recipe's runs, figures and table, and a verdict per claim."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xavier_cli.cli.options import recipe_runs, recipes, run_files
from xavier_cli.cli.options.cluster import WAIT_SECONDS, ClusterOption, ClusterWaitOption, chosen_cluster
from xavier_cli.cli.options.running import (
    DataDirOption,
    DeviceOption,
    MaxTimeOption,
    QuietOption,
    SaveWeightsOption,
    saved_weights,
)
from xavier_cli.cli.terminal.errors import say
from xavier_cli.cli.terminal.output import Format, FormatOption, check_output, show_page, write_text
from xavier_cli.errors import ExitCode
from xavier_cli.sanitize import clean

if TYPE_CHECKING:
    from xavier_cli.findings.best_run import BestRun
    from xavier_cli.findings.claims.verdict import ClaimVerdict
    from xavier_cli.runs.record import Run
    from xavier_cli.runs.result import Result
    from xavier_cli.sweeps.plan import Plan
    from xavier_cli.sweeps.recipe import Recipe
    from xavier_cli.sweeps.work import Outcome

FIGURES = Path("figures")
# Shows results files instead of a recipe, as `list` shows the recipes.
SUMMARY = "summary"


def reproduce(
    name: recipes.RecipeArgument,
    scale: recipes.ScaleOption = "laptop",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="folder for the figures [default: figures/RECIPE], or file for `summary` [default: stdout]",
            show_default=False,
        ),
    ] = None,
    results: Annotated[
        Path | None,
        typer.Option(
            "--results",
            metavar="FILE",
            help="also write verdicts, test errors, times and versions to this JSON file; for `summary`: a "
            "file or a folder of them",
            show_default=False,
        ),
    ] = None,
    set_: recipes.SetOption = None,
    seeds: recipes.SeedsOption = None,
    dry_run: recipes.DryRunOption = False,
    no_train: Annotated[
        bool,
        typer.Option("--no-train", help="plot and judge what is finished; train nothing"),
    ] = False,
    jobs: recipes.JobsOption = 1,
    cluster: ClusterOption = None,
    cluster_wait: ClusterWaitOption = WAIT_SECONDS,
    yes: recipes.YesOption = False,
    device: DeviceOption = None,
    max_time: MaxTimeOption = None,
    save_weights: SaveWeightsOption = None,
    quiet: QuietOption = False,
    data_dir: DataDirOption = None,
    format: FormatOption = None,
) -> None:
    """Reproduce a figure or table of the paper; judge its claims.

    xavier reproduce list

    xavier reproduce figure-3

    xavier reproduce table-1 --scale tiny

    xavier reproduce figure-6 --results results/figure-6.json

    xavier reproduce summary --results results -o RESULTS.md

    Finished runs are not trained again. Exits with 3 if a claim does not hold.
    """
    from xavier_cli.views.sweep import recipes_page

    if name == "list":
        show_page(recipes_page(recipes.known_scale(scale)), format)
        return
    if name == SUMMARY:
        _summarize(results, format, output)
        return
    if output is not None and output.exists() and not output.is_dir():
        raise typer.BadParameter(
            f"`{output}` is a file; name a folder for the figures", param_hint="--output"
        )
    if results is not None:
        check_output(results, "--results")
    saved = saved_weights(save_weights)
    machines = chosen_cluster(cluster, cluster_wait, jobs, saved)
    plan = recipes.make_plan(name, scale, set_, seeds, yes=yes or dry_run, saved=saved)
    if dry_run:
        recipes.show_plan(plan, jobs, data_dir, format)
        return
    from xavier_cli.cli.options.data_sets import samples
    from xavier_cli.runs.isolate import Isolation
    from xavier_cli.sweeps.recipe_figures import draw_figures, figure_path
    from xavier_cli.sweeps.run import reasons
    from xavier_cli.views.reproduction import reproduction_page

    folder = output or FIGURES / plan.recipe.name
    # Report figures that cannot be written before anything is trained.
    for figure in plan.recipe.figures:
        check_output(figure_path(folder, figure))
    finished = recipes.finish_cells(
        plan,
        data_dir=data_dir,
        jobs=jobs,
        cluster=machines,
        quiet=quiet,
        max_time=max_time,
        saved=saved,
        trains=not no_train,
    )
    is_stopped = finished.code not in (ExitCode.DONE, ExitCode.IN_PART)
    if is_stopped and results is None:
        raise typer.Exit(finished.code)
    read, others = recipe_runs.read_finished(finished.outcomes)
    runs, more = run_files.merged(read)
    for note in more:
        say(f"xavier: {clean(note)}")
    isolation = Isolation()
    choices, notes = isolation.part(runs, lambda runs: _chosen(plan.recipe, runs)) or ([], [])
    kept = [choice.run for choice in choices] if plan.recipe.select else runs
    begun = recipe_runs.read_begun(plan, finished.outcomes)
    # A claim gets the runs of all rates, since it may be about rates, and selects among them itself.
    verdicts = isolation.part([*runs, *begun], lambda runs: _judged(plan.recipe, [*runs, *others])) or []
    if results is not None:
        _write_results(results, plan, finished.outcomes, [*read.runs, *others], kept, choices, verdicts)
    if is_stopped:
        raise typer.Exit(finished.code)
    figures, missing = draw_figures(
        plan.recipe,
        [*runs, *begun],
        others,
        folder,
        lambda data, seed: samples(data, seed, data_dir),
        isolation,
        note=lambda line: say(f"xavier: {line}"),
    )
    read.failed(isolation.failures)
    failed = reasons(finished.outcomes)
    notes = [*notes, *(f"not made: {clean(line)}" for line in failed), *missing]
    page = reproduction_page(plan, kept, choices, verdicts, figures, notes)
    show_page(page, format)
    code = ExitCode.IN_PART if missing or read.problems else finished.code
    if not code and any(verdict.verdict == "does_not_hold" for verdict in verdicts):
        code = ExitCode.ANSWER_IS_NO
    raise typer.Exit(code)


def _write_results(
    path: Path,
    plan: Plan,
    outcomes: Sequence[Outcome],
    made: Sequence[Run | Result],
    kept: Sequence[Run],
    choices: Sequence[BestRun],
    verdicts: Sequence[ClaimVerdict],
) -> None:
    """Write what the recipe said, with the cells that are missing where it is not all.

    What is there already is kept if it is complete and this is not, and has no more networks than it.
    """
    from xavier_cli.sweeps.gather import gather
    from xavier_cli.sweeps.results import ResultsError, read_results

    found = gather(plan, outcomes, made, kept, choices, verdicts)
    if found.status == "partial" and path.is_file():
        with suppress(ResultsError):
            before = read_results(path)
            if before.status == "complete" and before.networks >= found.networks:
                say(f"`{clean(str(path))}` is complete and is kept: these results are partial")
                return
    write_text(path, found.text())
    say(f"wrote {clean(str(path))}" + (" (partial)" if found.status == "partial" else ""))


def _summarize(place: Path | None, format: Format | None, output: Path | None) -> None:
    """Show the results files at `place`; exits with 5 if none can be read, with 4 if some cannot."""
    from xavier_cli.sweeps.results import ResultsError, read_results, results_files
    from xavier_cli.views.results import results_page

    if place is None:
        raise typer.BadParameter("`summary` needs a folder of results files", param_hint="--results")
    try:
        paths = results_files(place)
    except OSError as error:
        raise typer.BadParameter(
            f"`{place}` cannot be read: {error.strerror}", param_hint="--results"
        ) from None
    if not paths:
        raise typer.BadParameter(
            f"no results files in `{place}`: `xavier reproduce RECIPE --results FILE.json` writes one",
            param_hint="--results",
        )
    every, bad = [], 0
    for path in paths:
        try:
            every.append(read_results(path))
        except ResultsError as error:
            say(f"xavier: {clean(str(error))}")
            bad += 1
    if not every:
        raise typer.Exit(ExitCode.NO_INPUT)
    show_page(results_page(every), format, output)
    if bad:
        raise typer.Exit(ExitCode.IN_PART)


def _chosen(recipe: Recipe, runs: Sequence[Run]) -> tuple[list[BestRun], list[str]]:
    from xavier_cli.findings.best_run import select

    return select(runs, recipe.select) if recipe.select else ([], [])


def _judged(recipe: Recipe, training_data: Sequence[Run | Result]) -> list[ClaimVerdict]:
    from xavier_cli.findings.claims.judging import judge_all

    return judge_all(recipe.claims, training_data)
