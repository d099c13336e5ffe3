"""Builds HDF5 files in memory and reads them without trust; the only module that imports h5py.

A file is built as bytes in memory, so that HDF5 never meets an error of the disk. Reading follows a path one
component at a time and by hard links alone, expects known types and shapes, and accepts only numbers whose
digest holds.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import h5py
import numpy as np

from xavier_cli.runs.dataset import MAX_FILE_BYTES as MAX_FILE_BYTES
from xavier_cli.runs.errors import RunFileError

# Format 1.10 has checksums on all that describes the data; the older default has none, and flipped bytes in
# it read as other numbers.
LIBVER = ("v110", "v110")
CHUNK_BYTES = 2**20
# Integers (counts, 0/1, indices) shrink well. Noisy floats hardly do, and neither does what is small.
COMPRESSED_FROM_BYTES = 1024
MAX_TEXT_BYTES = 2**24
# So much may be unpacked from a small file; beyond it, what is unpacked is bound to what is stored.
FREELY_UNPACKED_BYTES = 2**25
MAX_UNPACKING = 200
# A dataset may not take more memory than this.
MAX_DATASET_BYTES = 2**30
_FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}


class Item(NamedTuple):
    """One dataset to be stored: `dims` are the paths of its scales, none where it has no labels.

    `packs` says whether integers and texts are compressed.
    """

    path: str
    array: np.ndarray
    dims: tuple[str, ...] = ()
    texts: Mapping[str, str] = {}
    packs: bool = True

    @property
    def is_scale(self) -> bool:
        """Whether this is a dimension's scale."""
        return self.dims == (self.path,)


def digest(array: np.ndarray) -> str:
    """SHA-256, in hex, of the numbers of `array` as they lie in memory: C order, little-endian."""
    return hashlib.sha256(array.data).hexdigest()


def build_file(version: tuple[str, int], texts: Mapping[str, str], items: Sequence[Item]) -> bytes:
    """The bytes of a whole file with these root attributes; equal content has equal bytes.

    A scale comes before what lies on it. Raises `OSError`, `RuntimeError` or `MemoryError`.
    """
    with h5py.File.in_memory(libver=LIBVER) as file:
        file.attrs[version[0]] = np.int64(version[1])
        for name, text in texts.items():
            _set_text(file, name, text)
        scales: dict[str, h5py.Dataset] = {}
        for item in items:
            _store(file, item, scales)
        file.flush()
        return bytes(file.id.get_file_image())


def _store(file: h5py.File, item: Item, scales: dict[str, h5py.Dataset]) -> None:
    """Add one dataset to `file`; a scale also to `scales`, which are stored before what lies on them."""
    array = item.array
    packed = item.packs and array.dtype.kind in "iS" and array.nbytes >= COMPRESSED_FROM_BYTES
    dataset = file.create_dataset(
        item.path,
        data=array,
        chunks=_chunks(array),
        fletcher32=True,
        fillvalue=np.nan if array.dtype.kind == "f" else None,
        # The time of writing would make equal runs unequal.
        track_times=False,
        **({"compression": "gzip", "compression_opts": 1, "shuffle": True} if packed else {}),
    )
    for name, text in item.texts.items():
        _set_text(dataset, name, text)
    if item.is_scale:
        dataset.make_scale(item.path.rpartition("/")[2])
        scales[item.path] = dataset
    else:
        for axis, dim in enumerate(item.dims):
            dataset.dims[axis].attach_scale(scales[dim])


def _set_text(item: h5py.File | h5py.Dataset, name: str, text: str) -> None:
    """Give `item` an attribute of fixed length in UTF-8; HDF5's own texts, of any length, lie elsewhere."""
    content = text.encode("utf-8")
    item.attrs.create(name, np.bytes_(content), dtype=h5py.string_dtype("utf-8", len(content)))


def _chunks(array: np.ndarray) -> tuple[int, ...]:
    """The whole array where it is small; else its first axes are cut until a chunk is."""
    shape, nbytes = list(array.shape), array.nbytes
    for axis, length in enumerate(shape):
        if nbytes > CHUNK_BYTES:
            shape[axis] = max(1, length * CHUNK_BYTES // nbytes)
            nbytes = nbytes // length * shape[axis]
    return tuple(shape)


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """The root of the file at `path`, to be read; whatever goes wrong with it is a `RunFileError`."""
    try:
        # Neither a folder nor a pipe: opening one could wait for ever.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise RunFileError(path, "is not a file")
        file = h5py.h5f.open(os.fsencode(path), h5py.h5f.ACC_RDONLY, _reading())
        try:
            yield file
        finally:
            file.close()
    except RunFileError:
        raise
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else f"is damaged or not a run file ({error})"
        raise RunFileError(path, reason) from error
    except Exception as error:
        # HDF5 reports what it finds in a damaged file by whatever class comes to its hand.
        words = error.args[0] if error.args else type(error).__name__
        raise RunFileError(path, f"is damaged ({words})") from error


@cache
def _reading() -> Any:
    # The low-level calls halve the time a file takes, which counts when there are thousands.
    access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
    # A published file never changes, so there is nothing to lock; and closing it closes all that is in it.
    access.set_file_locking(False, False)
    access.set_fclose_degree(h5py.h5f.CLOSE_STRONG)
    return access


def version_of(root: Any, name: str) -> int | None:
    """The number in the root attribute `name`, or None where there is none."""
    return int(_attribute(root, name, h5py.h5t.TypeIntegerID)) if has(root, name) else None


def has(root: Any, name: str) -> bool:
    """Whether there is a root attribute called `name`."""
    return bool(h5py.h5a.exists(root, name.encode()))


def text(root: Any, name: str) -> str:
    """The text in the root attribute `name`, in UTF-8; older files are marked as ASCII, which is the same."""
    try:
        return bytes(_attribute(root, name, h5py.h5t.TypeStringID)).decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError(f"`{name}` is not UTF-8") from None


def _attribute(root: Any, name: str, kind: Any) -> Any:
    """The value of a root attribute, one number or one string of fixed length."""
    attribute = h5py.h5a.open(root, name.encode())
    stored = attribute.get_type()
    plain = isinstance(stored, kind) and not (kind is h5py.h5t.TypeStringID and stored.is_variable_str())
    size = stored.get_size()
    if not plain or attribute.get_storage_size() != size or size > MAX_TEXT_BYTES:
        raise ValueError(f"`{name}` is of another type")
    value = np.empty((), stored.dtype)
    attribute.read(value, stored)
    return value[()]


def names(root: Any, groups: Sequence[str]) -> Iterator[tuple[str, bool]]:
    """The names at the root and in these groups of it, and whether each is a hard link; follows no other."""
    for group in ("", *groups):
        opened = root
        if group:
            part = group.encode()
            if not root.links.exists(part) or root.links.get_info(part).type != h5py.h5l.TYPE_HARD:
                continue
            opened = h5py.h5o.open(root, part)
        for name in opened if isinstance(opened, h5py.h5g.GroupID) else ():
            is_hard = opened.links.get_info(name).type == h5py.h5l.TYPE_HARD
            yield (f"{group}/" if group else "") + name.decode("ascii", "replace"), is_hard


class Found(NamedTuple):
    """A dataset that was found to be stored the way we store."""

    name: str
    dataset: Any
    shape: tuple[int, ...]
    dtype: str

    @property
    def nbytes(self) -> int:
        """The memory it takes; Python's integers, which no declared shape overflows."""
        size = np.dtype(self.dtype).itemsize
        for length in self.shape:
            size *= length
        return size


def find(path: Path, groups: dict[str, Any], name: str, dtype: str) -> Found:
    """The dataset of type `dtype` at `name`; `groups` holds the root under "" and is filled."""
    found = _open(path, groups, name)
    if not isinstance(found, h5py.h5d.DatasetID):
        raise RunFileError(path, f"`{name}` is no dataset")
    if not found.get_type().equal(_stored_type(dtype)):
        raise RunFileError(path, f"`{name}` is not of type {np.dtype(dtype)}")
    properties = found.get_create_plist()
    if properties.get_layout() != h5py.h5d.CHUNKED or properties.get_external_count():
        raise RunFileError(path, f"`{name}` is not stored in chunks of this file")
    filters = [properties.get_filter(i)[0] for i in range(properties.get_nfilters())]
    if not {h5py.h5z.FILTER_FLETCHER32} <= set(filters) <= _FILTERS or len(filters) > len(_FILTERS):
        raise RunFileError(path, f"`{name}` lacks a checksum or has an unknown filter")
    shape, chunk = found.shape, properties.get_chunk()
    # A chunk is unpacked whole, also where little of it belongs to the dataset.
    if any(length > bound for length, bound in zip(chunk, shape, strict=True)):
        raise RunFileError(path, f"`{name}` asks for too much memory")
    return Found(name, found, shape, dtype)


def _open(path: Path, groups: dict[str, Any], name: str) -> Any:
    """The object at `name`, one component after the other and over hard links alone; fills `groups`."""
    group, _, part = name.rpartition("/")
    if group not in groups:
        groups[group] = _open(path, groups, group)
    if groups[group].links.get_info(part.encode()).type != h5py.h5l.TYPE_HARD:
        raise RunFileError(path, f"`{name}` is a link to somewhere else, which a run file never holds")
    return h5py.h5o.open(groups[group], part.encode())


@cache
def _stored_type(dtype: str) -> Any:
    return h5py.h5t.py_create(np.dtype(dtype), logical=True)


def load(path: Path, found: Found, expected: object, most: int = MAX_DATASET_BYTES) -> np.ndarray:
    """The numbers of `found`, whose shape is known to be right, if `expected` is their digest.

    `most` bounds the memory they may take.
    """
    size, stored = found.nbytes, found.dataset.get_storage_size()
    if (
        size > most
        or size > max(FREELY_UNPACKED_BYTES, MAX_UNPACKING * stored)
        # More is stored than there can be: it would be unpacked to who knows what.
        or stored > 2 * size + 4096
    ):
        raise RunFileError(path, f"`{found.name}` asks for too much memory")
    array = np.empty(found.shape, found.dtype)
    found.dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, array, _stored_type(found.dtype))
    if digest(array) != expected:
        raise RunFileError(path, f"is damaged: `{found.name}` does not match its digest")
    return array
