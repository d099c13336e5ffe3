"""Encodes the few arrays of a run that lists and tables ask for, as an entry of the index.

Plain data, never pickles. An entry holds what some command asked for; where another asks for more, the file
is read again, and both are kept.
"""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Collection
from functools import lru_cache
from pathlib import Path

import numpy as np

from xavier_cli.config.experiments import from_plain, to_plain
from xavier_cli.runs import schema
from xavier_cli.runs.index import Entry
from xavier_cli.runs.record import Run
from xavier_cli.vocabulary.datasets import DatasetInfo
from xavier_cli.vocabulary.network_info import NetworkInfo

# A run of thousands of records takes longer to keep than it is worth.
MOST_BYTES = 2**20
SMALL = schema.with_scales(
    [
        *(name for name in schema.DATASETS if name.startswith("curves/")),
        *("final/diverged_at", "search/lr", "search/valid_error"),
    ]
)
"""The arrays that may be kept."""
_LENGTH = struct.Struct("<Q")
_ALIGNED = 8


def is_small(only: Collection[str] | None) -> bool:
    """Whether all arrays that `store.read_run` reads for `only` may be kept."""
    return only is not None and schema.with_scales(only) <= SMALL


def to_entry(run: Run, only: Collection[str], more: Run | None = None) -> Entry | None:
    """What is kept of `run`, which was read with `only`; None where it is too much.

    `more` is what was kept of the same state of its file before.
    """
    arrays = {**more.arrays, **run.arrays} if more else run.arrays
    forms, pieces = [], []
    for name in (name for name in schema.DATASETS if name in arrays):
        forms.append((name, arrays[name].shape))
        pieces.append(_padded(arrays[name].tobytes()))
    told = {
        "seeds": run.config.seeds,
        "status": run.status,
        "created_utc": run.created_utc,
        "provenance": dict(run.provenance),
        "tags": run.tags,
        "note": run.note,
        "data": run.data.to_json() if run.data else None,
        "network": run.network.to_json() if run.network else None,
        # Also what the file turned out not to have.
        "asked": sorted(schema.wanted(run.config, only) | {*arrays}),
        "arrays": forms,
    }
    text = _padded(json.dumps(told).encode(), b" ")
    own = b"".join((_LENGTH.pack(len(text)), text, *pieces))
    return Entry(to_plain(run.config).encode(), own) if len(own) <= MOST_BYTES else None


def from_entry(path: Path, entry: Entry, only: Collection[str]) -> tuple[Run, bool]:
    """The run of the file at `path`, and whether all that `only` asks for was kept.

    Where it was, the run is equal to what `store.read_run` would read; else it has all that was kept.
    """
    config = from_plain(entry.common.decode())
    (length,) = _LENGTH.unpack_from(entry.own)
    told = json.loads(entry.own[_LENGTH.size : _LENGTH.size + length])
    wanted = schema.wanted(config, only)
    has_all = wanted.issubset(told["asked"])
    # A copy, which may be written to as what was read from a file may.
    content, at = bytearray(entry.own), _LENGTH.size + length
    arrays = {}
    for name, shape in told["arrays"]:
        dtype, count = np.dtype(schema.DATASETS[name].dtype), math.prod(shape)
        if name in wanted or not has_all:
            arrays[name] = np.frombuffer(content, dtype, count, at).reshape(shape)
        at += -(-dtype.itemsize * count // _ALIGNED) * _ALIGNED
    run = Run(
        config.with_seeds(tuple(told["seeds"])),
        arrays,
        told["status"],
        told["created_utc"],
        told["provenance"],
        path,
        data=_dataset(told["data"]) if told["data"] else None,
        network=_network(told["network"]) if told["network"] else None,
        tags=tuple(told["tags"]),
        note=told["note"],
    )
    return run, has_all


# Thousands of runs have the same data, and often the same network.
_dataset = lru_cache(maxsize=64)(DatasetInfo.from_json)
_network = lru_cache(maxsize=64)(NetworkInfo.from_json)


def _padded(content: bytes, by: bytes = b"\0") -> bytes:
    return content + by * (-len(content) % _ALIGNED)
