"""Builds the output of `bench`: updates per second, next to this machine's limits and PyTorch."""

from __future__ import annotations

from dataclasses import asdict

from xavier_cli.training.bench.limits import Limits
from xavier_cli.training.bench.rates import WHOLE, MeasuredRate
from xavier_cli.views.page import Column, Page, Table, clean

SCHEMA = "xavier.bench/1"


def speed_page(
    rates: list[MeasuredRate], limits: Limits, machine: dict[str, str], seeds: int, notes: list[str]
) -> Page:
    """The output of `bench`: limits, rates, and the speed-up of xavier's programs over PyTorch's best."""
    best = {
        rate.width: min(
            (each.milliseconds for each in rates if each.width == rate.width and each.is_rival),
            default=None,
        )
        for rate in rates
    }
    records = [
        {
            **{name: value for name, value in asdict(rate).items() if name != "is_rival"},
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


def _table(rates: list[MeasuredRate], best: dict[int, float | None], seeds: int) -> Table:
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
            Column("GFLOP/s", "right", optional=1),
            Column("% of peak", "right"),
            Column("% of memory", "right", optional=1),
            Column("× PyTorch", "right"),
        ),
        tuple(rows),
        title=f"Training, {seeds} seeds at batch 10",
        about="ms and updates/s: per update of one seed. % of peak: of this machine's matrix products; "
        "% of memory: of its reading, were weights never in a cache. × PyTorch: as fast as PyTorch's best.",
    )


def _times(rival: float | None, rate: MeasuredRate) -> float | None:
    """The speed-up over the `rival`'s time in milliseconds."""
    return rival / rate.milliseconds if rival else None


def busy_notes(load: float | None, cores: int) -> list[str]:
    """Notes that the numbers are unreliable if other processes use the machine."""
    if load is None or load < cores / 2:
        return []
    return [
        f"Others use this machine (load {load:.1f} on {cores} cores): numbers are too low, and ratios "
        "uncertain."
    ]
