"""Finds the inputs and labels of each part among the named arrays of a file.

The names are `x` and `y`, or `x_train`, `y_train`, `x_test`, `y_test`, perhaps with `x_valid`, `y_valid`.
Other usual names are understood where these are missing: `X_val`, `train_images`, `labels`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import NamedTuple

from xavier_cli.data.sets import DataDamagedError

SHOWN = 5
PARTS = {
    "train": ("train", "training"),
    "valid": ("valid", "val", "validation", "dev"),
    "test": ("test", "testing"),
}
"""The usual names of the three parts, ours first: of arrays and of folders."""

_KINDS = {
    "x": ("x", "images", "image", "data", "features", "inputs"),
    "y": ("y", "labels", "label", "targets", "target"),
}
_EXPECTED = "it should hold x and y, or x_train, y_train, x_test, y_test"


class ArrayNames(NamedTuple):
    """`found`: our names, and what each is called in the file; `unread`: what means nothing to us."""

    found: dict[str, str]
    unread: tuple[str, ...]

    @property
    def notes(self) -> tuple[str, ...]:
        """What is to be said of the names, a line each."""
        renamed = [f"`{there}` as {ours}" for ours, there in self.found.items() if ours != there]
        lines = [f"read {', '.join(renamed)}"] if renamed else []
        return (*lines, *([f"not read: {listed(self.unread)}"] if self.unread else []))


def listed(names: Iterable[str]) -> str:
    """Names in backquotes, the first of many."""
    names = list(names)
    more = f" and {len(names) - SHOWN:,} more" if len(names) > SHOWN else ""
    return ", ".join(f"`{name[:60]}`" for name in names[:SHOWN]) + more


def part_of(word: str) -> str | None:
    """The part that `word` names, in any case; None for anything else."""
    return next((part for part, words in PARTS.items() if word.lower() in words), None)


def find_arrays(there: Collection[str], path: Path) -> ArrayNames:
    """Which of the arrays that are `there` make up the set; raises `DataDamagedError`."""
    meant: dict[str, list[str]] = {}
    for name in there:
        if ours := _ours(name):
            meant.setdefault(ours, []).append(name)
    found = {ours: ours if ours in names else names[0] for ours, names in meant.items()}
    whole = "x" in found and ("x_train" not in found or found["x"] == "x")
    wanted = ("x", "y") if whole else ("x_train", "y_train", "x_test", "y_test")
    if {"x_valid", "y_valid"} & found.keys():
        wanted = (*wanted, "x_valid", "y_valid")
    for ours in wanted:
        if ours not in found:
            raise DataDamagedError(f"`{path}` {_lacks(ours, found)}: {_EXPECTED}")
        if found[ours] != ours and len(meant[ours]) > 1:
            raise DataDamagedError(f"`{path}` has {listed(sorted(meant[ours]))}: which is `{ours}`?")
    chosen = {ours: found[ours] for ours in wanted}
    return ArrayNames(chosen, tuple(sorted(set(there) - set(chosen.values()))))


def _lacks(ours: str, found: dict[str, str]) -> str:
    """In words, that `ours` is not among what was `found`, beside what is, in names like those."""
    kind, _, part = ours.partition("_")
    other = {"x": "y", "y": "x"}[kind] + "_" * bool(part) + part
    if other in found:
        name = _renamed(found[other], ours, found.get(f"{kind}_train", ""))
        return f"has `{found[other]}` but has no `{name}`"
    beside = found.get(f"{kind}_train") if part == "test" else None
    return f"has `{beside}` but has no `{_renamed(beside, ours)}`" if beside else f"has no `{ours}`"


def _renamed(beside: str, ours: str, like: str = "") -> str:
    """What whoever called other arrays `beside` and `like` would call `ours`: `y_val` beside `X_val`."""
    kind, _, part = ours.partition("_")
    pieces = re.split(r"([_\-. ]+)", beside)
    for i, piece in enumerate(pieces):
        word = piece.lower()
        if there := part_of(word):
            pieces[i] = piece if there == part else part
        elif word in ("x", "y"):
            pieces[i] = kind.upper() if piece.isupper() and not like.startswith(kind) else kind
        elif word not in _KINDS[kind] and any(word in spellings for spellings in _KINDS.values()):
            pieces[i] = _KINDS[kind][1]
    return "".join(pieces)


def _ours(name: str) -> str | None:
    """Our name of what `name` means: `x_valid` of `val_images`."""
    words = re.split(r"[_\-. ]+", name.lower())
    kinds = [kind for kind, spellings in _KINDS.items() if words[0] in spellings or words[-1] in spellings]
    if len(words) > 2 or len(kinds) != 1:
        # The kind and the part in one word, as in `xtrain`, are left to the user.
        return None
    kind = kinds[0]
    if len(words) == 1:
        return kind
    part = part_of(words[1] if words[0] in _KINDS[kind] else words[0])
    return f"{kind}_{part}" if part else None
