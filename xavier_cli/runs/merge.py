"""Joins runs of one experiment: runs whose configuration differs only in the seeds become one.

Arrays with a seed axis are joined along it, and a search's errors along the axis of its seeds; everything
else has to be equal in all parts. Runs are kept apart, with a note, where a mean over them would be
meaningless: complete and unfinished runs, records at different updates, searches that chose different rates.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from xavier_cli.runs import schema
from xavier_cli.runs.errors import RunFileError
from xavier_cli.runs.record import Run, best_rate
from xavier_cli.vocabulary.network_info import NetworkInfo

_SEED, _SEARCH_SEED = "seed", "search/search_seed"
# What runs of one mean have in common beside their configuration: why they are kept apart where they do not.
_WHY_APART = (
    "some are complete and some are not",
    "their records lie at different updates",
    "their searches chose different rates",
    "their networks have other layers",
)


def merge_runs(runs: Iterable[Run]) -> tuple[list[Run], list[str]]:
    """The experiments that `runs` are parts of, in the order of their first parts; and notes.

    A merged run has the seeds of all its parts in the order given, a `config` that says so, `sources` in
    place of a `path`, and the provenance that its parts agree on. It keeps the arrays that all parts have. A
    seed counts once: identical copies are dropped with a note. Raises `RunFileError`, which names both
    files, where two disagree about a seed.
    """
    experiments: dict[object, dict[tuple[object, ...], list[Run]]] = {}
    for run in runs:
        experiments.setdefault(run.config.experiment, {}).setdefault(_kind(run), []).append(run)
    merged, notes = [], []
    for kinds in experiments.values():
        _refuse_other_data([run for parts in kinds.values() for run in parts])
        if len(kinds) > 1:
            columns = zip(_WHY_APART, zip(*kinds, strict=True), strict=True)
            why = " and ".join(words for words, values in columns if len(set(values)) > 1)
            names = ", ".join(_name(parts[0]) for parts in kinds.values())
            notes.append(f"kept apart though only their seeds differ, since {why}: {names}")
        for parts in kinds.values():
            joined, more = _join(parts) if len(parts) > 1 else (parts, [])
            merged += joined
            notes += more
    return merged, notes


def _refuse_other_data(runs: Sequence[Run]) -> None:
    """Raise `RunFileError` where a path led to one data set in one run and to another in the next."""
    told = [run for run in runs if run.data and run.data.sha256]
    for run in told:
        first, facts = told[0], run.data
        if first.data and facts and facts.sha256 != first.data.sha256:
            raise RunFileError(
                run.path or "a run",
                f"trained on other data than {_name(first)}, though both call it `{run.config.data}`",
            )


def _kind(run: Run) -> tuple[object, ...]:
    updates = run.updates.tobytes() if "update" in run else b""
    network = run.network.structure if run.network else None
    return run.status == "complete", updates, run.lr if run.has_search else None, network


def _join(parts: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """`parts` as one run, or as they are where their searches forbid it; and notes."""
    first = parts[0]
    names, notes = _shared(parts)
    seeds = [run.config.seeds for run in parts]
    kept, copies = _distinct(parts, seeds, names, _SEED)
    notes += copies
    used = [part for part, positions in enumerate(kept) if positions]
    if used == [0]:
        return [first], notes
    arrays = {name: first[name] for name in names} | _concatenated(parts, kept, names, _SEED)
    if _SEARCH_SEED in arrays:
        search_seeds = [run[_SEARCH_SEED].tolist() for run in parts]
        kept_by_search, _ = _distinct(parts, search_seeds, names, _SEARCH_SEED)
        arrays |= _concatenated(parts, kept_by_search, names, _SEARCH_SEED)
        # Searches that shared seeds can together favour a rate that none of them chose, nor trained with.
        found = arrays.get("search/valid_error")
        if found is not None and best_rate(found) != best_rate(first["search/valid_error"]):
            names_of_all = ", ".join(map(_name, parts))
            notes.append(f"kept apart, since their searches together choose another rate: {names_of_all}")
            return list(parts), notes
    merged = replace(
        first,
        config=first.config.with_seeds(
            tuple(seeds[part][position] for part in used for position in kept[part])
        ),
        arrays=arrays,
        status=first.status if len({run.status for run in parts}) == 1 else "interrupted",
        created_utc=max(parts[part].created_utc for part in used),
        provenance=_agreed([parts[part] for part in used]),
        # As of provenance: what its parts have in common.
        tags=tuple(tag for tag in first.tags if all(tag in parts[part].tags for part in used)),
        note=first.note if all(parts[part].note == first.note for part in used) else "",
        network=_network([parts[part] for part in used]),
        path=None,
        sources=tuple(path for part in used for path in _paths(parts[part])),
    )
    return [merged], notes


def _shared(parts: Sequence[Run]) -> tuple[list[str], list[str]]:
    """The names of the arrays that can be joined, and a note about those that cannot."""
    first, *others = parts
    everywhere = [name for name in first.arrays if all(name in run for run in others)]
    # A scale that differs (other bins, another number of examples) takes along what lies on it.
    differing = {
        name
        for name in everywhere
        if not {_SEED, _SEARCH_SEED} & set(schema.dims(name))
        and not all(_equal(first[name], run[name]) for run in others)
    }
    names = [name for name in everywhere if not differing & schema.with_scales({name})]
    lost = sorted({name for run in parts for name in run.arrays} - set(names))
    if not lost:
        return names, []
    shown = ", ".join(lost[:3]) + (f" and {len(lost) - 3} more" if len(lost) > 3 else "")
    return names, [f"left out, since not all of {_name(first)} and its fellows have the same: {shown}"]


def _distinct(
    parts: Sequence[Run], labels: Sequence[Sequence[int]], names: Sequence[str], axis: str
) -> tuple[list[list[int]], list[str]]:
    """For each part the positions on `axis` whose label no earlier part has; and notes about the copies.

    Raises `RunFileError` where a copy is none.
    """
    along = [name for name in names if axis in schema.dims(name)]
    home: dict[int, tuple[int, int]] = {}
    kept, notes = [], []
    for part, own in enumerate(labels):
        copies: dict[int, list[int]] = {}
        for position, label in enumerate(own):
            there, its_position = home.setdefault(label, (part, position))
            if there == part:
                continue
            for name in along:
                mine, theirs = (
                    _at(parts[part], name, axis, position),
                    _at(parts[there], name, axis, its_position),
                )
                if not _equal(mine, theirs):
                    raise RunFileError(
                        parts[part].path or "a run",
                        f"disagrees with {_name(parts[there])} about seed {label}: `{name}` differs",
                    )
            copies.setdefault(there, []).append(label)
        for there, same in copies.items():
            seeds = ", ".join(map(str, same[:10])) + (", …" if len(same) > 10 else "")
            notes.append(
                f"seed {seeds} of {_name(parts[part])} dropped: an identical copy is in {_name(parts[there])}"
            )
        kept.append([position for position, label in enumerate(own) if home[label] == (part, position)])
    return kept, notes


def _concatenated(
    parts: Sequence[Run], kept: Sequence[Sequence[int]], names: Sequence[str], axis: str
) -> dict[str, np.ndarray]:
    return {
        name: np.concatenate(
            [_at(run, name, axis, list(positions)) for run, positions in zip(parts, kept, strict=True)],
            axis=schema.dims(name).index(axis),
        )
        for name in names
        if axis in schema.dims(name)
    }


def _at(run: Run, name: str, axis: str, position: int | list[int]) -> np.ndarray:
    values: np.ndarray = np.take(run[name], np.asarray(position, np.intp), axis=schema.dims(name).index(axis))
    return values


def _equal(one: np.ndarray, other: np.ndarray) -> bool:
    return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def _network(parts: Sequence[Run]) -> NetworkInfo | None:
    """What all parts say of a custom network: each looked at the numbers of its own seeds alone."""
    told = [part.network for part in parts if part.network]
    return told[0].agreed(told[1:]) if told else None


def _agreed(parts: Sequence[Run]) -> dict[str, Any]:
    first = parts[0].provenance
    return {key: first[key] for key in first if all(run.provenance.get(key) == first[key] for run in parts)}


def _paths(run: Run) -> tuple[Path, ...]:
    return run.sources or ((run.path,) if run.path else ())


def _name(run: Run) -> str:
    return ", ".join(f"`{path}`" for path in _paths(run)) or "a run in memory"
