"""Implements `xavier bench`: the speed of training, next to this machine's limits and PyTorch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xavier_cli.cli.options import lists
from xavier_cli.cli.options.running import DataDirOption, DeviceOption, QuietOption
from xavier_cli.cli.terminal.errors import say
from xavier_cli.cli.terminal.output import FormatOption, OutputOption, check_output, show_page
from xavier_cli.vocabulary.networks import MLP

if TYPE_CHECKING:
    from xavier_cli.config.run import RunConfig
    from xavier_cli.training.bench.rates import MeasuredRate
    from xavier_cli.training.session import Session

WIDTHS = "100,300,1000"
DEPTH = 5
# The paper's batch, and one that convolutions and attention are usually trained with.
BATCHES, BATCHES_OF_NETWORKS = "10", "10,32"
DATA = "shapeset"


def bench(
    widths: Annotated[
        str | None,
        typer.Option(
            "--widths", metavar="LIST", help=f"widths to measure, one after another [default: {WIDTHS}]"
        ),
    ] = None,
    depth: Annotated[
        int | None, typer.Option("--depth", min=1, max=1000, help=f"hidden layers [default: {DEPTH}]")
    ] = None,
    net: Annotated[
        list[str] | None,
        typer.Option(
            "--net",
            metavar="FILE:NAME[:KEY=VALUE,…]",
            help="measure this custom network instead, next to its own loop in plain JAX; may be repeated",
        ),
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", metavar="NAME", help=f"data set of `--net` [default: {DATA}]")
    ] = None,
    batch_sizes: Annotated[
        str | None,
        typer.Option(
            "--batch-size",
            metavar="LIST",
            help=f"examples per update [default: {BATCHES}; with `--net` {BATCHES_OF_NETWORKS}]",
        ),
    ] = None,
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, max=1000, help="networks trained at the same time")
    ] = 4,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="quick and rough: 2 rounds, one layout, PyTorch without its compiler"),
    ] = False,
    pytorch: Annotated[
        bool, typer.Option("--pytorch/--no-pytorch", help="measure PyTorch too, where it is installed")
    ] = True,
    data_dir: DataDirOption = None,
    device: DeviceOption = None,
    quiet: QuietOption = False,
    format: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """Measure training speed against this machine's limits.

    xavier bench --quick

    xavier bench --net recipes/networks/cnn.py:cnn:depth=8

    Trains networks of Shapeset's size: with a plain JAX program, with every layout of the engine on
    ready-made images, with generated images, and with probes and evaluation as often as in a default run;
    then as `xavier train` does, into a file. `--net` measures the engine next to the loop that one would
    write for one network in JAX. Programs take turns as long as training's own segments, and medians are
    shown, which other load on the machine changes least. Takes minutes, since everything is compiled.

    Functions in files (FILE.py:FUNCTION) are code and are run; each is named first.
    """
    if output is not None:
        check_output(output)
    configs = _configs(widths, depth, net, data, batch_sizes, seeds)
    from xavier_cli.training.bench.limits import describe_machine, measure_limits, system_load

    # Before the measurement itself adds to the load.
    load = system_load()
    from xavier_cli.training.bench.rates import QUICK, THOROUGH, measure
    from xavier_cli.training.devices import set_up_jax
    from xavier_cli.views.speed import busy_notes, speed_page

    set_up_jax(seeds, note=say)
    begun = _begin(configs, data_dir)

    def told(line: str) -> None:
        if not quiet:
            say(line)

    told("measuring the machine's limits")
    limits = measure_limits(3 if quick else 10)
    effort = QUICK if quick else THOROUGH
    rates: list[MeasuredRate] = []
    notes = busy_notes(load, limits.cores)
    if quick:
        notes.append("Quick: medians of 2 rounds, and one record of a training; ratios are rough.")
    for training in begun:
        found, remarks = measure(training, limits, effort, pytorch=pytorch, told=told)
        rates += found
        notes += [remark for remark in remarks if remark not in notes]
    show_page(speed_page(rates, limits, describe_machine(load), seeds, notes), format, output)


def _configs(
    widths: str | None,
    depth: int | None,
    net: list[str] | None,
    data: str | None,
    batches: str | None,
    seeds: int,
) -> list[RunConfig]:
    """What is measured, the batch sizes of a network one after another.

    Raises `BadParameter`, and `ConfigError` for what `--net` and `--data` name.
    """
    from xavier_cli.config.run import RunConfig
    from xavier_cli.errors import ConfigError

    given = {"--widths": widths, "--depth": depth} if net else {"--data": data}
    for option, value in given.items():
        if value is not None:
            told = f"is of `{MLP}` alone: leave it out with `--net`" if net else "is for `--net`"
            raise typer.BadParameter(told, param_hint=option)
    batch_sizes = lists.numbers(batches or (BATCHES_OF_NETWORKS if net else BATCHES), "--batch-size")
    if net:
        if twice := [each for each in net if net.count(each) > 1]:
            raise typer.BadParameter(f"`{twice[0]}` is given twice", param_hint="--net")
        found = [
            RunConfig.of(net=each, data=data or DATA, batch_size=batch, seeds=seeds)
            for each in net
            for batch in batch_sizes
        ]
        if any(not config.network.is_users for config in found):
            raise typer.BadParameter(f"`{MLP}` is measured without it, by `--widths`", param_hint="--net")
        return found
    try:
        return [
            RunConfig.of(width=each, depth=depth or DEPTH, batch_size=batch, seeds=seeds)
            for each in lists.numbers(widths or WIDTHS, "--widths")
            for batch in batch_sizes
        ]
    except ConfigError as error:
        option = "--batch-size" if str(error).startswith("batch_size") else "--widths"
        raise typer.BadParameter(str(error), param_hint=option) from None


def _begin(configs: list[RunConfig], data_dir: Path | None) -> list[Session]:
    """The sessions of `configs`, with their data at hand; raises as `session`."""
    from xavier_cli.cli.options.data_sets import say_data
    from xavier_cli.training.engine.training_data import TrainingData, prepare
    from xavier_cli.training.session import begin

    found: dict[int, TrainingData] = {}

    def read(config: RunConfig, data_dir: Path | None) -> TrainingData:
        if config.batch_size not in found:
            found[config.batch_size] = prepare(config, data_dir)
            if len(found) == 1 and (facts := found[config.batch_size].facts):
                say_data(facts)
        return found[config.batch_size]

    return [begin([config], data_dir, read=read) for config in configs]
