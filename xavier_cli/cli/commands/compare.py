"""Implements `xavier compare`: the table of means over seeds, and of significant differences."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from xavier_cli.cli.options import completion, lists, run_files
from xavier_cli.cli.options.filters import SortOption, WhereOption
from xavier_cli.cli.options.run_files import RunsArgument
from xavier_cli.cli.terminal.errors import say
from xavier_cli.cli.terminal.output import FormatOption, OutputOption, check_output, show_page
from xavier_cli.errors import ExitCode
from xavier_cli.vocabulary.other_words import setting_name

if TYPE_CHECKING:
    from xavier_cli.runs.record import Run
    from xavier_cli.views.page import Page

ONLY = (
    "curves/test_error",
    "curves/valid_error",
    "final/diverged_at",
    "search/lr",
    "search/valid_error",
)


SelectOption = Annotated[
    str | None,
    typer.Option(
        "--select",
        metavar="SETTING[,SETTING]",
        autocompletion=completion.settings,
        help="keep only the best run (by validation error) over these settings, like lr,depth",
        show_default=False,
    ),
]


ColumnsOption = Annotated[
    str | None,
    typer.Option(
        "--columns",
        metavar="SETTING[,SETTING]",
        autocompletion=completion.settings,
        help="show these settings instead of those that differ",
        show_default=False,
    ),
]
GroupByOption = Annotated[
    str | None,
    typer.Option(
        "--group-by",
        metavar="SETTING",
        autocompletion=completion.settings,
        help="a table for each value of this setting",
        show_default=False,
    ),
]
TopOption = Annotated[
    int | None,
    typer.Option("--top", metavar="K", min=1, help="show only the first K rows; all are compared"),
]
MetricOption = Annotated[
    str,
    typer.Option(
        "--metric",
        metavar="NAME",
        autocompletion=completion.metrics,
        help="what is compared: test_error, valid_error, test_loss, valid_loss, train_loss, or "
        "updates_to:0.5 (updates until the test error is at most 50 %)",
    ),
]
TransposeOption = Annotated[bool, typer.Option("--transpose", help="one column per experiment")]


def compare(
    runs: RunsArgument = None,
    metric: MetricOption = "test_error",
    where: WhereOption = None,
    select: SelectOption = None,
    columns: ColumnsOption = None,
    sort: SortOption = None,
    group_by: GroupByOption = None,
    transpose: TransposeOption = False,
    top: TopOption = None,
    format: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """Compare runs over seeds: mean, CI, significance.

    Runs of one configuration are merged. Without RUN: all runs in `runs/` (or `XAVIER_RUNS_DIR`).

    xavier compare --where act=tanh --select lr --top 10
    """
    from xavier_cli.findings.best_run import select as select_runs
    from xavier_cli.findings.comparison import MOST_ROWS_TESTED
    from xavier_cli.findings.comparison import compare as compare_experiments
    from xavier_cli.findings.metric import parse_metric
    from xavier_cli.views.comparison import comparison_page
    from xavier_cli.views.comparison_layout import View
    from xavier_cli.views.filters import chosen, nothing_fits
    from xavier_cli.views.runs import MARKS, mark_values, run_values

    if output is not None:
        check_output(output)
    view = View(
        tuple(_settings(columns, "--columns")) if columns is not None else (),
        sort,
        group_by,
        transpose,
        top,
    )
    by = parse_metric(metric)
    read = run_files.read_inputs(runs, only=(*ONLY, f"curves/{by.curve}"))
    every = read.runs
    read.runs = chosen(every, mark_values, where, MARKS.__contains__)
    if not read.runs:
        say(f"xavier: {nothing_fits(every, mark_values, where, MARKS.__contains__)}")
        raise typer.Exit(ExitCode.USAGE)
    experiments, notes = run_files.merged(read)
    if not experiments:
        raise run_files.nothing_to_show(read)
    over = _settings(select, "--select") if select is not None else None

    def compared(runs: list[Run]) -> tuple[Page | None, int]:
        """The output, or None if no run was trained, and the number of untrained runs."""
        runs = chosen(runs, run_values, where, lambda name: name not in MARKS)
        choices, more = select_runs(runs, over) if over is not None else ([], [])
        shown = [choice.run for choice in choices] or runs
        if len(shown) <= MOST_ROWS_TESTED:
            shown = [with_answers(run) for run in shown]
        comparison = compare_experiments(shown, choices, by)
        untrained = sum(run.updates[-1] == 0 for run in shown)
        sections = comparison.sections
        return comparison_page(comparison, [*notes, *more], view) if sections else None, untrained

    page, untrained = read.isolated(experiments, compared)
    if untrained:
        say(f"skipped {untrained} without training")
    if page is None:
        why = run_files.none_trained(experiments)
        if where and not untrained:
            why = read.isolated(
                experiments,
                lambda runs: nothing_fits(runs, run_values, where, lambda name: name not in MARKS),
            )
        say(f"xavier: {why}")
        raise typer.Exit(ExitCode.USAGE)
    show_page(page, format, output)
    read.finish()


def _settings(text: str, option: str) -> list[str]:
    """The settings in `lr,depth`, by any of their names."""
    # Two names of one setting are that setting twice.
    return [*lists.names(",".join(map(setting_name, lists.names(text, option))), option)]


def with_answers(run: Run) -> Run:
    """`run`, with its answers on single examples if it has one seed: only networks are compared by them."""
    from xavier_cli.runs.errors import RunFileError
    from xavier_cli.runs.reader import read_run

    if len(run.seeds) > 1 or run.path is None:
        return run
    try:
        answers = read_run(run.path, only=("final/test_correct",))
    except RunFileError:
        return run
    return replace(run, arrays={**run.arrays, **answers.arrays})
