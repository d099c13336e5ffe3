"""Reads CIFAR-10 from its six binary batches, packed or unpacked, split 40,000 / 10,000 / 10,000."""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from xavier_cli.data.mnist import not_there
from xavier_cli.data.sets import DataDamagedError, DataMissingError, Examples, FiniteSet, first_there
from xavier_cli.vocabulary.lookup import DATA_SETS

# MD5 of the unpacked batches, the same whichever way they were packed.
MD5 = {
    "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
    "data_batch_2.bin": "5ea93a67294ea407fff1d09f752e9692",
    "data_batch_3.bin": "942cd6a4bcdd0dd3c604fbe906cb4421",
    "data_batch_4.bin": "ae636b3ba5c66a11e91e8cb52e771fcb",
    "data_batch_5.bin": "53f37980c15c3d472c316c40844f3f0d",
    "test_batch.bin": "803d5f7f4d78ea53de84dbe85f74fb6d",
}
FOLDER = "cifar-10-batches-bin"
# What the Python version of the set comes in, which torchvision and Keras keep.
PICKLES = ("cifar-10-python.tar.gz", "cifar-10-batches-py", "cifar-10-batches-py.tar.gz", "data_batch_1")
PLACES = ("cifar10/", "", "CIFAR10/", "cifar-10/", "CIFAR-10/", "cifar/")
ARCHIVES = ("cifar-10-binary.tar.gz", f"{FOLDER}.tar.gz")
# A row is one label, then 1024 bytes each of red, green and blue.
ROWS, ROW = 10_000, 1 + 3 * 32 * 32
# The batches have 184 MB; a small archive can unpack to anything.
MAX_UNPACKED = 250_000_000
MAX_MEMBERS = 100


def source(folders: Sequence[Path]) -> Path:
    """The archive or the folder of batches in the first of `folders` that has one; `DataMissingError`."""
    names = _inside(*ARCHIVES, FOLDER)
    found = first_there(folders, names) or first_there(folders, _inside("test_batch.bin"))
    if found is None:
        pickled = first_there(folders, _inside(*PICKLES))
        if pickled:
            raise DataMissingError(
                f"cifar10: `{pickled}` holds Python's batches, which are pickles and never loaded: "
                f"`{ARCHIVES[0]}` has the same pictures; `xavier data fetch cifar10` gets it"
            )
        raise DataMissingError(not_there("cifar10", names[0], folders))
    return found.parent if found.suffix == ".bin" else found


def _inside(*names: str) -> list[str]:
    return [f"{folder}{name}" for folder in PLACES for name in names]


def read(folders: Sequence[Path]) -> FiniteSet:
    """CIFAR-10 out of `folders`; the last 10,000 training images are for validation.

    Raises `DataMissingError` and `DataDamagedError`.
    """
    path = source(folders)
    contents = _unpacked(path) if path.is_dir() else _members(path)
    batches = []
    for name, expected in MD5.items():
        if name not in contents:
            raise DataDamagedError(f"`{path}` lacks `{name}`")
        content = contents[name]
        if len(content) != ROWS * ROW:
            raise DataDamagedError(f"`{name}` in `{path}` has {len(content)} bytes, not {ROWS * ROW}")
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != expected:
            raise DataDamagedError(f"`{name}` in `{path}` is not the official file: its checksum differs")
        batches.append(np.frombuffer(content, np.uint8).reshape(ROWS, ROW))
    train, valid, test = (_examples(rows) for rows in (np.concatenate(batches[:-2]), *batches[-2:]))
    words = DATA_SETS["cifar10"]
    return FiniteSet(train, valid, test, words.labels, words.shape, dict(MD5))


def _examples(rows: np.ndarray) -> Examples:
    return Examples(np.ascontiguousarray(rows[:, 1:]), rows[:, 0].astype(np.int32))


def _unpacked(folder: Path) -> dict[str, bytes]:
    contents = {}
    for name in MD5:
        path = folder / name
        if path.is_file():
            try:
                with path.open("rb") as file:
                    contents[name] = file.read(ROWS * ROW + 1)
            except OSError as error:
                raise DataDamagedError.unreadable(path, error) from None
    return contents


def _members(archive: Path) -> dict[str, bytes]:
    """The batches in `archive`, which is read from front to back and never unpacked to the disk."""
    contents: dict[str, bytes] = {}
    try:
        with (
            gzip.open(archive) as unpacked,
            tarfile.open(fileobj=_Bounded(unpacked), mode="r|") as members,
        ):
            for number, member in enumerate(members):
                if number >= MAX_MEMBERS:
                    raise DataDamagedError(f"`{archive}` has over {MAX_MEMBERS} entries")
                name = member.name.rpartition("/")[2]
                if member.isreg() and name in MD5 and name not in contents:
                    if member.size != ROWS * ROW:
                        raise DataDamagedError(
                            f"`{name}` in `{archive}` has {member.size} bytes, not {ROWS * ROW}"
                        )
                    file = members.extractfile(member)
                    contents[name] = file.read() if file else b""
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise DataDamagedError.unreadable(archive, error) from None
    return contents


class _Bounded(io.RawIOBase):
    """A stream that ends in an error once more comes out of it than there should be."""

    def __init__(self, stream: Any):
        self._stream = stream
        self._left = MAX_UNPACKED

    def read(self, size: int = -1, /) -> bytes:
        content: bytes = self._stream.read(size)
        self._left -= len(content)
        if self._left < 0:
            raise tarfile.ReadError(f"it unpacks to more than {MAX_UNPACKED} bytes")
        return content
