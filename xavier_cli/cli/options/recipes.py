"""Plans and runs the cells of a recipe, for `sweep` and `reproduce`."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xavier_cli.cli.options import completion, run_files
from xavier_cli.cli.options.session import this_command
from xavier_cli.cli.terminal.errors import say
from xavier_cli.cli.terminal.output import Format, show_page
from xavier_cli.config.presets import SCALES
from xavier_cli.config.run import RunConfig
from xavier_cli.errors import ExitCode
from xavier_cli.sanitize import clean
from xavier_cli.vocabulary import lookup
from xavier_cli.vocabulary.other_words import setting_name

if TYPE_CHECKING:
    from xavier_cli.runs.weights import Saved
    from xavier_cli.sweeps.cluster import Cluster
    from xavier_cli.sweeps.plan import Group, Plan
    from xavier_cli.sweeps.recipe import Recipe
    from xavier_cli.sweeps.run import Finished
    from xavier_cli.sweeps.work import Outcome, Task
    from xavier_cli.training.estimate import Sizes
    from xavier_cli.views.sweep import Look
    from xavier_cli.vocabulary.datasets import DatasetInfo

# With more cells than this the user is asked to confirm.
MANY = 1000
# So many cells with something in the way are named.
MOST_LINES = 10

RecipeArgument = Annotated[
    str,
    typer.Argument(
        metavar="RECIPE",
        help="name of a recipe or a TOML file; `list` shows the recipes",
        autocompletion=completion.recipes,
        show_default=False,
    ),
]
ScaleOption = Annotated[
    str,
    typer.Option(
        "--scale", metavar="|".join(SCALES), help="preset of sizes", autocompletion=completion.scales
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="SETTING=VALUE", help="set in every cell, like width=100; may be repeated"),
]
SeedsOption = Annotated[
    str | None, typer.Option("--seeds", metavar="SEEDS", help="seeds of every cell: 5, 0,3,7 or 0:10")
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="show the cells, their memory and estimated time; train nothing")
]
JobsOption = Annotated[
    int,
    typer.Option(
        "--jobs", "-j", metavar="N", min=1, max=1000, help="worker processes, each on its share of cores"
    ),
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="do not ask for confirmation of many cells")]


def _looker(data_dir: Path | None) -> Look:
    """What says how large a custom network is for a plan: runs its code, once for each network."""
    known: dict[tuple[object, ...], tuple[RunConfig, DatasetInfo | None, Sizes | None]] = {}

    def look(config: RunConfig) -> tuple[RunConfig, DatasetInfo | None, Sizes | None]:
        from xavier_cli.training.session import looked_into

        # Nothing else decides the sizes.
        key = config.net, config.act, config.data, config.coding
        if key not in known:
            known[key] = looked_into(config, data_dir)
        layered, facts, sizes = known[key]
        return config.with_(weight_layers=layered.weight_layers), facts, sizes

    return look


def show_plan(plan: Plan, jobs: int, data_dir: Path | None, format: Format | None) -> None:
    """Print `plan` as `--dry-run` does; loads the user functions of what is left of it, so all are there."""
    from xavier_cli.views.sweep import plan_page
    from xavier_cli.vocabulary.user_code import load_user_functions

    page = plan_page(plan, jobs, _looker(data_dir))
    cells = (cell.config for group in plan.pending for cell in group.cells)
    load_user_functions(
        sorted({word for config in cells if isinstance(config, RunConfig) for word in config.user_functions})
    )
    show_page(page, format)


def make_plan(
    word: str,
    scale: str,
    sets: Sequence[str] | None,
    seeds: str | None,
    *,
    yes: bool = False,
    shard: str | None = None,
    saved: Saved | None = None,
) -> Plan:
    """The plan of the recipe called `word`; a cell without weights to be `saved` is not finished.

    Asks to confirm a large one; exits with 2 if it cannot ask.
    """
    from xavier_cli.figures.catalogue import KINDS
    from xavier_cli.sweeps import finished, plan
    from xavier_cli.sweeps.recipe import MOST_CELLS, RecipeError, read_recipe

    known_scale(scale)
    part = parse_shard(shard)
    recipe = read_recipe(word)
    for i, figure in enumerate(recipe.figures):
        try:
            lookup.find("kind of figure", figure.kind, KINDS)
        except lookup.UnknownNameError as error:
            raise RecipeError(f"recipe {recipe.name}: figures.{i}: {error}") from None
    count = recipe.count(scale)
    if count > MOST_CELLS:
        raise RecipeError(
            f"recipe {recipe.name}: {count:,} cells are over {MOST_CELLS:,}, the most that one sweep takes: "
            "shorten its grid, or make several recipes of it"
        )
    if count > MANY and not yes:
        _ask(count)
    folders = plan.Folders(run_files.runs_folder(), Path("probes"), Path("surfaces"), Path("svms"))
    changes = _changes(recipe, sets, seeds)
    cells = plan.cells(recipe, scale, folders, changes)
    groups = plan.groups(cells, in_rounds=scale in recipe.rounds)
    if part:
        groups = plan.shard(groups, *part)
    _refuse_closed({cell.path.parent for group in groups for cell in group.cells})
    done, blocked = finished.find_files((cell for group in groups for cell in group.cells), saved)
    pending = [
        plan.Group(rest)
        for group in groups
        if (rest := tuple(cell for cell in group.cells if cell.path not in done and cell.path not in blocked))
    ]
    return plan.Plan(recipe, scale, cells, groups, pending, changes, blocked)


def _refuse_closed(folders: Iterable[Path]) -> None:
    """Raise `RunFileError` where it cannot be told what is finished: one of `folders` lets nobody in."""
    from xavier_cli.runs.errors import RunFileError

    for folder in sorted(folders):
        try:
            os.scandir(folder).close()
            # Listing is one right, and reading what is listed another.
            os.stat(folder / "..")
        except PermissionError:
            raise RunFileError(folder, os.strerror(errno.EACCES)) from None
        except OSError:
            continue


def known_scale(word: str) -> str:
    """`word`, which names a scale; raises `typer.BadParameter` otherwise."""
    if word not in SCALES:
        raise typer.BadParameter(lookup.unknown_message("scale", word, SCALES), param_hint="--scale")
    return word


def finish_cells(
    plan: Plan,
    *,
    data_dir: Path | None,
    jobs: int = 1,
    cluster: Callable[[Task], Cluster] | None = None,
    fail_fast: bool = False,
    rerun_failed: bool = False,
    part: str = "",
    quiet: bool = False,
    member_batch: int | None = None,
    max_time: float | None = None,
    saved: Saved | None = None,
    trains: bool = True,
) -> Finished:
    """Run the unfinished cells of `plan`, with progress; failed cells are reported and kept in the ledger.

    None are run unless it `trains`: the unfinished ones are left as they are.
    """
    from xavier_cli.cli.terminal.signals import StopFlag
    from xavier_cli.cli.terminal.sweep_progress import shown_standing
    from xavier_cli.errors import StorageError
    from xavier_cli.library.networks import probe_network
    from xavier_cli.sweeps.ledger import Ledger
    from xavier_cli.sweeps.plan import Group
    from xavier_cli.sweeps.run import Finished, reasons, run_groups
    from xavier_cli.sweeps.work import Outcome, Task

    def note(line: str) -> None:
        say(f"xavier: {clean(line)}")

    ledger = Ledger(run_files.runs_folder(), plan.sweep_id, part, note)
    known, pending = ledger.failed(), plan.pending
    if rerun_failed:
        kept = (tuple(cell for cell in group.cells if cell.path.name in known) for group in pending)
        pending = [Group(cells) for cells in kept if cells]
    if not trains:
        pending = []
    waiting = {cell.path for group in plan.pending for cell in group.cells} | set(plan.blocked)
    ended = {cell.path: Outcome(cell, "done") for cell in plan.mine if cell.path not in waiting}
    if plan.mine:
        say(_beginning(plan, pending, len(ended), rerun_failed))
    # Said before hours of training, not after.
    blocked = [
        Outcome(cell, "failed", plan.blocked[cell.path])
        for cell in plan.mine
        if cell.path in plan.blocked and (not rerun_failed or cell.path.name in known)
    ]
    ended |= {outcome.cell.path: outcome for outcome in blocked}
    lines = reasons(blocked)
    for line in lines[:MOST_LINES]:
        note(line)
    if len(lines) > MOST_LINES:
        note(f"so are {len(lines) - MOST_LINES} more; `--dry-run -f json` lists all")
    if fail_fast and blocked:
        pending = []
    if not quiet and (jobs > 1 or cluster):
        # Other processes cannot say so when they come to it.
        for place in sorted({place for group in pending for place in group.code_places}):
            say(f"running the code in `{clean(place)}`")
    task = Task(
        data_dir,
        member_batch=member_batch,
        provenance=this_command(plan.sweep_id),
        save_weights=saved,
        look=probe_network,
    )
    finished, told = Finished(), False

    def keep_failed() -> None:
        nonlocal told
        try:
            ledger.keep(_failed(plan, known, ended))
        except StorageError as error:
            # Results do not need the ledger: only `--rerun failed` will miss these cells.
            if not told:
                note(f"the list of failed cells is not saved: {error}")
            told = True

    if blocked:
        keep_failed()
    with StopFlag(max_time) as stopped, shown_standing(quiet or not pending) as watch:
        for outcomes in run_groups(
            pending,
            task,
            jobs=jobs,
            cluster=cluster(task) if cluster and pending else None,
            fail_fast=fail_fast,
            stopped=lambda: bool(stopped),
            watch=watch,
            note=note,
        ):
            for outcome in outcomes:
                ended[outcome.cell.path] = outcome
                finished.trained += outcome.ending == "done" and not outcome.elsewhere
            for line in reasons(outcome for outcome in outcomes if outcome.ending == "failed"):
                note(line)
            keep_failed()
    if others := sum(outcome.elsewhere for outcome in ended.values()):
        say(f"{others} cell{'s' * (others > 1)} finished by another process meanwhile")
    finished.outcomes = [ended.get(cell.path) or Outcome(cell, "stopped") for cell in plan.mine]
    if stopped:
        left = sum(outcome.ending != "done" for outcome in finished.outcomes)
        every = len(finished.outcomes)
        if left:
            say(f"stopped with {left} of {every} cells left; progress is kept; the same command resumes them")
        else:
            say(f"stopped after training all {every} cells")
        finished.code = stopped.exit_code
    elif any(outcome.ending != "done" for outcome in finished.outcomes):
        finished.code = ExitCode.IN_PART
    return finished


def _failed(plan: Plan, known: dict[str, str], ended: dict[Path, Outcome]) -> dict[str, str]:
    """Name and reason of every cell that failed, now or earlier."""
    failed = {}
    for cell in plan.mine:
        outcome = ended.get(cell.path)
        if outcome is None and cell.path.name in known:
            failed[cell.path.name] = known[cell.path.name]
        elif outcome is not None and outcome.ending == "failed":
            failed[cell.path.name] = outcome.why
    return failed


def _beginning(plan: Plan, pending: Sequence[Group], finished: int, rerun_failed: bool) -> str:
    count = sum(len(group.cells) for group in pending)
    cells = f"{len(plan.mine)} cell{'s' * (len(plan.mine) != 1)}"
    if not count and finished + len(plan.blocked) < len(plan.mine) and not rerun_failed:
        return f"{cells}: {finished} finished, the others are left as they are"
    if not count and not plan.blocked:
        return f"{cells}, all finished" if not rerun_failed else f"{cells}, none of them failed"
    parts = [f"{finished} finished"]
    if plan.blocked:
        parts.append(f"{len(plan.blocked)} with something else in the way")
    if count:
        programs = f"{len(pending)} program{'s' * (len(pending) > 1)}"
        parts.append(f"{count} {'that failed' if rerun_failed else 'to make'}, in {programs}")
    return f"{cells}: {', '.join(parts)}"


def parse_shard(text: str | None) -> tuple[int, int] | None:
    """Index and count from `2/8`."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text.strip())
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise typer.BadParameter(f"`{text}` should be like 1/4: which part of how many", param_hint="--shard")
    return int(match[1]), int(match[2])


def _changes(recipe: Recipe, sets: Sequence[str] | None, seeds: str | None) -> dict[str, object]:
    changes: dict[str, object] = {}
    for text in sets or ():
        key, equals, value = text.partition("=")
        key = setting_name(key)
        if not equals or not value.strip():
            raise typer.BadParameter(f"`{text}` should be like width=100", param_hint="--set")
        if recipe.command != "surface" and key not in RunConfig.model_fields:
            raise typer.BadParameter(
                lookup.unknown_message("setting", key, RunConfig.model_fields), param_hint="--set"
            )
        if key in changes:
            raise typer.BadParameter(f"`{key}` is set twice", param_hint="--set")
        changes[key] = value.strip()
    if seeds is not None:
        if recipe.command == "surface":
            raise typer.BadParameter("a surface has one seed: `--set seed=3`", param_hint="--seeds")
        if "seeds" in changes:
            raise typer.BadParameter("`seeds` is set by `--set` too", param_hint="--seeds")
        changes["seeds"] = seeds
    return changes


def _ask(count: int) -> None:
    question = f"{count:,} cells are a lot"
    if not sys.stdin.isatty():
        say(f"xavier: {question}, and there is no terminal to ask: `--yes` skips the question")
        raise typer.Exit(ExitCode.USAGE)
    if not typer.confirm(f"{question}. Continue?", err=True):
        raise typer.Exit(ExitCode.USAGE)
