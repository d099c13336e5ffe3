"""Implements `xavier sweep`: runs every unfinished cell of a recipe's grid."""

from __future__ import annotations

import shlex
import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from xavier_cli.cli.options import completion, recipe_runs, recipes, run_files
from xavier_cli.cli.options.cluster import WAIT_SECONDS, ClusterOption, ClusterWaitOption, chosen_cluster
from xavier_cli.cli.options.running import (
    DataDirOption,
    DeviceOption,
    MaxTimeOption,
    MemberBatchOption,
    QuietOption,
    SaveWeightsOption,
    asked_members,
    saved_weights,
)
from xavier_cli.cli.terminal.errors import say
from xavier_cli.cli.terminal.output import Format, FormatOption, show_page
from xavier_cli.cli.terminal.usage_errors import missing_argument
from xavier_cli.errors import ConfigError, ExitCode

if TYPE_CHECKING:
    from xavier_cli.runs.record import Run
    from xavier_cli.sweeps.run import Finished
    from xavier_cli.views.page import Page


# The summary has so many rows per data set; `xavier compare` shows all.
TOP = 5


class Rerun(StrEnum):
    """Which cells to run again."""

    FAILED = "failed"


def sweep(
    recipe: recipes.RecipeArgument = "",
    template: Annotated[
        bool, typer.Option("--template", help="print a recipe to begin with; train nothing")
    ] = False,
    scale: recipes.ScaleOption = "laptop",
    set_: recipes.SetOption = None,
    seeds: recipes.SeedsOption = None,
    dry_run: recipes.DryRunOption = False,
    rerun: Annotated[
        Rerun | None, typer.Option("--rerun", help="failed: only the cells that failed the last time")
    ] = None,
    fail_fast: Annotated[
        bool, typer.Option("--fail-fast/--keep-going", help="stop after the first cell that fails")
    ] = False,
    jobs: recipes.JobsOption = 1,
    shard: Annotated[
        str | None,
        typer.Option(
            "--shard", metavar="I/N", help="only part I of N, for N machines with one folder of runs"
        ),
    ] = None,
    slurm: Annotated[
        int | None,
        typer.Option(
            "--slurm",
            metavar="N",
            min=1,
            max=100_000,
            help="print a script for Slurm's sbatch that runs the sweep as N parts; run nothing",
        ),
    ] = None,
    cluster: ClusterOption = None,
    cluster_wait: ClusterWaitOption = WAIT_SECONDS,
    member_batch: MemberBatchOption = "auto",
    save_weights: SaveWeightsOption = None,
    yes: recipes.YesOption = False,
    device: DeviceOption = None,
    max_time: MaxTimeOption = None,
    quiet: QuietOption = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="also list every cell and its file at the end")
    ] = False,
    data_dir: DataDirOption = None,
    format: FormatOption = None,
) -> None:
    """Train a grid of configurations; an interrupted one resumes.

    xavier sweep figure-11 --scale tiny

    xavier sweep --template > my-grid.toml

    xavier sweep my-grid.toml --set width=100 --jobs 2

    After an interruption the same command resumes; a cell that fails does not stop the others. A recipe is
    complete in itself: `xavier.toml` and `XAVIER_*` settings do not apply to it, `--set` and `--seeds` do.
    """
    from xavier_cli.views.sweep import ended_page, recipes_page

    if template:
        from xavier_cli.sweeps.template import RECIPE_TEMPLATE

        print(RECIPE_TEMPLATE, end="")
        return
    if not recipe:
        about = "a recipe or a TOML file; `list` shows the recipes"
        raise ConfigError(missing_argument("RECIPE", about, [name for name, _ in completion.recipes("")]))
    at_a_time, saved = asked_members(member_batch), saved_weights(save_weights)
    if recipe == "list":
        show_page(recipes_page(recipes.known_scale(scale)), format)
        return
    machines = chosen_cluster(cluster, cluster_wait, jobs, saved)
    if slurm and (shard or cluster or dry_run):
        other = "--shard" if shard else "--cluster" if cluster else "--dry-run"
        raise typer.BadParameter(f"prints a script for all parts, not with `{other}`", param_hint="--slurm")
    plan = recipes.make_plan(recipe, scale, set_, seeds, yes=yes or dry_run, shard=shard, saved=saved)
    if slurm:
        from xavier_cli.cli.options.slurm import print_script

        print_script(plan, slurm, jobs)
        return
    if dry_run:
        recipes.show_plan(plan, jobs, data_dir, format)
        return
    finished = recipes.finish_cells(
        plan,
        data_dir=data_dir,
        jobs=jobs,
        cluster=machines,
        fail_fast=fail_fast,
        rerun_failed=rerun is Rerun.FAILED,
        part=shard.replace("/", "of") if shard else "",
        quiet=quiet,
        member_batch=at_a_time,
        max_time=max_time,
        saved=saved,
    )
    if not plan.cells:
        say(f"{plan.recipe.name} has nothing to run: `xavier reproduce {plan.recipe.name}` draws it")
        return
    for_programs = format in (Format.JSON, Format.CSV)
    best, diverged = (None, 0) if for_programs else _best(finished)
    show_page(ended_page(plan, finished, best, diverged, all_cells=verbose or best is None), format)
    again = sys.argv[1:] if rerun else [*sys.argv[1:], "--rerun", "failed"]
    if finished.code == ExitCode.IN_PART and any(each.ending == "failed" for each in finished.outcomes):
        say(f"next: {shlex.join(['xavier', *again])}")
    elif not finished.code and plan.recipe.command == "train":
        say("next: xavier compare")
    raise typer.Exit(finished.code)


def _best(finished: Finished) -> tuple[Page | None, int]:
    """The comparison of the trained cells, cut to the best, and how many cells have diverged seeds.

    None instead of the comparison where none was trained.
    """
    from xavier_cli.cli.commands.compare import ONLY, with_answers
    from xavier_cli.findings.comparison import MOST_ROWS_TESTED
    from xavier_cli.findings.comparison import compare as compare_experiments
    from xavier_cli.runs.isolate import isolate
    from xavier_cli.views.sweep import best_page

    trained = [outcome for outcome in finished.outcomes if outcome.cell.command == "train"]
    read, _ = recipe_runs.read_finished(trained, ONLY)
    experiments, notes = run_files.merged(read)

    def compared(runs: list[Run]) -> Page | None:
        if len(runs) <= MOST_ROWS_TESTED:
            runs = [with_answers(run) for run in runs]
        comparison = compare_experiments(runs)
        return best_page(comparison, notes, TOP) if comparison.sections else None

    isolated = isolate(experiments, compared)
    read.failed(isolated.failures)
    return isolated.made, sum(bool(run.diverged.any()) for run in read.runs)
