"""Finds the few settings that tell rows apart: for labels and for names in sentences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence


def telling(columns: Sequence[Sequence[Hashable]], known: Sequence[int] = ()) -> list[int]:
    """The `columns` that tell apart all rows that differ anywhere: few of them, and what tells most first.

    The columns `known` are said anyway, and are not among them. Of equals the first column is taken.
    """
    if not columns:
        return []
    groups = _groups([columns[at] for at in known], len(columns[0]))
    most = len({*_groups(columns, len(columns[0]))})
    found: list[int] = []
    while len({*groups}) < most:
        left = [at for at in range(len(columns)) if at not in known and at not in found]
        best = max(left, key=lambda at: len({*zip(groups, columns[at], strict=True)}))
        found.append(best)
        groups = _groups([groups, columns[best]], len(groups))
    # What a later one says better is left out.
    for at in list(found):
        rest = [*known, *(other for other in found if other != at)]
        if len({*_groups([columns[each] for each in rest], len(groups))}) == most:
            found.remove(at)
    return found


def told_by_row(columns: Sequence[Sequence[Hashable]], known: Sequence[int] = ()) -> list[list[int]]:
    """For each row those of `telling` that it needs to be unlike all others, in that order."""
    rows = len(columns[0]) if columns else 0
    groups, needed = _groups([columns[at] for at in known], rows), [list[int]() for _ in range(rows)]
    for at in telling(columns, known):
        values: defaultdict[int, set[Hashable]] = defaultdict(set)
        for group, value in zip(groups, columns[at], strict=True):
            values[group].add(value)
        for row, group in enumerate(groups):
            if len(values[group]) > 1:
                needed[row].append(at)
        groups = _groups([groups, columns[at]], rows)
    return needed


def _groups(columns: Sequence[Sequence[Hashable]], rows: int) -> list[int]:
    """The number of the group of each row, `(rows,)`: of those that are alike in all `columns`."""
    seen: dict[tuple[Hashable, ...], int] = {}
    return [seen.setdefault(tuple(column[row] for column in columns), len(seen)) for row in range(rows)]
