"""Implements `xavier train`: trains one configuration with many seeds."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xavier_cli.cli.options import run_files
from xavier_cli.cli.options.data_sets import finite_set
from xavier_cli.cli.options.running import (
    DataDirOption,
    DeviceOption,
    MaxTimeOption,
    MemberBatchOption,
    QuietOption,
    SaveWeightsOption,
    Strategy,
    StrategyOption,
    asked_members,
    saved_weights,
)
from xavier_cli.cli.options.session import begin_training, force_replaces, this_command
from xavier_cli.cli.options.settings import with_settings
from xavier_cli.cli.terminal.errors import say
from xavier_cli.cli.terminal.help_pages import OUTPUT, RUNNING
from xavier_cli.cli.terminal.output import Format, FormatOption, refuse_folder, show_page
from xavier_cli.cli.terminal.signals import StopFlag
from xavier_cli.config.command_text import written
from xavier_cli.config.layers import resolve
from xavier_cli.errors import ExitCode
from xavier_cli.sanitize import clean
from xavier_cli.vocabulary.datasets import DatasetInfo, DatasetSpec

if TYPE_CHECKING:
    from xavier_cli.config.run import RunConfig
    from xavier_cli.runs.record import Run
    from xavier_cli.runs.weights import Saved


@with_settings
def train(
    settings: dict[str, str],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="run file to write; by default in `runs/`, named by its settings",
            rich_help_panel=OUTPUT,
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="train from the beginning and replace an existing file", rich_help_panel=OUTPUT
        ),
    ] = False,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="resume the interrupted training of the file given by `-o`",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    keep_all: Annotated[
        bool,
        typer.Option(
            "--keep-all", help="with several learning rates: keep a run of each", rich_help_panel=OUTPUT
        ),
    ] = False,
    save_weights: SaveWeightsOption = None,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run", help="show the plan and its memory; train nothing", rich_help_panel=RUNNING
        ),
    ] = False,
    data_dir: DataDirOption = None,
    strategy: StrategyOption = Strategy.AUTO,
    member_batch: MemberBatchOption = "auto",
    fail_on_divergence: Annotated[
        bool,
        typer.Option(
            "--fail-on-divergence", help="exit with code 4 if a seed diverges", rich_help_panel=RUNNING
        ),
    ] = False,
    device: DeviceOption = None,
    max_time: MaxTimeOption = None,
    quiet: QuietOption = False,
    live: Annotated[
        bool,
        typer.Option(
            "--live",
            help="show loss and error of each seed, and saturation of each layer",
            rich_help_panel=OUTPUT,
        ),
    ] = False,
    format: FormatOption = None,
) -> None:
    """Train a network with many seeds, recording every layer.

    Writes one run file. The same command shows the result of a finished configuration, and resumes an
    interrupted one with bit-identical results.

    xavier train --act tanh --init normalized

    xavier train --lr 0.01,0.03,0.1 --seeds 5

    Functions in files (FILE.py:FUNCTION, also in `xavier.toml`) are code and are run; each is named first.
    """
    from xavier_cli.runs.listing import run_path

    if live and quiet:
        raise typer.BadParameter("shows what `--quiet` hides: give one of them", param_hint="--live")
    asked, saved = asked_members(member_batch), saved_weights(save_weights)
    config = resolve(settings)
    path = output or run_path(run_files.runs_folder(), config)
    refuse_folder(path)
    if dry_run:
        from xavier_cli.views.training_plan import plan_page
        from xavier_cli.vocabulary.user_code import load_user_functions

        facts, sizes = None, None
        if config.network.is_users:
            from xavier_cli.training.session import looked_into

            config, facts, sizes = looked_into(config, data_dir, say)
        elif config.dataset.builtin is None:
            facts = finite_set(config.dataset, data_dir)[1]
        load_user_functions(config.user_functions)
        show_page(plan_page(config, path, facts, asked, strategy.value, saved, sizes), format)
        return
    if force and resume:
        raise typer.BadParameter("not with `--force`, which starts again", param_hint="--resume")
    named = output is not None and not force and not resume
    if named and os.path.lexists(path):
        raise _taken(path)
    run = None if force else _finished(path, config, data_dir, saved)
    if run is None:
        run = _train(
            config,
            path,
            data_dir,
            strategy,
            keep_all,
            quiet,
            named,
            force,
            resume,
            asked,
            live,
            max_time,
            saved,
        )
    else:
        say("already trained; `--force` trains it again")
    _show(run, path, format)
    if fail_on_divergence and run.diverged.any():
        raise typer.Exit(ExitCode.IN_PART)


def _finished(path: Path, config: RunConfig, data_dir: Path | None, saved: Saved | None) -> Run | None:
    """The complete run of `config` at `path`; None if it is incomplete or missing, or lacks its weights.

    Raises `ResumeError` if `path` holds a run of another configuration, `RunFileError` if it holds none that
    can be read, `ConfigError` if its data differ.
    """
    if not os.path.lexists(path):
        return None
    from xavier_cli.runs.own_file import finished_run

    with force_replaces():
        run = finished_run(path, config)
    if run is not None:
        from xavier_cli.runs.weights import has_saved

        _refuse_other_data(path, run, data_dir)
        if saved and not has_saved(run, saved):
            return None
    return run


def _taken(path: Path) -> typer.BadParameter:
    return typer.BadParameter(
        f"`{path}` exists; `--resume` resumes it, `--force` replaces it", param_hint="--output"
    )


def _refuse_other_data(path: Path, run: Run, data_dir: Path | None) -> None:
    """Raise `ConfigError` if the run's data have changed since; missing data cannot be compared."""
    from xavier_cli.data.sets import DataMissingError
    from xavier_cli.errors import ConfigError

    asked = run.config.dataset
    if asked.builtin is None and run.data:
        try:
            facts = finite_set(asked, data_dir)[1]
        except DataMissingError:
            return
        if facts.sha256 != run.data.sha256:
            told = _other_data(asked) or "has changed since"
            raise ConfigError(f"data: `{asked.name}` {told} `{path}` was trained; `--force` replaces it")


def _other_data(asked: DatasetSpec) -> str:
    """A hint about a function that returns other data though its source is the same; empty for files."""
    if asked.kind != "own":
        return ""
    return "is not deterministic, or what it reads has changed: it returns other data than when"


def _warn_of_other_data(path: Path, config: RunConfig, facts: DatasetInfo | None) -> None:
    """Warn if a user function returned other data for the run that is to be replaced."""
    from xavier_cli.runs.errors import ResumeError, RunFileError
    from xavier_cli.runs.own_file import finished_run

    told = _other_data(config.dataset)
    if not (told and facts):
        return
    try:
        run = finished_run(path, config)
    except (ResumeError, RunFileError):
        return
    if run and run.data and run.data.sha256 != facts.sha256:
        say(f"warning: `{facts.name}` {told} `{path}` was trained")


def _train(
    config: RunConfig,
    path: Path,
    data_dir: Path | None,
    strategy: Strategy,
    keep_all: bool,
    quiet: bool,
    named: bool,
    force: bool,
    resume: bool,
    asked: int | None,
    live: bool,
    max_time: float | None,
    saved: Saved | None,
) -> Run:
    from xavier_cli.files.locks import lock_output

    # Lock before anything slow, so that a second process is refused at once.
    with lock_output(path), StopFlag(max_time) as stopped:
        from xavier_cli.cli.terminal.live import is_drawn, shown_live
        from xavier_cli.runs.checkpoint import has_checkpoint
        from xavier_cli.training.engine.loop import NoRunError, Progress, TrainingHooks

        begun = has_checkpoint(path)
        if named and begun:
            raise _taken(path)
        # Another process may have finished it since the first check.
        if not force and (run := _finished(path, config, data_dir, saved)):
            return run
        lacking = saved and not force and _finished(path, config, data_dir, None)
        if lacking and not begun:
            say(
                "already trained, without its weights: training again to save them; the file stays until then"
            )
        elif resume and not begun:
            say("nothing to resume; training starts from the beginning")
        elif path.exists() and not begun and not force:
            say(f"`{path}` is unfinished and has no checkpoint; training starts from the beginning")
        training = begin_training(config, data_dir, strategy, asked)
        if force:
            _warn_of_other_data(path, config, training.facts)
        done = 0
        again = "`--resume` resumes it" if named or resume else "the same command resumes it"
        with shown_live(quiet, live) as (report, look), stopped.in_place(is_drawn(live)):

            def watch(progress: Progress) -> None:
                nonlocal done
                done = progress.updates
                report(progress)

            told: set[str] = set()

            def warn(text: str) -> None:
                # Searched rates and batches of seeds repeat the same warnings.
                if text not in told:
                    told.add(text)
                    say(f"warning: {text}")

            hooks = TrainingHooks(
                watch,
                lambda: bool(stopped),
                provenance=this_command(),
                look=look,
                note=warn,
                save_weights=saved,
            )
            try:
                with force_replaces():
                    run = training.train_to_file(path, hooks, resume=not force, keep_all=keep_all, note=say)
            except NoRunError as error:
                say(f"xavier: {error}; {again}")
                raise typer.Exit(stopped.exit_code) from None
    if stopped and run.status != "complete":
        last = int(run.updates[-1])
        say(
            f"interrupted at update {done:,} of {config.updates:,}; last record at {last:,}; results so "
            f"far are in {path}; {again}"
        )
        raise typer.Exit(stopped.exit_code)
    return run


def _show(run: Run, path: Path, format: Format | None) -> None:
    from xavier_cli.runs.weights import weights_info, weights_path
    from xavier_cli.views.training import result_page

    show_page(result_page(run, path), format)
    if run.diverged.any():
        from xavier_cli.findings.health.divergence import why_diverged

        why = why_diverged(run)
        say(f"warning: {why.words}{'; a lower --lr may help' * why.rate_helps}")
    if run.weights or weights_info(run):
        say(f"weights: {clean(str(weights_path(path)))}")
    if run.on_edge:
        from xavier_cli.config.settings import spoken

        say(f"warning: {spoken('lr', run.lr)} is on the edge of the grid; a better rate may lie beyond")
    # What saturates first is a question of bounded activations; a custom network's are its own.
    say(f"next: {written('plot', 'layers' if run.network else 'saturation', path)}")
    say("      xavier compare")
