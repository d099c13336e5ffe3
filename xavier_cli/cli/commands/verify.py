"""Implements `xavier verify`: trains a part of a run again, and compares the numbers."""

from __future__ import annotations

from typing import Annotated

import typer

from xavier_cli.cli.options import run_files
from xavier_cli.cli.options.running import DataDirOption, DeviceOption, QuietOption
from xavier_cli.cli.terminal.errors import say
from xavier_cli.cli.terminal.output import FormatOption, OutputOption, check_output, show_page
from xavier_cli.errors import ExitCode
from xavier_cli.sanitize import clean


def verify(
    run: Annotated[str, typer.Argument(metavar="RUN", help="run file, or the name of a run")],
    updates: Annotated[
        int | None,
        typer.Option(
            "--updates",
            min=0,
            help="retrain up to the last record within N updates [default: about 30 s of training]",
        ),
    ] = None,
    seeds: Annotated[
        str | None, typer.Option("--seeds", metavar="SEEDS", help="only these seeds [default: all]")
    ] = None,
    data_dir: DataDirOption = None,
    device: DeviceOption = None,
    quiet: QuietOption = False,
    format: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """Retrain part of a run and compare the numbers.

    xavier verify runs/NAME.h5 --updates 3000

    With the machine, versions and layout that the run was trained with, they are bit-identical. Other
    machines and devices round differently, and training amplifies rounding: differences up to 0.1 % of an
    array's largest number count as rounding. Exits with 3 if there are larger ones, or if the weights
    beside the run are not those that it kept.
    """
    if output is not None:
        check_output(output)
    read = run_files.read_inputs([run])
    if len(read.runs) != 1:
        raise typer.BadParameter(f"`{run}` is {len(read.runs)} runs; name one", param_hint="RUN")
    original = read.runs[0]
    chosen = _seeds(seeds)

    from xavier_cli.cli.terminal.progress import shown_progress
    from xavier_cli.runs.deviation import differences, weights_difference
    from xavier_cli.runs.weights import missing_reason, weights_info
    from xavier_cli.training.devices import set_up_jax
    from xavier_cli.training.engine.loop import TrainingHooks
    from xavier_cli.training.retrain import ROUNDING, train_again
    from xavier_cli.views.retraining import verification_page

    if original.config.network.is_users and not original.config.updates:
        from xavier_cli.cli.terminal.progress import shown_note
        from xavier_cli.library.networks import Told, look_again

        with shown_note(quiet) as note:
            again = look_again(original, chosen, data_dir, Told(note, warn=say))
    else:
        set_up_jax(len(original.seeds) if chosen is None else len(chosen), note=say)
        with shown_progress(quiet) as report:
            hooks = TrainingHooks(report)
            again = train_again(original, data_dir, seeds=chosen, updates=updates, hooks=hooks)
    found = differences(original, again)
    damaged = missing_reason(original) if weights_info(original) else ""
    if damaged:
        say(f"xavier: the weights of `{clean(original.name)}`: {clean(damaged)}")
    elif again.weights:
        found.append(weights_difference(original, again))
    show_page(verification_page(original, again, found, ROUNDING), format, output)
    if damaged or any(each.relative > ROUNDING for each in found):
        raise typer.Exit(ExitCode.ANSWER_IS_NO)


def _seeds(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    from xavier_cli.config.run import RunConfig

    return RunConfig.of(seeds=text).seeds
