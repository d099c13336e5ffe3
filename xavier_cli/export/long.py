"""Converts a run to one number per line, and to named arrays, for spreadsheets, data frames and scripts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from xavier_cli.runs import schema
from xavier_cli.runs.record import Run

_RECORDS = ("update", "jacobian_update")
_LAYERS = ("layer", "weight_layer")


def long_records(run: Run, name: str) -> Iterator[dict[str, object]]:
    """Every statistic of `run`, a line per seed, record, layer and percentile; None where one does not apply.

    Histograms, spectra and the answers for single examples are left out: they are arrays, not statistics.
    """
    for path in schema.DATASETS:
        dims = schema.dims(path)
        known = (*_RECORDS, *_LAYERS, "seed", "percentile")
        tensor, _, statistic = path.rpartition("/")
        if path not in run or not tensor or tensor == "search" or not {*dims} <= {*known}:
            continue
        scales = [run[dim].tolist() for dim in dims]
        for index, value in np.ndenumerate(run[path]):
            at = {dim: scale[i] for dim, scale, i in zip(dims, scales, index, strict=True)}
            own = f"percentile_{at['percentile']:g}" if "percentile" in at else statistic
            yield {
                "run": name,
                "seed": at.get("seed"),
                "update": next((at[dim] for dim in _RECORDS if dim in at), None),
                "layer": next((at[dim] for dim in _LAYERS if dim in at), None),
                "tensor": tensor,
                "statistic": own.replace("percentile", "abs_percentile") if "abs" in statistic else own,
                "value": value.item(),
            }


def whole(run: Run, name: str) -> dict[str, object]:
    """The whole `run` by name: configuration, provenance, and each array with its dimensions and meaning."""
    return {
        "run": name,
        "config": run.config.model_dump(mode="json"),
        "status": run.status,
        "created_utc": run.created_utc,
        "provenance": dict(run.provenance),
        "data": run.facts.model_dump(mode="json"),
        "arrays": {
            path: {
                "dims": list(row.dims),
                "long_name": row.long_name,
                "units": row.units,
                "values": _plain(run[path]),
            }
            for path, row in schema.DATASETS.items()
            if path in run
        },
    }


def _plain(array: np.ndarray) -> object:
    return (array.astype("U") if array.dtype.kind == "S" else array).tolist()
