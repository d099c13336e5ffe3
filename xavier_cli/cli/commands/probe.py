"""Implements `xavier probe`: layer statistics at initialization, with theoretical predictions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xavier_cli.cli.options.running import (
    DataDirOption,
    DeviceOption,
    QuietOption,
    ReplaceOption,
    Strategy,
    StrategyOption,
)
from xavier_cli.cli.options.session import begin_training, force_replaces, this_command
from xavier_cli.cli.options.settings import with_settings
from xavier_cli.cli.terminal.errors import say
from xavier_cli.cli.terminal.output import Format, FormatOption, refuse_folder, show_page
from xavier_cli.config.command_text import written
from xavier_cli.config.layers import resolve
from xavier_cli.config.settings import settings_of_training
from xavier_cli.errors import ExitCode

if TYPE_CHECKING:
    from xavier_cli.config.run import RunConfig
    from xavier_cli.runs.record import Run

PROBES = Path("probes")


@with_settings(unused=settings_of_training())
def probe(
    settings: dict[str, str],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="file to write; by default named by its content in `probes/`"),
    ] = None,
    force: ReplaceOption = False,
    data_dir: DataDirOption = None,
    strategy: StrategyOption = Strategy.AUTO,
    device: DeviceOption = None,
    quiet: QuietOption = False,
    unfold: Annotated[
        bool, typer.Option("--unfold", help="of a custom network list every layer, also where many are alike")
    ] = False,
    expect: Annotated[
        Path | None,
        typer.Option(
            "--expect",
            metavar="FILE",
            help="compare a custom network's initialization with a probe that was kept; exits with 3 where "
            "it has drifted, and writes a file only with `-o`",
            readable=False,
        ),
    ] = None,
    format: FormatOption = None,
) -> None:
    """Measure networks before training, custom ones too.

    Of `mlp` beside theory; of a custom network, which distribution each layer was drawn from, and what is
    wrong. Custom networks have `--act` where their function takes `act`, and no other setting of `mlp`;
    `--init` and `--bias-init` redraw their layers, all or those of a number, a path or a pattern.

    xavier probe --act tanh --init standard --width 1000

    xavier probe --net deep.py:relu:depth=10 --data mnist

    xavier probe --net vit.py:vit --init "network,blocks/*=he_normal"

    xavier probe --jacobian-examples 16 --seeds 5

    Settings of training alone (updates, rates, records), of files or variables too, change nothing.
    """
    from xavier_cli.cli.terminal.progress import shown_progress
    from xavier_cli.files.locks import lock_output
    from xavier_cli.findings.expectation import expectation
    from xavier_cli.runs.listing import run_path
    from xavier_cli.runs.own_file import OwnFile
    from xavier_cli.runs.record import Run
    from xavier_cli.runs.store import rehearse_run
    from xavier_cli.training.engine.loop import TrainingHooks
    from xavier_cli.training.train import untrained
    from xavier_cli.views.initialization import initial_page

    asked = resolve(settings)
    if asked.pretrain != "none":
        say("probe measures networks before pre-training: --pretrain has no effect")
    config = untrained(asked)
    if output is not None:
        refuse_folder(output)
    if output is not None and output.exists() and not force:
        raise typer.BadParameter(f"`{output}` exists; `--force` replaces it", param_hint="--output")
    kept = _kept(expect, config)
    if config.network.is_users:
        _probe_network(config, output, kept, data_dir, quiet, unfold, force, format)
        return
    path = output or run_path(PROBES, config)
    refuse_folder(path)
    with force_replaces():
        # Before the data are read; asked again once nobody else writes it.
        OwnFile(path, config, replaces=force)
    # Probe all seeds together.
    looking = begin_training(config, data_dir, strategy, member_batch=len(config.seeds))
    with lock_output(path), shown_progress(quiet) as report:
        hooks = TrainingHooks(report, provenance=this_command())
        with force_replaces():
            file = OwnFile(path, config, replaces=force)
        # Report a path that cannot be written before anything is computed.
        rehearse_run(path, Run(config, {}, provenance=hooks.provenance, data=looking.facts))
        run = looking.probe(hooks)
        file.write(run)
    show_page(initial_page(run, expectation(run), path), format)
    say(f"next: {written('plot', 'activations', path)}")
    if config.jacobian_examples:
        say(f"      {written('plot', 'spectrum', path)}")


def _probe_network(
    config: RunConfig,
    output: Path | None,
    kept: Run | None,
    data_dir: Path | None,
    quiet: bool,
    unfold: bool,
    force: bool,
    format: Format | None,
) -> None:
    from xavier_cli.cli.options.data_sets import say_data
    from xavier_cli.cli.terminal.progress import shown_note
    from xavier_cli.files.locks import lock_output
    from xavier_cli.findings.health import diagnose
    from xavier_cli.library.networks import Told, probe_network
    from xavier_cli.runs.listing import run_path
    from xavier_cli.runs.own_file import OwnFile
    from xavier_cli.views.network import network_page

    with shown_note(quiet) as note:
        run = probe_network(config, data_dir, Told(note, say_data, say))
    run = replace(run, provenance={**run.provenance, **this_command()})
    # The name says how many layers were found.
    path = output or run_path(PROBES, run.config)
    if kept is None or output is not None:
        with lock_output(path), force_replaces():
            OwnFile(path, config, replaces=force).write(run)
    if kept is not None:
        _compare(kept, run, output, format)
        return
    show_page(network_page(run, diagnose(run), path, unfold=unfold), format)
    say(f"next: {written('plot', 'layers', path)}")


def _kept(expect: Path | None, config: RunConfig) -> Run | None:
    """The probe that was kept in the file `expect`; refused where it is of no custom network."""
    if expect is None:
        return None
    from xavier_cli.runs.reader import read_run

    if not config.network.is_users:
        raise typer.BadParameter("is for custom networks, of `--net`", param_hint="--expect")
    run = read_run(expect)
    if run.network is None:
        raise typer.BadParameter(f"`{expect}` is no probe of a custom network", param_hint="--expect")
    return run


def _compare(kept: Run, run: Run, output: Path | None, format: Format | None) -> None:
    """Show where `run` is not as `kept`, and exit with 3 where it is not."""
    from xavier_cli.findings.drift import drifts
    from xavier_cli.views.drift import drift_page

    assert kept.network is not None
    assert run.network is not None
    found = drifts(kept.network, run.network, (len(kept.seeds), len(run.seeds)))
    show_page(drift_page(found, kept, run, output), format)
    if found:
        raise typer.Exit(ExitCode.ANSWER_IS_NO)
