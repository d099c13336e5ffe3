"""What `train --dry-run` answers: what would be trained, and the memory it takes."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from xavier_cli import names
from xavier_cli.cli.numbers import setting
from xavier_cli.cli.page import Column, Page, Table
from xavier_cli.config import RunConfig

SCHEMA = "xavier.plan/1"
_FLOAT = 4


def plan_page(config: RunConfig, path: Path) -> Page:
    """The plan of `config`, which would be written to `path`."""
    searched = len(config.search) * min(config.search_seeds, len(config.seeds))
    plan: dict[str, object] = {
        "run": str(path),
        "members": len(config.seeds) + searched,
        "updates_per_member": config.updates,
        "records": len(config.record_updates()),
        "parameters_per_member": parameters(config),
        "memory_bytes": memory(config),
    }
    facts = [(name.replace("_", " "), _shown(name, value)) for name, value in plan.items()]
    settings = [(name, setting(value)) for name, value in config.model_dump().items()]
    return Page(
        schema=SCHEMA,
        data={**plan, "config": config.model_dump(mode="json"), "config_sha256": config.sha256()},
        records=[plan],
        tables=(
            Table((Column("plan"), Column("value", wraps=True)), tuple(facts)),
            Table((Column("setting"), Column("value", wraps=True)), tuple(settings)),
        ),
    )


def parameters(config: RunConfig) -> int:
    """Weights and biases of one network."""
    words = names.DATA_SETS[config.data]
    sizes = (words.inputs, *config.widths, words.classes)
    return sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(sizes))


def memory(config: RunConfig) -> int:
    """About how many bytes the devices need: weights (and a copy while they move), probe tensors, data."""
    words = names.DATA_SETS[config.data]
    members = max(len(config.seeds), len(config.search) * min(config.search_seeds, len(config.seeds)))
    weights = 2 * members * parameters(config) * _FLOAT
    probe = 300 * sum(config.widths) * 4 * _FLOAT + 2 * parameters(config) * _FLOAT
    examples = 80_000 * words.inputs
    return weights + probe + examples


def _shown(name: str, value: object) -> str:
    if name == "memory_bytes" and isinstance(value, int):
        return f"about {value / 1e6:,.0f} MB"
    return f"{value:,}" if isinstance(value, int) else str(value)
