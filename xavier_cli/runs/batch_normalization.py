"""Describes how a batch-normalized run was measured, in sentences for tables and captions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from xavier_cli.config.run import RunConfig
from xavier_cli.runs.record import Run

_KEY = "batch_normalization_inside"
_BY_PROBE_BATCH = "probe batch"


def how_normalized(config: RunConfig) -> Mapping[str, Any]:
    """What the provenance of a run that is being made says of it; nothing without batch normalization."""
    return {_KEY: _BY_PROBE_BATCH} if config.normalization == "batch" else {}


def normalization_notes(runs: Iterable[Run], *, jacobians: bool = False) -> list[str]:
    """What to say beside layers of `runs`, or beside their `jacobians`; nothing without batch normalization.

    Runs of earlier versions were measured with running averages.
    """
    normalized = [run for run in runs if run.config.normalization == "batch"]
    by_batch = [run for run in normalized if run.provenance.get(_KEY) == _BY_PROBE_BATCH]
    notes = []
    if by_batch and jacobians:
        notes.append("Jacobians under batch normalization: by the probe batch's statistics, held fixed.")
    elif by_batch:
        notes.append(
            "Layers under batch normalization: by the probe batch's own statistics, as in training; dC/ds is "
            "the gradient of the batch's summed loss. Errors are by the running averages."
        )
    if len(by_batch) < len(normalized):
        notes.append(
            "Layers under batch normalization, recorded by an earlier version: by the running averages, "
            "which are 0 and 1 at first."
        )
    return notes
