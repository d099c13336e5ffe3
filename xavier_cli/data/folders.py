"""Lists the images in a folder of classes, without opening one.

    PATH/train/CLASS/* and PATH/test/CLASS/*, perhaps PATH/valid/CLASS/*        or        PATH/CLASS/*

Usual names of the parts are understood, like `val` and `Training`. Images may lie in folders inside a class.
Files of file managers are skipped and counted, and unknown files are listed.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from xavier_cli.data.array_names import PARTS, listed, part_of
from xavier_cli.data.sets import DataDamagedError, refuse_counts
from xavier_cli.data.split import marks

LITTER = ("thumbs.db", "ehthumbs.db", "desktop.ini", "__macosx", "icon\r")
"""What file managers leave behind, beside hidden files like `.DS_Store` and `._cat.png`."""

DEEPEST = 8
"""Folders inside a class that are gone into; links may lead in circles."""


class Listed(NamedTuple):
    """The image files of one part, `(class, file)` each, in the order of their marks."""

    files: list[tuple[int, Path]]
    marks: np.ndarray


class Listing(NamedTuple):
    """Which images there are; `test` and `valid` are None where the folder does not say."""

    folder: Path
    labels: tuple[str, ...]
    train: Listed
    test: Listed | None
    valid: Listed | None = None
    notes: tuple[str, ...] = ()


def list_images(folder: Path) -> Listing:
    """The images under `folder`; raises `DataDamagedError`."""
    try:
        return _Walk(folder).listing()
    except OSError as error:
        raise DataDamagedError.unreadable(folder, error) from None


@dataclass
class _Walk:
    """A look through a folder, and what is come across on the way."""

    folder: Path
    litter: set[Path] = field(default_factory=set)
    unread: list[str] = field(default_factory=list)
    inside: list[str] = field(default_factory=list)

    def listing(self) -> Listing:
        parts = self._parts()
        classes = {part: self._classes(place) for part, place in parts.items()}
        train = classes["train"]
        for part, found in classes.items():
            wrong = set(train) ^ set(found) if part == "test" else set(found) - set(train)
            for name in sorted(wrong):
                alone = parts["train"] if name in train else parts[part]
                raise DataDamagedError(f"`{self.folder}`: class `{name}` is in `{alone.name}` alone")
        labels = tuple(train)
        ordered = {part: _listed(found, labels, parts[part]) for part, found in classes.items()}
        counts = {part if len(parts) > 1 else "": len(each.files) for part, each in ordered.items()}
        refuse_counts(counts, self.folder)
        return Listing(
            self.folder,
            labels,
            ordered["train"],
            ordered.get("test"),
            ordered.get("valid"),
            self._notes(parts),
        )

    def _parts(self) -> dict[str, Path]:
        """The folder of each part; the folder itself for the one part that there is where it is not split."""
        entries = self._entries(self.folder)
        named: dict[str, list[Path]] = {part: [] for part in PARTS}
        for entry in entries:
            part = part_of(entry.name) if entry.is_dir() else None
            if part:
                named[part].append(entry)
        folders = [entry for each in named.values() for entry in each]
        others = [entry for entry in entries if entry.is_dir() and entry not in folders]
        # Pictures of trains may lie in a folder `train`; folders of classes do not.
        if not folders or (others and not any(_has_folders(entry) for entry in folders)):
            return {"train": self.folder}
        for part, each in named.items():
            if len(each) > 1:
                raise DataDamagedError(f"`{self.folder}` has {_all(each)}: which is the {part} part?")
        for part in ("train", "test"):
            if not named[part]:
                raise DataDamagedError(
                    f"`{self.folder}` has {_all(folders)} but no `{part}`: it should have `train` and "
                    "`test`, or one folder per class"
                )
        self.unread += [entry.name for entry in entries if entry not in folders]
        return {part: each[0] for part, each in named.items() if each}

    def _classes(self, folder: Path) -> dict[str, list[Path]]:
        found = {}
        for entry in self._entries(folder):
            if entry.is_dir():
                files = self._files(entry, 0)
                if not files:
                    raise DataDamagedError(f"`{entry}` holds no images")
                found[entry.name] = files
            else:
                self.unread.append(str(entry.relative_to(self.folder)))
        if not found:
            raise DataDamagedError(f"`{folder}` holds no folders, one per class, with images in them")
        return found

    def _files(self, folder: Path, depth: int) -> list[Path]:
        files = []
        for entry in self._entries(folder):
            if not entry.is_dir():
                files.append(entry)
                continue
            if depth == DEEPEST:
                raise DataDamagedError(
                    f"`{self.folder}`: `{entry.relative_to(self.folder)}` is a folder, over {DEEPEST} "
                    "folders inside its class"
                )
            within = self._files(entry, depth + 1)
            # Where nothing was found in it, it is told as any other thing that is no picture.
            (self.inside if within else self.unread).append(str(entry.relative_to(self.folder)))
            files += within
        return files

    def _entries(self, folder: Path) -> list[Path]:
        """What lies in `folder` and is no litter, by name."""
        kept = []
        for entry in sorted(folder.iterdir()):
            if entry.name.startswith(".") or entry.name.lower() in LITTER:
                self.litter.add(entry)
            else:
                kept.append(entry)
        return kept

    def _notes(self, parts: Mapping[str, Path]) -> tuple[str, ...]:
        lines = []
        renamed = [f"`{place.name}` as {part}" for part, place in parts.items() if place.name != part]
        if renamed and len(parts) > 1:
            lines.append(f"read {', '.join(renamed)}")
        if self.inside:
            lines.append(f"read pictures in folders inside classes, too: {listed(sorted(self.inside))}")
        if self.unread:
            lines.append(f"not read: {listed(self.unread)}")
        if self.litter:
            names = Counter(
                "._*" if each.name.startswith("._") else each.name.strip() for each in self.litter
            )
            counted = ", ".join(f"{names[name]} × `{name[:60]}`" for name in sorted(names)[:4])
            lines.append(
                f"skipped {len(self.litter):,} that are no pictures: {counted}{' …' * (len(names) > 4)}"
            )
        return tuple(lines)


def _listed(classes: Mapping[str, Sequence[Path]], labels: Sequence[str], place: Path) -> Listed:
    numbers = {name: number for number, name in enumerate(labels)}
    files = [(numbers[name], file) for name, each in classes.items() for file in each]
    # By its place under the part: the same for a set that was moved.
    marked = marks(os.fsencode(file.relative_to(place)) for _, file in files)
    # By mark, so that any piece of a part has all classes in it.
    order = np.argsort(marked, kind="stable")
    return Listed([files[i] for i in order], marked[order])


def _has_folders(folder: Path) -> bool:
    return any(entry.is_dir() and not entry.name.startswith(".") for entry in folder.iterdir())


def _all(folders: Sequence[Path]) -> str:
    return " and ".join(f"`{folder.name}`" for folder in folders)
