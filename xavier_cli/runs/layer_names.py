"""Names the weight layers of a run, for tables and legends."""

from __future__ import annotations

from collections.abc import Sequence

from xavier_cli.runs.record import Run


def layer_name(run: Run, number: int) -> str:
    """The name of weight layer `number`, counted from 1: of a custom network that of its parameter."""
    if run.network is not None:
        return run.network.layers[number - 1].name
    return "output" if number > run.config.depth else f"hidden {number}"


def common_names(runs: Sequence[Run]) -> list[str]:
    """The names of the layers of `runs`, where they are custom networks with the same ones; else none."""
    found = [[layer.name for layer in run.network.layers] if run.network else [] for run in runs]
    return found[0] if found and all(names == found[0] for names in found) else []


def elided(name: str, most: int) -> str:
    """The end of a parameter's path, which says the most: at most `most` characters."""
    return name if len(name) <= most else f"…{name[1 - most :]}"
