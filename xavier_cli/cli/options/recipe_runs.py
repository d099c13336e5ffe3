"""Reads what the cells of a recipe left: the finished ones, and in rounds what is under way."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from xavier_cli.cli.options import run_files
from xavier_cli.config.run import RunConfig

if TYPE_CHECKING:
    from xavier_cli.runs.record import Run
    from xavier_cli.runs.result import Result
    from xavier_cli.sweeps.plan import Plan
    from xavier_cli.sweeps.work import Outcome


def read_finished(
    outcomes: Sequence[Outcome], only: Collection[str] | None = None
) -> tuple[run_files.Inputs, list[Result]]:
    """The runs and other results of finished cells; `only` is `read_run`'s. Unreadable files are reported."""
    from xavier_cli.runs.errors import RunFileError
    from xavier_cli.runs.many import read_runs
    from xavier_cli.runs.reader import read_result

    read, others = run_files.Inputs(), list["Result"]()
    done = [outcome.cell for outcome in outcomes if outcome.ending == "done"]
    for found in read_runs([cell.path for cell in done if isinstance(cell.config, RunConfig)], only):
        if isinstance(found, RunFileError):
            read.problem(str(found))
        else:
            read.runs.append(found)
    for cell in (cell for cell in done if not isinstance(cell.config, RunConfig)):
        try:
            others.append(read_result(cell.path, cell.command))
        except RunFileError as error:
            read.problem(str(error))
    return read, others


def read_begun(plan: Plan, outcomes: Sequence[Outcome]) -> list[Run]:
    """The runs so far of a plan in rounds: of configurations that have no seed at its end, merged over seeds.

    Unreadable files are passed over.
    """
    from xavier_cli.runs.errors import RunFileError
    from xavier_cli.runs.many import read_runs
    from xavier_cli.runs.merge import merge_runs

    if plan.scale not in plan.recipe.rounds:
        return []
    cells = [(each.cell, each.cell.config, each.ending == "done") for each in outcomes]
    trained = [(cell, config, done) for cell, config, done in cells if isinstance(config, RunConfig)]
    ended = {config.experiment for _, config, done in trained if done}
    begun = [
        (cell, config) for cell, config, _ in trained if config.experiment not in ended and cell.path.exists()
    ]
    runs = zip(read_runs([cell.path for cell, _ in begun]), begun, strict=True)
    found = [
        run
        for run, (_, config) in runs
        if not isinstance(run, RunFileError) and run.config.as_asked() == config and run.updates[-1] > 0
    ]
    return merge_runs(found)[0]
