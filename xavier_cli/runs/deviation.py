"""Compares the numbers of two runs at the seeds, records and layers that both have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xavier_cli.runs import schema
from xavier_cli.runs.record import Run
from xavier_cli.runs.weights import read_weights

# Positions on these axes are looked up by the scale's own values; all others are the same in both.
_LOOKED_UP = ("seed", "update", "jacobian_update", "spectrum_update", "layer", "weight_layer")


@dataclass(frozen=True)
class Deviation:
    """How far the arrays of one group lie apart; `worst` is the array whose relative difference is largest.

    `relative` is the largest absolute difference in an array over the largest number in the file's; of
    histograms and of right answers, the share of values that moved. What is a number in one of them alone is
    infinitely far.
    """

    group: str
    absolute: float
    relative: float
    worst: str
    arrays: int
    same_bits: bool
    worst_absolute: float
    """The largest absolute difference in `worst`; `absolute` is that of all arrays, of several units."""


def differences(run: Run, again: Run) -> list[Deviation]:
    """How far `again` is from `run` at the records and seeds that both have, group by group."""
    groups: dict[str, list[tuple[str, np.ndarray, np.ndarray]]] = {}
    # In the schema's order: that of a run that was just trained is another every time.
    for name in schema.DATASETS:
        if name in run and name in again and "seed" in schema.dims(name) and name not in schema.SCALES:
            part, other = shared(run, again, name)
            # Nothing in common, networks of other sizes on an axis that counts their units, or other bins.
            if not part.size or part.shape != other.shape or not _same_bins(run, again, name):
                continue
            if name == "final/diverged_at":
                part = np.where(part < again.updates[-1], part, -1)
            groups.setdefault(name.partition("/")[0], []).append((name, part, other))
    return [_difference(group, pairs) for group, pairs in groups.items()]


def weights_difference(run: Run, again: Run) -> Deviation:
    """How far the trained weights in memory of `again` are from those beside `run`; raises `RunFileError`."""
    seeds = again.seeds.tolist()
    kept = read_weights(run, seeds)
    pairs = [
        (f"weights/{name}", kept[f"seed{seed}/{name}"], array[at])
        for name, array in again.weights.items()
        for at, seed in enumerate(seeds)
    ]
    return _difference("trained weights", pairs)


def shared(run: Run, again: Run, name: str) -> tuple[np.ndarray, np.ndarray]:
    """The array called `name` of both, at the positions that both have."""
    part, other = run[name], again[name]
    for axis, dim in enumerate(schema.dims(name)):
        if dim in _LOOKED_UP:
            where = [(i, j) for j, value in enumerate(again[dim]) for i in np.flatnonzero(run[dim] == value)]
            part = part.take([i for i, _ in where], axis)
            other = other.take([j for _, j in where], axis)
    return part, other


def _same_bins(run: Run, again: Run, name: str) -> bool:
    edges = name.replace("/histogram", "/bin_edge")
    return edges == name or np.array_equal(run[edges], again[edges])


def _difference(group: str, pairs: Sequence[tuple[str, np.ndarray, np.ndarray]]) -> Deviation:
    largest = []
    for name, part, other in pairs:
        a, b = part.astype(np.float64), other.astype(np.float64)
        # Infinite and not a number are as good as themselves.
        other_than = ~((a == b) | (np.isnan(a) & np.isnan(b)))
        apart = np.subtract(a, b, out=np.zeros_like(a), where=other_than)
        apart = np.nan_to_num(np.abs(apart), nan=np.inf)
        absolute = float(apart.max(initial=0.0))
        if name.endswith("/histogram"):
            # A value on an edge that moves leaves one bin and enters another.
            apart, a = apart.sum(axis=-1) / 2, a.sum(axis=-1)
        elif name == "final/test_correct":
            apart, a = apart.mean(axis=-1), np.ones(1)
        scale = float(np.nan_to_num(np.abs(a)).max(initial=0.0))
        widest = float(apart.max(initial=0.0))
        largest.append((widest / scale if scale else widest, absolute, name))
    relative, worst_absolute, worst = max(largest)
    same = all(part.tobytes() == other.astype(part.dtype).tobytes() for _, part, other in pairs)
    absolute = max(each[1] for each in largest)
    return Deviation(group, absolute, relative, worst, len(pairs), same, worst_absolute)
