"""Builds the output of `train --dry-run`: what would be trained, with estimates of memory and time."""

from __future__ import annotations

from pathlib import Path

from xavier_cli.config.run import RunConfig
from xavier_cli.errors import ConfigError
from xavier_cli.runs.weights import Saved
from xavier_cli.training.cores import usable_cores
from xavier_cli.training.engine.layout import Strategy
from xavier_cli.training.estimate import (
    SECONDS_PER_PROGRAM,
    Sizes,
    compiled_programs,
    core_seconds,
    members_together,
    sizes_of_perceptron,
    trained_members,
    weights_bytes,
    weights_memory,
)
from xavier_cli.training.memory import (
    check_memory,
    check_weights_memory,
    members_at_a_time,
    needed_bytes,
)
from xavier_cli.views.durations import about
from xavier_cli.views.page import Column, Page, Table
from xavier_cli.views.settings import shown_settings
from xavier_cli.vocabulary.datasets import DatasetInfo

SCHEMA = "xavier.plan/1"
_NAMES = {
    "members": "networks",
    "updates_per_member": "updates per network",
    "parameters_per_member": "parameters per network",
    "members_at_a_time": "networks at a time",
    "memory_bytes": "memory",
    "weights_bytes": "weights file",
    "weights_memory_bytes": "memory for weights",
}
_SIZES = ("memory_bytes", "weights_bytes", "weights_memory_bytes")


def plan_page(
    config: RunConfig,
    path: Path,
    facts: DatasetInfo | None = None,
    asked: int | None = None,
    strategy: Strategy = "auto",
    saved: Saved | None = None,
    sizes: Sizes | None = None,
) -> Page:
    """The plan of `config`, to be written to `path`; `facts` are needed for data that is not built in.

    `asked` is the number of networks that the user wants to train at a time, `saved` what weights to keep.
    `sizes` are those of a custom network, of which nobody knows how long it takes: its plan has no time.
    """
    together = members_together(config)
    at_a_time = members_at_a_time([config], facts, asked, strategy, sizes)
    cores = min(len(usable_cores()), at_a_time)
    seconds = None
    if sizes is None:
        seconds = core_seconds(config, facts) / cores + SECONDS_PER_PROGRAM * compiled_programs(config)
    plan: dict[str, object] = {
        "run": str(path),
        "members": trained_members(config),
        "updates_per_member": config.updates,
        **({"pretrain_updates_per_layer": config.pretrain_updates} if config.pretrain != "none" else {}),
        "records": len(config.record_updates()),
        "parameters_per_member": (sizes or sizes_of_perceptron(config, facts)).parameters,
        "members_at_a_time": at_a_time,
        "memory_bytes": needed_bytes(config, at_a_time, facts, strategy, sizes),
        **(
            {
                "weights_bytes": weights_bytes(config, facts, saved, sizes),
                "weights_memory_bytes": weights_memory(config, facts, saved, sizes),
            }
            if saved
            else {}
        ),
        "seconds": seconds,
    }
    shown = [(_NAMES.get(name, name.replace("_", " ")), _shown(name, value)) for name, value in plan.items()]
    took = "not estimated for custom networks"
    if seconds is not None:
        took = f"{about(seconds)} on {cores} CPU core{'s' * (cores > 1)}"
    shown[-1] = ("time", took)
    return Page(
        schema=SCHEMA,
        data={**plan, "config": config.model_dump(mode="json"), "config_sha256": config.sha256()},
        records=[plan],
        tables=(
            Table((Column("plan"), Column("value", wraps=True)), tuple(shown)),
            Table((Column("setting"), Column("value", wraps=True)), tuple(shown_settings(config))),
        ),
        notes=_notes(config, at_a_time, together, facts, strategy, saved, sizes),
    )


def _notes(
    config: RunConfig,
    at_a_time: int,
    together: int,
    facts: DatasetInfo | None,
    strategy: Strategy,
    saved: Saved | None,
    sizes: Sizes | None,
) -> tuple[str, ...]:
    try:
        check_memory(config, at_a_time, facts, strategy, sizes)
        if saved:
            check_weights_memory([config], saved, facts, sizes)
    except ConfigError as error:
        return (f"Training would fail: {error}",)
    return (
        (f"{at_a_time} networks at a time instead of {together}: the same results in less memory.",)
        if at_a_time < together
        else ()
    )


def _shown(name: str, value: object) -> str:
    if name in _SIZES and isinstance(value, int):
        return f"about {value / 1e6:,.0f} MB"
    return f"{value:,}" if isinstance(value, int) else str(value)
