"""Finds out how much memory there is, and refuses trainings that need more before anything is compiled."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import jax

from xavier_cli.config.run import RunConfig
from xavier_cli.errors import ConfigError
from xavier_cli.runs.weights import Saved
from xavier_cli.training.engine.layout import Strategy, batches_members
from xavier_cli.training.estimate import Sizes, members_together, memory, weights_memory
from xavier_cli.vocabulary.datasets import DatasetInfo

# What a container may use, in the two versions of Linux' control groups.
_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))


def available_bytes() -> int | None:
    """The memory of all devices that JAX trains on, in bytes; None where it is unknown."""
    devices = jax.local_devices()
    if devices[0].platform == "cpu":
        return machine_bytes()
    told = [(device.memory_stats() or {}).get("bytes_limit") for device in devices]
    return sum(each for each in told if each) or None


def machine_bytes() -> int | None:
    """The memory of this machine, or the container's limit, in bytes; None where it is unknown.

    The total, not what is free at the moment: that changes, and caches are given up on demand.
    """
    sizes = []
    with suppress(ValueError, OSError, AttributeError):
        sizes.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    for path in _LIMITS:
        # `max` where there is no limit.
        with suppress(OSError, ValueError):
            sizes.append(int(path.read_text()))
    return min((size for size in sizes if size > 0), default=None)


def needed_bytes(
    config: RunConfig,
    members: int | None = None,
    facts: DatasetInfo | None = None,
    strategy: Strategy = "auto",
    sizes: Sizes | None = None,
) -> int:
    """About how much memory `members` of `config` need, laid out by `strategy` on the devices at hand."""
    return memory(config, members, facts, batches_members(strategy), sizes)


def check_memory(
    config: RunConfig,
    members: int | None = None,
    facts: DatasetInfo | None = None,
    strategy: Strategy = "auto",
    sizes: Sizes | None = None,
) -> None:
    """Raise `ConfigError` where training `config` needs more memory than there is; called before compiling.

    `members` are those trained at the same time, by default as many as `config` alone has.
    """
    there = available_bytes()
    if there is None:
        return
    whole, one = (needed_bytes(config, count, facts, strategy, sizes) for count in (members, 1))
    if one > there:
        setting = "net" if config.network.is_users else "width, depth"
        raise ConfigError(
            f"{setting}: one network of {config.shape} takes about {_size(one)} of memory, "
            f"and there are {_size(there)}"
        )
    if whole > there:
        raise ConfigError(
            f"seeds: so many networks of {config.shape} at a time take about {_size(whole)} of memory, "
            f"and there are {_size(there)}; train fewer seeds at a time, or smaller networks"
        )


def check_weights_memory(
    configs: Sequence[RunConfig],
    saved: Saved,
    facts: DatasetInfo | None = None,
    sizes: Sizes | None = None,
) -> None:
    """Raise `ConfigError` where keeping the weights of `configs` takes more memory than this machine has."""
    needed = sum(weights_memory(config, facts, saved, sizes) for config in configs)
    remedy = "; `--save-weights final` keeps fewer" if saved == "records" else ""
    check_machine_memory(needed, "save_weights: keeping the weights", remedy)


def check_machine_memory(needed: int, what: str, remedy: str = "") -> None:
    """Raise `ConfigError` where `what` takes more than the memory of this machine; `needed` is in bytes.

    `remedy` ends the message.
    """
    there = machine_bytes()
    if there is not None and needed > there:
        raise ConfigError(
            f"{what} takes about {_size(needed)} of memory, and there are {_size(there)}{remedy}"
        )


def members_at_a_time(
    configs: Sequence[RunConfig],
    facts: DatasetInfo | None = None,
    asked: int | None = None,
    strategy: Strategy = "auto",
    sizes: Sizes | None = None,
) -> int:
    """How many networks are trained at the same time: as many as `asked` for, or as fit into the memory.

    Several `configs` are one population. Whole seeds: the variants of a seed, its rates or initializers, are
    trained together.
    """
    members = sum(members_together(config) for config in configs)
    variants = sum(max(len(config.search), 1) for config in configs)
    wanted = asked or fitting_members(configs[0], members, facts, strategy, sizes)
    return members if wanted >= members else min(members, max(wanted // variants, 1) * variants)


def configurations_at_a_time(
    configs: Sequence[RunConfig],
    strategy: Strategy = "auto",
    sizes: Sizes | None = None,
    facts: DatasetInfo | None = None,
) -> int:
    """How many of `configs`, of one population, are trained together: as many as fit with a single seed."""
    return fitting_members(configs[0], len(configs), facts, strategy, sizes)


def fitting_members(
    config: RunConfig,
    members: int,
    facts: DatasetInfo | None = None,
    strategy: Strategy = "auto",
    sizes: Sizes | None = None,
) -> int:
    """How many of `members` networks of `config` fit into four fifths of the memory, at least one.

    The rest is for what `memory` does not count.
    """
    there = available_bytes()
    if there is None or needed_bytes(config, members, facts, strategy, sizes) <= 0.8 * there:
        return members
    one, two = (needed_bytes(config, count, facts, strategy, sizes) for count in (1, 2))
    return max(1, 1 + int((0.8 * there - one) // (two - one)))


def _size(count: int) -> str:
    for power, unit in ((15, "PB"), (12, "TB"), (9, "GB"), (6, "MB")):
        if count >= 10**power:
            return f"{count / 10**power:,.3g} {unit}"
    return f"{count:,} bytes"
