"""Records, and tells, that seeds start from the same weights, so that N overstates the replication."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from xavier_cli.config.run import RunConfig
from xavier_cli.runs.record import Run
from xavier_cli.vocabulary.user_functions import is_user_function

_KEY = "same_first_weights"


def same_start(layers: Sequence[int], functions: Sequence[str], everything: bool) -> dict[str, Any]:
    """What the provenance says where `layers` of weights, or `everything`, start the same whatever the seed.

    `functions` are custom initializers that ignore their key. Without any, layers that start at a
    constant are what was asked for, and nothing is said unless nothing at all is drawn.
    """
    if not (functions or everything):
        return {}
    return {_KEY: {"layers": list(layers), "functions": list(functions), "all": everything}}


def same_start_note(run: Run) -> str:
    """What `run`'s seeds have in common from the start, in a sentence; empty where that is nothing."""
    return describe_same_start(run.provenance, run.config, len(run.seeds))


def starts_alike(run: Run) -> bool:
    """Whether `run`'s seeds have that in common, or would if there were more than one."""
    return bool(describe_same_start(run.provenance, run.config, max(len(run.seeds), 2)))


def describe_same_start(provenance: Mapping[str, Any], config: RunConfig, seeds: int) -> str:
    """`same_start_note` of a run in the making."""
    told = provenance.get(_KEY)
    if seeds < 2 or not isinstance(told, dict):
        return ""
    # Of a file that anybody may have written, no more than its own configuration says.
    names = [
        name for name in _list(told, "functions") if is_user_function(str(name)) and str(name) in config.init
    ]
    why = f" (`{'`, `'.join(names)}` ignores its key)" if names else ""
    if told.get("all") is True:
        differ = "differ only in their data's order" + " and in what dropout drops" * bool(config.dropout)
        rest = differ if config.updates else "are one network"
        return f"N = {seeds} is not what it seems: all seeds start from the same weights{why} and {rest}."
    layers = [str(layer) for layer in _list(told, "layers") if isinstance(layer, int)]
    if not layers or not names:
        return ""
    of = f"layer{'s' * (len(layers) > 1)} {', '.join(layers)}"
    return f"N = {seeds} is not quite what it seems: the weights of {of} start the same at every seed{why}."


def _list(told: Mapping[str, Any], name: str) -> list[Any]:
    value = told.get(name)
    return value if isinstance(value, list) else []
