"""Puts a run together from what was seen of custom networks before training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from xavier_cli.config.run import RunConfig
from xavier_cli.runs import schema
from xavier_cli.runs.record import Run
from xavier_cli.vocabulary.datasets import DatasetInfo
from xavier_cli.vocabulary.network_info import NetworkInfo


def initial_run(
    config: RunConfig,
    observations: Sequence[Mapping[str, np.ndarray]],
    edges: Mapping[str, np.ndarray],
    *,
    data: DatasetInfo | None,
    network: NetworkInfo,
    provenance: Mapping[str, Any],
) -> Run:
    """The run with the single record 0.

    **Arguments:** `config` says how many weight layers there are; `observations`, one mapping per seed, by
    path in the run file and without the axes of seeds and records, whose curves are scalars; `edges`, those
    of the histograms' bins by tensor.
    """
    arrays = schema.fixed_scales(config) | {
        "update": np.zeros(1, np.int64),
        "final/diverged_at": np.full(len(config.seeds), -1, np.int64),
        "curves/train_loss": np.full((len(config.seeds), 1), np.nan),
    }
    for path in observations[0]:
        # Of one weight layer alone there is nothing between layers.
        if path in schema.DATASETS and (config.depth or "layer" not in schema.dims(path)):
            arrays[path] = np.stack([np.asarray(each[path])[None] for each in observations])
    for tensor, of in edges.items():
        if f"{tensor}/histogram" in arrays:
            arrays |= schema.bins(tensor, of)
    # What no layer has, such as biases, is not recorded.
    for path in [path for path in arrays if path in observations[0]]:
        if not path.startswith("curves/") and arrays[path].dtype.kind == "f" and np.isnan(arrays[path]).all():
            del arrays[path]
    return Run(config, arrays, provenance=dict(provenance), data=data, network=network)
