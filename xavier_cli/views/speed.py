"""Builds the output of `bench`: updates per second, next to this machine's limits and other programs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from itertools import groupby

from xavier_cli.training.bench.limits import Limits
from xavier_cli.training.bench.rates import PLAIN_JAX, TRAIN, WHOLE, MeasuredRate
from xavier_cli.views import durations
from xavier_cli.views.page import Column, Page, Table, clean

SCHEMA = "xavier.bench/1"
# So many networks are named one by one.
_FEW = 3


def speed_page(
    rates: list[MeasuredRate], limits: Limits, machine: dict[str, str], seeds: int, notes: list[str]
) -> Page:
    """The output of `bench`: limits, rates, and the speed-up of xavier's programs over others.

    `rates` of one network and batch size follow one another.
    """
    groups = [list(each) for _, each in groupby(rates, key=lambda rate: (rate.network, rate.batch_size))]
    records = [_record(rate, group) for group in groups for rate in group]
    said = [f"{limits.gflops:.0f} GFLOP/s of matrix products"]
    if limits.gflops_per_core is not None:
        said[0] += f" ({limits.gflops_per_core:.0f} on one core)"
    if limits.cache_gbytes is not None:
        said.append(f"{limits.cache_gbytes:.0f} GB/s read from a core's cache")
    said.append(f"{limits.memory_gbytes:.1f} GB/s read from memory")
    said.append(f"{durations.measured(1e-6 * limits.launch_microseconds)} to call a program")
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
        tables=tuple(_table(group, seeds, is_first=not at) for at, group in enumerate(groups)),
        notes=(
            f"{machine['processor']}, {machine['devices']}, jax {machine['jax']}.",
            f"Limits: {', '.join(said)}.",
            *_ratios(groups),
            *_variation(rates),
            *map(clean, notes),
        ),
    )


def _record(rate: MeasuredRate, group: Sequence[MeasuredRate]) -> dict[str, object]:
    shown = {name: value for name, value in asdict(rate).items() if name != "is_rival"}
    return {
        **shown,
        "updates_per_second": 1e3 / rate.milliseconds,
        "times_pytorch": _times(_pytorchs_best(group), rate),
        "times_plain_jax": _times(_plain_jax(group), rate),
    }


def _table(group: Sequence[MeasuredRate], seeds: int, is_first: bool) -> Table:
    pytorch, plain = _pytorchs_best(group), _plain_jax(group)
    decimals = max(0, 2 - math.floor(math.log10(min(rate.milliseconds for rate in group))))
    columns = [
        Column("what"),
        Column("ms", "right"),
        Column("updates/s", "right"),
        Column("GFLOP/s", "right", optional=1),
        Column("% of peak", "right", optional=3),
        Column("% of memory", "right", optional=2),
        Column("× plain JAX", "right"),
        Column("× PyTorch", "right"),
    ]
    rows = [
        (
            rate.what,
            f"{rate.milliseconds:.{decimals}f}",
            f"{1e3 / rate.milliseconds:,.0f}",
            "" if rate.gflops is None else f"{rate.gflops:.1f}",
            _percent(rate.flops_share),
            _percent(rate.bytes_share),
            _ratio(_times(plain, rate)),
            _ratio(_times(pytorch, rate)),
        )
        for rate in group
    ]
    about = (
        "ms and updates/s: per update of one seed. % of peak: of this machine's matrix products; "
        "% of memory: of its reading, were weights never in a cache. × PyTorch: as fast as PyTorch's best. "
        f"{WHOLE}: the sum of its parts, as often as in a default run; {TRAIN}: a training into a "
        "file as a whole, start-up apart."
    )
    network = f"{group[0].network}, {seeds} seed{'s' * (seeds != 1)} at batch {group[0].batch_size}"
    table = Table(tuple(columns), tuple(rows), title=f"Training {network}", about=about if is_first else "")
    # What is empty for every program says nothing.
    return table.keeping([i for i in range(len(columns)) if i < 3 or any(row[i] for row in rows)])


def _pytorchs_best(group: Sequence[MeasuredRate]) -> float | None:
    """The milliseconds of PyTorch's fastest program."""
    return min((rate.milliseconds for rate in group if rate.is_rival), default=None)


def _plain_jax(group: Sequence[MeasuredRate]) -> float | None:
    """The milliseconds of the network's own loop."""
    return next((rate.milliseconds for rate in group if rate.what == PLAIN_JAX), None)


def _times(other: float | None, rate: MeasuredRate) -> float | None:
    """The speed-up over the `other`'s time in milliseconds."""
    return other / rate.milliseconds if other else None


def _ratio(times: float | None) -> str:
    return f"{times:.2f}" if times else ""


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.0f}"


def _ratios(groups: Sequence[Sequence[MeasuredRate]]) -> list[str]:
    """Notes of how fast `xavier train` is: next to others, and to the sum of its parts."""
    trained = [(group, rate) for group in groups for rate in group if rate.what == TRAIN]
    against = {
        f"{TRAIN} against PyTorch's best": [
            (_times(_pytorchs_best(group), rate), rate) for group, rate in trained
        ],
        f"{TRAIN} against a plain JAX loop": [
            (_times(_plain_jax(group), rate), rate) for group, rate in trained
        ],
    }
    notes = [
        f"{what}: {_over_networks(found, '{:.1f}×')}."
        for what, each in against.items()
        if (found := _known(each))
    ]
    parts = _known([(_excess(group, rate), rate) for group, rate in trained])
    if parts:
        notes.append(f"The sum of the parts differs from {TRAIN} by {_over_networks(parts, '{:+.0f} %')}.")
    return notes


def _known(found: Iterable[tuple[float | None, MeasuredRate]]) -> list[tuple[float, MeasuredRate]]:
    return [(value, rate) for value, rate in found if value is not None]


def _excess(group: Sequence[MeasuredRate], trained: MeasuredRate) -> float | None:
    """How much longer the sum of all parts takes than the training, in percent."""
    whole = next((rate.milliseconds for rate in group if rate.what == WHOLE), None)
    return 100 * (whole / trained.milliseconds - 1) if whole else None


def _over_networks(found: Sequence[tuple[float, MeasuredRate]], form: str) -> str:
    """The number of every network, or the lowest and the highest of many."""
    if len(found) > _FEW:
        lowest, highest = (form.format(choose(value for value, _ in found)) for choose in (min, max))
        return f"{lowest} to {highest}"
    repeated = len({rate.network for _, rate in found}) < len(found)
    return ", ".join(
        f"{form.format(value)} for {rate.network}{f' at batch {rate.batch_size}' if repeated else ''}"
        for value, rate in found
    )


def _variation(rates: Sequence[MeasuredRate]) -> list[str]:
    """A note of how much the rounds vary, from the fastest to the slowest."""
    spread = [
        ((rate.slowest_milliseconds - rate.fastest_milliseconds) / rate.milliseconds, rate)
        for rate in rates
        if rate.fastest_milliseconds is not None and rate.slowest_milliseconds is not None
    ]
    if not spread:
        return []
    shares = sorted(share for share, _ in spread)
    widest, rate = max(spread, key=lambda each: each[0])
    return [
        f"Rounds of one program vary by {_percent(shares[len(shares) // 2])} % (median), at most by "
        f"{_percent(widest)} % ({rate.network}, {rate.what}): smaller differences may be noise."
    ]


def busy_notes(load: float | None, cores: int) -> list[str]:
    """Notes that the numbers are unreliable if other processes use the machine."""
    if load is None or load < cores / 2:
        return []
    return [
        f"Others use this machine (load {load:.1f} on {cores} cores): numbers are too low, and ratios "
        "uncertain."
    ]
