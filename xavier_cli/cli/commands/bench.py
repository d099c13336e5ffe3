"""Implements `xavier bench`: the speed of training, next to this machine's limits and PyTorch."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from xavier_cli.cli.options.running import DeviceOption, QuietOption
from xavier_cli.cli.terminal.errors import say
from xavier_cli.cli.terminal.output import FormatOption, OutputOption, check_output, show_page

if TYPE_CHECKING:
    from xavier_cli.training.bench.rates import MeasuredRate

WIDTHS = "100,300,1000"


def bench(
    widths: Annotated[
        str, typer.Option("--widths", metavar="LIST", help="widths to measure, one after another")
    ] = WIDTHS,
    depth: Annotated[int, typer.Option("--depth", min=1, max=1000, help="hidden layers")] = 5,
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, max=1000, help="networks trained at the same time")
    ] = 4,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="quick and rough: short measurements, PyTorch without its compiler"),
    ] = False,
    pytorch: Annotated[
        bool, typer.Option("--pytorch/--no-pytorch", help="measure PyTorch too, where it is installed")
    ] = True,
    device: DeviceOption = None,
    quiet: QuietOption = False,
    format: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """Measure training speed against this machine's limits.

    xavier bench --quick

    Trains networks of Shapeset's size at batch 10: with a plain JAX program, with every layout of the engine
    on ready-made images, with generated images, and with probes and evaluation as in a default run.
    Measurements take turns and medians are shown, which other load on the machine changes least. Takes
    minutes, since everything is compiled.
    """
    if output is not None:
        check_output(output)
    from xavier_cli.config.run import RunConfig
    from xavier_cli.errors import ConfigError

    try:
        shapes = [RunConfig.of(width=each, depth=depth).widths[0] for each in widths.split(",")]
    except ConfigError as error:
        raise typer.BadParameter(str(error), param_hint="--widths") from None
    # Before the measurement itself adds to the load.
    load = _load()
    from xavier_cli.training.devices import set_up_jax

    set_up_jax(seeds, note=say)
    from xavier_cli.training.bench.limits import measure_limits
    from xavier_cli.training.bench.rates import measure_width, settings
    from xavier_cli.training.engine.training_data import prepare
    from xavier_cli.views.speed import busy_notes, speed_page

    def told(line: str) -> None:
        if not quiet:
            say(line)

    told("measuring the machine's limits")
    limits = measure_limits(3 if quick else 10)
    training_data = prepare(settings(shapes[0], depth, seeds), None)
    rates: list[MeasuredRate] = []
    notes = busy_notes(load, limits.cores)
    for width in shapes:
        found, remarks = measure_width(
            width,
            depth,
            seeds,
            limits,
            training_data,
            rounds=3 if quick else 9,
            seconds=0.1 if quick else 0.4,
            rivals=pytorch,
            compiled=not quick,
            told=told,
        )
        rates += found
        notes += [remark for remark in remarks if remark not in notes]
    show_page(speed_page(rates, limits, _machine(load), seeds, notes), format, output)


def _load() -> float | None:
    """The load average of the last minute; None if unknown."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def _machine(load: float | None) -> dict[str, str]:
    import platform
    from importlib.metadata import version

    import jax

    from xavier_cli.training.cores import processor_name

    devices = jax.local_devices()
    kind = devices[0].device_kind
    return {
        "processor": processor_name(),
        "devices": f"{len(devices)} {kind} device{'s' * (len(devices) > 1)}",
        "jax": version("jax"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "load": "" if load is None else f"{load:.1f}",
    }
