"""Converts labels of any usual form to whole numbers from 0, with a name for every class.

Whole numbers of any type, in one column or one-hot; whole floats; truth values; names. Conversions
are noted, and ambiguous labels are refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from xavier_cli.data.sets import MAX_CLASSES, DataDamagedError

LONGEST_NAME = 200
SHOWN = 4


class Labels(NamedTuple):
    """Labels from 0 by part, int32; the classes' names; and what was done, a line each."""

    parts: dict[str, np.ndarray]
    names: tuple[str, ...]
    notes: tuple[str, ...]


def check_declared(path: Path, name: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Refuse labels that cannot be any, by what their header says."""
    if dtype.kind == "O":
        remedy = f"`{name}.astype(str)` stores names, `{name}.astype(int)` numbers"
        raise DataDamagedError(
            f"`{path}`: `{name}` holds object, which is a pickle and never loaded: {remedy}"
        )
    if dtype.kind not in "iufbUS":
        raise DataDamagedError(f"`{path}`: `{name}` holds {dtype}, not whole numbers or names")
    if len(shape) not in (1, 2):
        raise DataDamagedError(f"`{path}`: `{name}` has shape {shape}, not one label per example")
    if len(shape) == 2 and not 1 <= shape[1] <= MAX_CLASSES:
        raise DataDamagedError(
            f"`{path}`: `{name}` has shape {shape}, not one label per example or up to "
            f"{MAX_CLASSES:,} columns"
        )


def read_labels(path: Path, given: Mapping[str, np.ndarray]) -> Labels:
    """The labels `given` by the name of their array, all of which number the same classes.

    Raises `DataDamagedError`.
    """
    notes: dict[str, None] = {}
    flat = {}
    for name, array in given.items():
        check_declared(path, name, array.shape, array.dtype)
        flat[name] = _flat(path, name, array, notes)
    kinds = {"names" if array.dtype.kind in "US" else "numbers" for array in flat.values()}
    if len(kinds) > 1:
        raise DataDamagedError(
            f"`{path}`: {' and '.join(f'`{name}`' for name in flat)} do not both hold numbers, or names"
        )
    # The usual case first: nothing is sorted, and nothing is changed.
    if kinds == {"numbers"} and all(len(array) and int(array.min()) >= 0 for array in flat.values()):
        last = max(int(array.max()) for array in flat.values())
        if last < MAX_CLASSES:
            there = np.zeros(last + 1, bool)
            for array in flat.values():
                there |= np.bincount(array.astype(np.int64), minlength=last + 1) > 0
            if there.all():
                parts = {name: array.astype(np.int32) for name, array in flat.items()}
                return Labels(parts, _named(given, range(last + 1)), tuple(notes))
    return _numbered(path, flat, given, notes)


def _numbered(
    path: Path, flat: dict[str, np.ndarray], given: Mapping[str, np.ndarray], notes: dict[str, None]
) -> Labels:
    """Labels counted through from 0, in the order of the numbers or names that are there."""
    found = [np.unique(array) for array in flat.values() if len(array)]
    values = np.unique(np.concatenate(found)) if found else np.zeros(0, np.int64)
    quoted = " and ".join(f"`{name}`" for name in flat)
    if len(values) > MAX_CLASSES:
        raise DataDamagedError(
            f"`{path}`: {quoted} hold {len(values):,} different labels, over {MAX_CLASSES:,}"
        )
    if values.dtype.kind in "US":
        order, names = _sorted_names(path, quoted, values)
        notes[f"labels are names: {_shown(names)}"] = None
    else:
        numbers = [int(value) for value in values]
        # A class of -1 beside one of 1 is a usual way to write two classes; alone it marks what has no label.
        if numbers and numbers[0] < 0 and numbers != [-1, 1]:
            raise DataDamagedError(
                f"`{path}`: {quoted} runs from {numbers[0]} to {numbers[-1]}; labels run from 0: leave out "
                "examples without a label"
            )
        order, names = np.arange(len(values)), _named(given, numbers)
        if numbers and numbers != list(range(len(numbers))):
            what = "have gaps" if numbers[-1] - numbers[0] >= len(numbers) else f"start at {numbers[0]}"
            what = "are -1 and 1" if numbers[0] < 0 else what
            many = len(numbers) > 1
            keep = (
                f"the {len(numbers):,} classes keep their numbers" if many else "the class keeps its number"
            )
            notes[f"labels {what}: {keep} {_shown(names)} as name{'s' * many}"] = None
    place = np.empty(len(values), np.int32)
    place[order] = np.arange(len(values), dtype=np.int32)
    parts = {name: place[np.searchsorted(values, array)] for name, array in flat.items()}
    return Labels(parts, names, tuple(notes))


def _flat(path: Path, name: str, array: np.ndarray, notes: dict[str, None]) -> np.ndarray:
    """One label per example, whole numbers or names."""
    if array.dtype.kind == "b" and array.ndim == 1:
        notes["labels are truth values: class 0 is false, class 1 true"] = None
    if array.dtype.kind == "f":
        # Also false for what is not a number.
        whole = bool((np.abs(array) < 2**53).all()) and bool((array == np.rint(array)).all())
        if not whole:
            odd = array[~((np.abs(array) < 2**53) & (array == np.rint(array)))].flat[0]
            raise DataDamagedError(f"`{path}`: `{name}` holds {odd}; labels are whole numbers or names")
        if array.ndim == 1:
            notes["labels are whole floats"] = None
        array = array.astype(np.int64)
    if array.ndim == 1:
        return _small(path, name, array)
    if array.shape[1] == 1:
        notes["labels have shape (n, 1): one column"] = None
        return _flat(path, name, array[:, 0], notes)
    is_one_hot = array.dtype.kind not in "US" and bool(
        ((array == 0) | (array == 1)).all() and (array.sum(axis=1, dtype=np.int64) == 1).all()
    )
    if not is_one_hot:
        raise DataDamagedError(
            f"`{path}`: `{name}` has shape {array.shape}, and its rows are not one-hot (a single 1 among 0)"
        )
    notes[f"labels are one-hot, of {array.shape[1]} columns"] = None
    return np.asarray(array.argmax(axis=1))


def _small(path: Path, name: str, array: np.ndarray) -> np.ndarray:
    """`array` in a type that all parts' labels can be compared in."""
    if array.dtype.kind == "S":
        try:
            return np.char.decode(array, "utf-8")
        except UnicodeDecodeError:
            raise DataDamagedError(f"`{path}`: `{name}` holds names that are not UTF-8") from None
    if array.dtype.kind == "U":
        return array
    if array.dtype.kind == "u" and len(array) and int(array.max()) >= 2**63:
        raise DataDamagedError(f"`{path}`: `{name}` holds {array.max()}, over 2^63")
    return array.astype(np.int64)


def _sorted_names(path: Path, quoted: str, values: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """In which order classes come, `values[order]`, and their names: numbers among names by size."""
    names = [str(value) for value in values]
    for name in names:
        if not name.strip() or len(name) > LONGEST_NAME or not name.isprintable():
            raise DataDamagedError(
                f"`{path}`: {quoted} holds `{name[:40]!r}`, which is no name of a class (1 to {LONGEST_NAME} "
                "printable characters)"
            )
    every = all(name.isascii() and name.isdigit() for name in names)
    order = sorted(range(len(names)), key=lambda i: (int(names[i]) if every else 0, names[i]))
    return np.array(order, np.int64), tuple(names[i] for i in order)


def _named(given: Mapping[str, np.ndarray], numbers: Iterable[int]) -> tuple[str, ...]:
    truth = all(
        array.dtype.kind == "b" and (array.ndim == 1 or array.shape[1] == 1) for array in given.values()
    )
    return tuple(str(bool(number)).lower() if truth else str(number) for number in numbers)


def _shown(names: tuple[str, ...]) -> str:
    more = f" … `{names[-1]}`" if len(names) > SHOWN else ""
    return ", ".join(f"`{name}`" for name in names[:SHOWN]) + more
