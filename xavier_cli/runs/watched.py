"""Puts a run together from the records of a training in somebody's own loop, and takes it apart again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xavier_cli.config.run import RunConfig
from xavier_cli.runs import schema
from xavier_cli.runs.record import Run, Status
from xavier_cli.vocabulary.datasets import DatasetInfo
from xavier_cli.vocabulary.network_info import NetworkInfo

_REQUIRED = tuple(path for path in schema.REQUIRED if path.startswith("curves/"))


@dataclass
class Record:
    """What was seen after `update` updates, by path in the run file without axes of seeds and records."""

    update: int
    arrays: dict[str, np.ndarray]

    @property
    def is_finite(self) -> bool:
        """Whether all weights, and what all layers put out, are finite."""
        told = (self.arrays.get(path) for path in ("weight/mean", "weight/std", "leaving/std"))
        return all(np.isfinite(each).all() for each in told if each is not None)


def watched_run(
    config: RunConfig,
    records: Sequence[Record],
    edges: Mapping[str, np.ndarray],
    *,
    status: Status,
    created_utc: str,
    data: DatasetInfo,
    network: NetworkInfo,
    provenance: Mapping[str, Any],
    tags: tuple[str, ...] = (),
    note: str = "",
) -> Run:
    """The run of one seed with these `records`; `config` says how many weight layers there are."""
    arrays = schema.fixed_scales(config) | {
        "update": np.array([each.update for each in records], np.int64),
        "final/diverged_at": np.array([_diverged_at(records)], np.int64),
    }
    paths = dict.fromkeys(path for each in records for path in each.arrays)
    for path in paths:
        # Of one weight layer alone there is nothing between layers.
        if path in schema.DATASETS and (config.depth or "layer" not in schema.dims(path)):
            arrays[path] = _stacked(path, records)[None]
    for path in [path for path in arrays if path in paths and not path.startswith("curves/")]:
        # What no layer has, such as biases, is not recorded.
        if arrays[path].dtype.kind == "f" and np.isnan(arrays[path]).all():
            del arrays[path]
    for path in _REQUIRED:
        arrays.setdefault(path, np.full((1, len(records)), np.nan))
    for tensor, of in edges.items():
        if f"{tensor}/histogram" in arrays:
            arrays |= schema.bins(tensor, of)
    return Run(
        config,
        arrays,
        status,
        created_utc,
        dict(provenance),
        data=data,
        network=network,
        tags=tags,
        note=note,
    )


def records_of(run: Run) -> list[Record]:
    """The records of a run of one seed that `watched_run` put together."""
    paths = [path for path in run.arrays if schema.DATASETS[path].dims[:2] == ("seed", "update")]
    return [
        Record(int(update), {path: np.asarray(run[path][0, at]) for path in paths})
        for at, update in enumerate(run.updates)
    ]


def _stacked(path: str, records: Sequence[Record]) -> np.ndarray:
    """The array at `path` over the records, NaN where one lacks it."""
    like = next(each.arrays[path] for each in records if path in each.arrays)
    missing = np.full(np.shape(like), np.nan) if np.asarray(like).dtype.kind == "f" else np.zeros_like(like)
    return np.stack([np.asarray(each.arrays.get(path, missing)) for each in records])


def _diverged_at(records: Sequence[Record]) -> int:
    """The update of the first record from which on nothing is finite, -1 where the last is."""
    at = -1
    for each in reversed(records):
        if each.is_finite:
            break
        at = each.update
    return at
