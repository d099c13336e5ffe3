"""Implements `xavier surface`: the loss over two weights (Figure 5), or two directions around a run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xavier_cli.cli.options.running import DataDirOption, DeviceOption, QuietOption, ReplaceOption
from xavier_cli.cli.options.session import force_replaces, this_command
from xavier_cli.cli.terminal.errors import say
from xavier_cli.cli.terminal.output import FormatOption, refuse_folder, show_page

if TYPE_CHECKING:
    from xavier_cli.runs.record import Run
    from xavier_cli.runs.surface import Surface, SurfaceConfig

FOLDER = Path("surfaces")
# If the loss after retraining differs by more, it is not the same network.
SAME_LOSS = 1e-3


def surface(
    around: Annotated[
        Path | None,
        typer.Option(
            "--around",
            metavar="RUN",
            help="run file: retrain its first seed, and take the surface around the result",
            readable=False,
        ),
    ] = None,
    act: Annotated[
        str, typer.Option("--act", metavar="NAME", help="activation of the two-weight network")
    ] = "tanh",
    updates: Annotated[
        int | None,
        typer.Option("--updates", min=0, help="with --around: updates to train [default: the run's]"),
    ] = None,
    span: Annotated[
        float | None,
        typer.Option(
            "--span", help="both axes run from -SPAN to SPAN [default: 4, as in the paper; around a run 1]"
        ),
    ] = None,
    points: Annotated[int, typer.Option("--points", help="points along each axis")] = 51,
    examples: Annotated[
        int | None,
        typer.Option(
            "--examples", help="examples that the losses are means over [default: 1; around a run 300]"
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="seed of the random data, or of the directions")] = 0,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="file to write; by default named by its content in `surfaces/`"),
    ] = None,
    force: ReplaceOption = False,
    data_dir: DataDirOption = None,
    device: DeviceOption = None,
    quiet: QuietOption = False,
    format: FormatOption = None,
) -> None:
    """Compute the loss surface over two weights or directions.

    By default over two weights, one per layer of a tiny network with random input and label (Figure 5); with
    `--around` over two random, filter-normalized directions around a trained network.
    """
    from xavier_cli.config.command_text import written
    from xavier_cli.runs.listing import run_path
    from xavier_cli.runs.own_file import made_at
    from xavier_cli.runs.reader import read_run
    from xavier_cli.runs.surface import Surface
    from xavier_cli.views.surface import surface_page

    if updates is not None and around is None:
        raise typer.BadParameter("goes with `--around RUN`", param_hint="--updates")
    run = read_run(around, only=("update", "curves/test_loss")) if around is not None else None
    config = _config(run, act, updates, span, points, examples, seed)
    path = output or run_path(FOLDER, config)
    refuse_folder(path)
    if output is not None and os.path.lexists(output) and not force:
        raise typer.BadParameter(f"`{output}` exists; `--force` replaces it", param_hint="--output")
    with force_replaces():
        found = None if force else made_at(path, config)
    if found is not None:
        assert isinstance(found, Surface)
        say("already computed; `--force` computes it again")
        show_page(surface_page(found, path), format)
        return
    made = _make(config, path, run, data_dir, quiet, force)
    show_page(surface_page(made, path), format)
    say(f"next: {written('plot', 'loss-surface', path)}")


def _config(
    run: Run | None,
    act: str,
    updates: int | None,
    span: float | None,
    points: int,
    examples: int | None,
    seed: int,
) -> SurfaceConfig:
    from xavier_cli.config.custom_networks import refuse_custom_networks
    from xavier_cli.runs.surface import SurfaceConfig

    trained = None
    if run is not None:
        refuse_custom_networks(run.config, "a surface is of perceptrons alone")
        done = int(run.updates[-1]) if updates is None else updates
        if run.config.schedule != "constant" and done != run.config.updates:
            raise typer.BadParameter(
                f"the run's rate follows `{run.config.schedule}` over all {run.config.updates} updates: "
                "no other number trains its network",
                param_hint="--updates",
            )
        trained = run.config.with_(seeds=run.config.seeds[:1], lr=run.known_lr, updates=done, records="2")
        act = trained.act
    span = span if span is not None else 4.0 if trained is None else 1.0
    if not span > 0:
        raise typer.BadParameter("should be above 0", param_hint="--span")
    examples = examples if examples is not None else 1 if trained is None else 300
    return SurfaceConfig.of(
        act=act, low=-span, high=span, points=points, examples=examples, seed=seed, around=trained
    )


def _make(
    config: SurfaceConfig, path: Path, run: Run | None, data_dir: Path | None, quiet: bool, force: bool
) -> Surface:
    from xavier_cli.cli.terminal.progress import shown_progress
    from xavier_cli.cli.terminal.signals import StopFlag
    from xavier_cli.files.locks import lock_output
    from xavier_cli.runs.own_file import OwnFile
    from xavier_cli.runs.store import rehearse_run
    from xavier_cli.runs.surface import Surface
    from xavier_cli.training import surface as room
    from xavier_cli.training.devices import set_up_jax
    from xavier_cli.training.engine.loop import TrainingHooks

    set_up_jax(1)
    with lock_output(path), StopFlag() as stopped, shown_progress(quiet) as report:
        hooks = TrainingHooks(report, lambda: bool(stopped), provenance=this_command())
        with force_replaces():
            file = OwnFile(path, config, replaces=force)
        # Report a path that cannot be written before anything is trained.
        rehearse_run(path, Surface(config, {}, provenance=hooks.provenance))
        try:
            if run is None:
                made = room.two_weights(config, hooks)
            else:
                trained = room.train_again(config, data_dir, hooks)
                _compare(run, trained.run)
                made = room.around(config, trained, hooks)
        except room.SurfaceInterruptedError as error:
            say(f"xavier: {error}")
            raise typer.Exit(stopped.exit_code) from None
        file.write(made)
    return made


def _compare(run: Run, again: Run) -> None:
    """Warn if the retrained network differs from the run's."""
    if again.diverged.any():
        say("warning: the network diverged; the surface lies around its last finite weights")
    if int(run.updates[-1]) != int(again.updates[-1]) or run.status != "complete":
        return
    was, now = float(run["curves/test_loss"][0, -1]), float(again["curves/test_loss"][0, -1])
    if not abs(was - now) <= SAME_LOSS * max(abs(was), 1.0):
        say(f"warning: trained again, its test loss is {now:.6g}, in the run file {was:.6g}")
