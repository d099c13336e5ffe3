"""Implements `xavier check`: the state of runs, training problems, since which update, and what to try."""

from __future__ import annotations

from typing import Annotated

import typer

from xavier_cli.cli.options import lists, run_files
from xavier_cli.cli.options.run_files import RunsArgument
from xavier_cli.cli.terminal.output import FormatOption, OutputOption, check_output, show_page
from xavier_cli.errors import ExitCode


def check(
    runs: RunsArgument = None,
    rules: Annotated[
        str | None,
        typer.Option("--rules", metavar="RULE[,RULE]", help="only these rules", show_default=False),
    ] = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="list runs without problems, too, with all findings")
    ] = False,
    format: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """Diagnose training problems: which layer, since which update.

    Without RUN: the runs of the newest command in `runs/` (or `XAVIER_RUNS_DIR`). The state of a run is
    problems found, warnings, too early to tell, or no problems; a cause comes with what it explains, and
    with a command to try. `xavier check list` shows the rules with their thresholds.

    Exits with 3 where problems are found (a rule says `error`), with 0 for every other state.

    xavier check runs/*.h5 --rules saturated-layer,plateau-at-chance
    """
    from xavier_cli.findings.health import find_rules
    from xavier_cli.views.findings import findings_page, has_problems, rules_page

    if output is not None:
        check_output(output)
    chosen = find_rules(lists.names(rules, "--rules") if rules is not None else ())
    if runs == ["list"]:
        show_page(rules_page(chosen), format, output)
        return
    read = run_files.read_inputs(runs, run_files.newest_runs)
    page, wrong = read.isolated(
        read.runs, lambda runs: (findings_page(runs, chosen, verbose), has_problems(runs, chosen))
    )
    show_page(page, format, output)
    read.finish()
    if wrong:
        raise typer.Exit(ExitCode.ANSWER_IS_NO)
