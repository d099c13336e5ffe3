"""Implements `xavier svm`: the error of a support vector machine on the finite Shapeset, with the paper's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xavier_cli.cli.options.running import QuietOption, ReplaceOption
from xavier_cli.cli.options.session import force_replaces, this_command
from xavier_cli.cli.terminal.errors import say
from xavier_cli.cli.terminal.output import FormatOption, OutputOption, check_output, show_page

if TYPE_CHECKING:
    from xavier_cli.runs.svm import SupportVectorMachine, SvmConfig

FOLDER = Path("svms")


def svm(
    examples: Annotated[int, typer.Option("--examples", help="number of training examples")] = 10_000,
    force: ReplaceOption = False,
    quiet: QuietOption = False,
    format: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """Train the paper's support vector machine on Shapeset.

    The kernel is RBF. C and gamma are chosen from a small grid, on at most 20,000 training and 2,000
    validation examples; the error is that on the 10,000 test examples. It is trained on the same images as
    `xavier train --data shapeset:EXAMPLES`. Time and memory grow with the square of the examples. The result
    is stored in `svms/`; the same command shows it again.
    """
    from xavier_cli.runs.own_file import made_at
    from xavier_cli.runs.svm import SupportVectorMachine, SvmConfig
    from xavier_cli.views.svm import svm_page

    if output is not None:
        check_output(output)
    config = SvmConfig.of(data=f"shapeset:{examples}")
    path = FOLDER / f"{config.file_stem()}.h5"
    with force_replaces():
        found = None if force else made_at(path, config)
    if found is not None:
        assert isinstance(found, SupportVectorMachine)
        say("already computed; `--force` computes it again")
        show_page(svm_page(found, path), format, output)
        return
    show_page(svm_page(_make(config, path, quiet, force), path), format, output)


def _make(config: SvmConfig, path: Path, quiet: bool, force: bool) -> SupportVectorMachine:
    from xavier_cli.cli.terminal.progress import shown_progress
    from xavier_cli.cli.terminal.signals import StopFlag
    from xavier_cli.files.locks import lock_output
    from xavier_cli.runs.own_file import OwnFile
    from xavier_cli.runs.store import rehearse_run
    from xavier_cli.runs.svm import SupportVectorMachine
    from xavier_cli.training import svm as room
    from xavier_cli.training.devices import set_up_jax
    from xavier_cli.training.engine.loop import TrainingHooks
    from xavier_cli.training.engine.training_data import shapeset_set

    # Said before anything is generated or written.
    room.require_sklearn()
    set_up_jax(1)
    with lock_output(path), StopFlag() as stopped, shown_progress(quiet) as report:
        hooks = TrainingHooks(report, lambda: bool(stopped), provenance=this_command())
        with force_replaces():
            file = OwnFile(path, config, replaces=force)
        rehearse_run(path, SupportVectorMachine(config, {}, provenance=hooks.provenance))
        try:
            made = room.fit_svm(config, shapeset_set(config.dataset), hooks)
        except room.SvmInterruptedError as error:
            say(f"xavier: {error}")
            raise typer.Exit(stopped.exit_code) from None
        file.write(made)
    return made
