"""What `train --dry-run` answers: what would be trained, and the memory it takes."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from xavier_cli.cli.numbers import setting
from xavier_cli.cli.page import Column, Page, Table
from xavier_cli.config import RunConfig
from xavier_cli.datasets import DataFacts, find_data

SCHEMA = "xavier.plan/1"
_FLOAT = 4


def plan_page(config: RunConfig, path: Path, facts: DataFacts | None = None) -> Page:
    """The plan of `config`, to be written to `path`; `facts` where its data's name says too little."""
    searched = len(config.search) * min(config.search_seeds, len(config.seeds))
    plan: dict[str, object] = {
        "run": str(path),
        "members": len(config.seeds) + searched,
        "updates_per_member": config.updates,
        "records": len(config.record_updates()),
        "parameters_per_member": parameters(config, facts),
        "memory_bytes": memory(config, facts),
    }
    shown = [(name.replace("_", " "), _shown(name, value)) for name, value in plan.items()]
    settings = [(name, setting(value)) for name, value in config.model_dump().items()]
    return Page(
        schema=SCHEMA,
        data={**plan, "config": config.model_dump(mode="json"), "config_sha256": config.sha256()},
        records=[plan],
        tables=(
            Table((Column("plan"), Column("value", wraps=True)), tuple(shown)),
            Table((Column("setting"), Column("value", wraps=True)), tuple(settings)),
        ),
    )


def parameters(config: RunConfig, facts: DataFacts | None = None) -> int:
    """Weights and biases of one network; `facts` are needed where the data's name says too little."""
    facts = facts or find_data(config.data).facts
    assert facts is not None
    sizes = (facts.inputs, *config.widths, facts.classes)
    return sum((fan_in + 1) * fan_out for fan_in, fan_out in pairwise(sizes))


def memory(config: RunConfig, facts: DataFacts | None = None) -> int:
    """About how many bytes the devices need: weights (and a copy while they move), probe tensors, data."""
    facts = facts or find_data(config.data).facts
    assert facts is not None
    count = (facts.train or 60_000) + (facts.valid or 10_000) + (facts.test or 10_000)
    members = max(len(config.seeds), len(config.search) * min(config.search_seeds, len(config.seeds)))
    weights = 2 * members * parameters(config, facts) * _FLOAT
    probe = 300 * sum(config.widths) * 4 * _FLOAT + 2 * parameters(config, facts) * _FLOAT
    examples = count * facts.inputs
    return weights + probe + examples


def _shown(name: str, value: object) -> str:
    if name == "memory_bytes" and isinstance(value, int):
        return f"about {value / 1e6:,.0f} MB"
    return f"{value:,}" if isinstance(value, int) else str(value)
