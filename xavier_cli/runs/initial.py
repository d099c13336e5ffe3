"""Puts a run together from what was seen of custom networks before training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from xavier_cli.config.run import RunConfig
from xavier_cli.runs import schema
from xavier_cli.runs.record import Run
from xavier_cli.statistics.singular_values import MOST_ROWS, RANDOM_VECTORS, EndToEnd
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
    end_to_end: Sequence[EndToEnd] = (),
) -> Run:
    """The run with the single record 0.

    **Arguments:** `config` says how many weight layers there are; `observations`, one mapping per seed, by
    path in the run file and without the axes of seeds and records, whose curves are scalars; `edges`, those
    of the histograms' bins by tensor; `end_to_end`, the Jacobian's singular values per seed, or none.
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
        if is_unmeasured(path, arrays[path]):
            del arrays[path]
    found = _jacobians(end_to_end)
    network = network.model_copy(update={"notes": (*network.notes, *_remarks(end_to_end))})
    return Run(config, arrays | found, provenance=dict(provenance), data=data, network=network)


def is_unmeasured(path: str, values: np.ndarray) -> bool:
    """Whether no layer of a custom network has what the dataset at `path` is of, such as biases."""
    return not path.startswith("curves/") and values.dtype.kind == "f" and bool(np.isnan(values).all())


def _jacobians(seeds: Sequence[EndToEnd]) -> dict[str, np.ndarray]:
    """The datasets of the Jacobians from inputs to logits."""
    if not seeds:
        return {}
    found = {
        f"jacobian/end_to_end_{name}_singular_value": np.array([[each.averages[name]] for each in seeds])
        for name in seeds[0].averages
    }
    return {"jacobian_update": np.zeros(1, np.int64), **found}


def _remarks(seeds: Sequence[EndToEnd]) -> list[str]:
    """How the Jacobians were measured, where it is not the plain way."""
    remarks = []
    if any(each.is_in_batch for each in seeds):
        remarks.append("Jacobians: each example's logits by its own input, the rest of the batch held fixed.")
    relative = [each.error / each.averages["rms"] for each in seeds if each.error > 0]
    if relative:
        remarks.append(
            f"Over {MOST_ROWS:,} classes: the Jacobian's root mean square singular value is estimated by "
            f"{RANDOM_VECTORS} random vectors per example, standard error {100 * max(relative):.2g} % "
            "per seed; its mean, geometric mean and maximum are not known."
        )
    return remarks
