"""Defines a finite data set: examples and labels in three parts; and the errors of reading one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from xavier_cli.errors import ExitCode, XavierError, permission_denied
from xavier_cli.sanitize import utf8, utf8_throughout
from xavier_cli.vocabulary.datasets import DatasetInfo

# What a set may take in memory, and how many classes it may have.
MAX_BYTES = 2**33
MAX_CLASSES = 10_000
LONGEST_REASON = 300
# The examples on which every layer is measured (DESIGN §4).
MIN_TEST_EXAMPLES = 300
MAX_TEST_EXAMPLES = 1_000_000
MAX_EXAMPLES = 10_000_000


class DataMissingError(XavierError):
    """A data set whose files are not there."""

    exit_code = ExitCode.USAGE


class DataDamagedError(XavierError):
    """A data set whose files are there, but not what they should be."""

    exit_code = ExitCode.NO_INPUT

    @classmethod
    def unreadable(cls, path: Path, error: BaseException) -> DataDamagedError:
        """That `path` met with `error`; in short, since a library may quote half a file."""
        if isinstance(error, PermissionError):
            return cls(permission_denied(os.fsdecode(error.filename or path)))
        words = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        return cls(f"`{path}` cannot be read: {' '.join(words.split())[:LONGEST_REASON]}")


class Examples(NamedTuple):
    """Pixels of shape `(n, inputs)`, bytes or float32, and labels of shape `(n,)`, int32 from 0."""

    pixels: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class FiniteSet:
    """A data set in its three parts.

    `labels` are the classes' names and `shape` an image's, as in `DatasetInfo`; `checksums` are of the
    content of the files it was read from, where those have known ones; `notes` say what was done, a
    line each.
    """

    train: Examples
    valid: Examples
    test: Examples
    labels: tuple[str, ...]
    shape: tuple[int, ...]
    checksums: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def parts(self) -> Iterator[tuple[str, Examples]]:
        """The parts by name."""
        yield from (("train", self.train), ("valid", self.valid), ("test", self.test))

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of all examples: the types, shapes and bytes of the six arrays."""
        digest = hashlib.sha256()
        for _, part in self.parts():
            for array in part:
                digest.update(f"{array.dtype.str}{array.shape}".encode())
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def facts(self, name: str) -> DatasetInfo:
        """What a run keeps of this set, which was asked for as `name`."""
        counts = np.bincount(self.test.labels, minlength=len(self.labels))
        return DatasetInfo(
            name=name,
            inputs=self.train.pixels.shape[1],
            classes=len(self.labels),
            # Names of folders and files, which need not be text.
            labels=tuple(map(utf8, self.labels)),
            top_class=float(counts.max() / counts.sum()),
            shape=self.shape,
            sha256=self.sha256,
            sources=utf8_throughout(self.checksums),
            notes=utf8_throughout(self.notes),
            train=len(self.train.labels),
            valid=len(self.valid.labels),
            test=len(self.test.labels),
        )


def checked(finite: FiniteSet, where: Path) -> FiniteSet:
    """`finite`, which was read from `where`, if one can train on it; else raises `DataDamagedError`."""
    refuse_labels({name: part.labels for name, part in finite.parts()}, finite.labels, where)
    return finite


def refuse_labels(parts: Mapping[str, np.ndarray], classes: Sequence[str], where: Path) -> None:
    """Raise `DataDamagedError` where one cannot train on examples with these labels."""
    if len(classes) > MAX_CLASSES:
        raise DataDamagedError(f"`{where}` has {len(classes):,} classes, over {MAX_CLASSES:,}")
    for name, labels in parts.items():
        counts = np.bincount(labels, minlength=len(classes))
        if not counts.any():
            total = sum(map(len, parts.values()))
            raise DataDamagedError(f"`{where}` has no {name} examples: it has {total:,} in all")
        if name == "train" and not counts.all():
            absent = classes[int(np.argmin(counts))]
            raise DataDamagedError(f"`{where}` has no training example of class `{absent}`")
    _refuse_test_count(len(parts["test"]), where)


def refuse_counts(counts: Mapping[str, int], where: Path) -> None:
    """Raise `DataDamagedError` where parts of so many examples, the whole being "", are too many.

    Before anything is done with them: labels alone are small, and sorting or splitting them is not.
    """
    for name, count in counts.items():
        most = MAX_TEST_EXAMPLES if name == "test" else MAX_EXAMPLES
        if count > most:
            of = f"{name} " * bool(name)
            raise DataDamagedError(f"`{where}` has {count:,} {of}examples, over {most:,}")


def _refuse_test_count(count: int, where: Path) -> None:
    if count > MAX_TEST_EXAMPLES:
        raise DataDamagedError(f"`{where}` has {count:,} test examples, over {MAX_TEST_EXAMPLES:,}")
    if count < MIN_TEST_EXAMPLES:
        raise DataDamagedError(
            f"`{where}` has {count:,} test example{'s' * (count != 1)}, where {MIN_TEST_EXAMPLES:,} probe "
            "examples are needed: a tenth of a set is its test part, so give about "
            f"{10 * MIN_TEST_EXAMPLES:,} examples in all, or your own test part (`x_test` and `y_test`, "
            "or a folder `test`)"
        )


def refuse_over_memory(size: int, where: Path) -> None:
    """Raise `DataDamagedError` where so many bytes are more than a set may take, before reading them."""
    if size > MAX_BYTES:
        raise DataDamagedError(
            f"`{where}` declares {size / 2**30:.1f} GiB of numbers, over {MAX_BYTES >> 30} GiB"
        )


def first_there(folders: Sequence[Path], names: Sequence[str]) -> Path | None:
    """The first of `names` in the first of `folders` that has one, as a file or a folder."""
    for folder in folders:
        for name in names:
            if (folder / name).exists():
                return folder / name
    return None
