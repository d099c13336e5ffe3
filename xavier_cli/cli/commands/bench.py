"""`xavier bench`: how fast training is here, beside this machine's own limits and PyTorch."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xavier_cli.cli.options.running import QuietOption
from xavier_cli.cli.terminal.errors import say
from xavier_cli.cli.terminal.output import FormatOption, OutputOption, check_output, show_page
from xavier_cli.views.page import Column, Page, Table, clean

if TYPE_CHECKING:
    from xavier_cli.training.bench.limits import Limits
    from xavier_cli.training.bench.rates import Rate

SCHEMA = "xavier.bench/1"
WIDTHS = "100,300,1000"
WHOLE = "with probes and evaluation"


def bench(
    widths: Annotated[
        str, typer.Option("--widths", metavar="LIST", help="Networks of these widths, one after another.")
    ] = WIDTHS,
    depth: Annotated[int, typer.Option("--depth", min=1, max=1000, help="Hidden layers.")] = 5,
    seeds: Annotated[
        int, typer.Option("--seeds", min=1, max=1000, help="Networks trained at the same time.")
    ] = 4,
    quick: Annotated[
        bool,
        typer.Option("--quick", help="Rough numbers: short turns, and PyTorch without its compiler."),
    ] = False,
    pytorch: Annotated[
        bool, typer.Option("--pytorch/--no-pytorch", help="Whether PyTorch is measured, where it is.")
    ] = True,
    quiet: QuietOption = False,
    format: FormatOption = None,
    output: OutputOption = None,
) -> None:
    """Measure updates per second against this machine's own limits.

    xavier bench --quick

    Networks of Shapeset's size at batch 10 are trained by the plainest JAX program there is, by the engine's
    step under every strategy over ready-made images, with the generator, and with probes and evaluation as in
    a default run. All take turns, and medians are shown: what differs is told apart even on a busy machine.
    Takes minutes, since everything has to be compiled.
    """
    if output is not None:
        check_output(output)
    from xavier_cli.config.run import RunConfig
    from xavier_cli.errors import ConfigError

    try:
        shapes = [RunConfig.of(width=each, depth=depth).widths[0] for each in widths.split(",")]
    except ConfigError as error:
        raise typer.BadParameter(str(error), param_hint="--widths") from None
    # Before this measurement adds to it.
    load = _load()
    from xavier_cli.training.devices import keep_compiled_programs, prepare_devices

    keep_compiled_programs()
    if note := prepare_devices(seeds):
        say(note)
    from xavier_cli.training.bench.limits import measure_limits
    from xavier_cli.training.bench.rates import measure_width, settings
    from xavier_cli.training.engine.training_data import prepare

    def told(line: str) -> None:
        if not quiet:
            say(line)

    told("measuring the machine's limits")
    limits = measure_limits(3 if quick else 10)
    training_data = prepare(settings(shapes[0], depth, seeds), None)
    rates: list[Rate] = []
    notes = _busy(load, limits.cores)
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
    show_page(bench_page(rates, limits, _machine(load), seeds, notes), format, output)


def bench_page(
    rates: list[Rate], limits: Limits, machine: dict[str, str], seeds: int, notes: list[str]
) -> Page:
    """The answer: limits, rates, and how many times faster than the best of PyTorch everything of ours is."""
    best = {
        rate.width: min(
            (each.milliseconds for each in rates if each.width == rate.width and _is_rival(each)),
            default=None,
        )
        for rate in rates
    }
    records = [
        {
            **asdict(rate),
            "updates_per_second": 1e3 / rate.milliseconds,
            "times_pytorch": (best[rate.width] or float("nan")) / rate.milliseconds
            if best[rate.width]
            else None,
        }
        for rate in rates
    ]
    said = [f"{limits.gflops:.0f} GFLOP/s of matrix products"]
    if limits.gflops_per_core is not None:
        said[0] += f" ({limits.gflops_per_core:.0f} on one core)"
    if limits.cache_gbytes is not None:
        said.append(f"{limits.cache_gbytes:.0f} GB/s read from a core's cache")
    said.append(f"{limits.memory_gbytes:.1f} GB/s read from memory")
    said.append(f"{limits.launch_microseconds:.0f} µs to call a program")
    ratios = ", ".join(
        f"{times:.1f}× at width {rate.width}"
        for rate in rates
        if rate.what == WHOLE and (times := _times(best[rate.width], rate))
    )
    return Page(
        schema=SCHEMA,
        data={
            "machine": machine,
            "seeds": seeds,
            "limits": asdict(limits),
            "rates": records,
            "notes": notes,
        },
        records=records,
        tables=(_table(rates, best, seeds),),
        notes=(
            f"{machine['processor']}, {machine['devices']}, jax {machine['jax']}.",
            f"Limits: {', '.join(said)}.",
            *([f"With everything on, against PyTorch's best: {ratios}."] if ratios else []),
            *map(clean, notes),
        ),
    )


def _table(rates: list[Rate], best: dict[int, float | None], seeds: int) -> Table:
    rows = []
    for rate in rates:
        times = _times(best[rate.width], rate)
        rows.append(
            (
                f"{rate.depth}×{rate.width}",
                rate.what,
                f"{rate.milliseconds:.4f}",
                f"{1e3 / rate.milliseconds:,.0f}",
                f"{rate.gflops:.1f}",
                f"{100 * rate.flops_share:.0f}",
                f"{100 * rate.bytes_share:.0f}",
                f"{times:.2f}" if times else "",
            )
        )
    return Table(
        (
            Column("network"),
            Column("what"),
            Column("ms", "right"),
            Column("updates/s", "right"),
            Column("GFLOP/s", "right", optional=True),
            Column("% of peak", "right"),
            Column("% of memory", "right", optional=True),
            Column("× PyTorch", "right"),
        ),
        tuple(rows),
        title=f"Training, {seeds} seeds at batch 10",
        about="ms and updates/s: per update of one seed. % of peak: of this machine's matrix products; "
        "% of memory: of its reading, were weights never in a cache. × PyTorch: as fast as PyTorch's best.",
    )


def _times(rival: float | None, rate: Rate) -> float | None:
    """How many times as fast as the `rival`'s milliseconds."""
    return rival / rate.milliseconds if rival else None


def _is_rival(rate: Rate) -> bool:
    return rate.what.startswith("PyTorch")


def _busy(load: str, cores: int) -> list[str]:
    if not load or float(load) < cores / 2:
        return []
    return [
        f"Others use this machine (load {load} on {cores} cores): numbers are too low, and ratios uncertain."
    ]


def _load() -> str:
    """How many processes wanted to run in the last minute, on average; empty where nobody tells."""
    return f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""


def _machine(load: str) -> dict[str, str]:
    import platform
    from importlib.metadata import version

    import jax

    devices = jax.local_devices()
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    processor = models[0] if models else platform.processor() or platform.machine()
    kind = devices[0].device_kind
    return {
        "processor": processor,
        "devices": f"{len(devices)} {kind} device{'s' * (len(devices) > 1)}",
        "jax": version("jax"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "load": load,
    }
