"""Writes and reads run files: the only room that knows HDF5. Everything about them follows `runs.schema`.

A file is built in memory and published by `runs.publish`, so that no fault of a disk ever meets HDF5.
Reading trusts nothing: it walks our own schema, one component at a time, and believes only numbers whose
digest holds.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from xavier_cli.runs import content, schema
from xavier_cli.runs.errors import NoTrainingError, RunFileError, StorageError
from xavier_cli.runs.publish import publish
from xavier_cli.runs.record import Run
from xavier_cli.runs.surface import DATASETS as SURFACE_DATASETS
from xavier_cli.runs.surface import REQUIRED as SURFACE_REQUIRED
from xavier_cli.runs.surface import Surface, SurfaceConfig

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
_FILTERS = {h5py.h5z.FILTER_DEFLATE, h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}


def write_run(path: str | os.PathLike[str], run: Run | Surface) -> None:
    """Publish `run` at `path`: the old file or the new one is there, whole, whatever happens meanwhile.

    Raises `StorageError` where it cannot be stored, and `ValueError` where `run` does not follow the schema.
    """
    path = Path(path)
    arrays = content.as_stored(run)
    digests = {name: content.digest(array) for name, array in arrays.items()}
    try:
        image = _image(run, arrays, digests)
    except (OSError, RuntimeError, MemoryError) as error:
        raise StorageError.of(path, error) from error

    def verify(temporary: Path) -> None:
        try:
            written = _read_file(temporary, None)
        except RunFileError as error:
            raise StorageError(path, f"could not be written: it reads back wrong, {error.reason}") from error
        if {name: content.digest(array) for name, array in written.arrays.items()} != digests:
            raise StorageError(path, "could not be written: it reads back other numbers")

    publish(path, image, verify)


def read_run(path: str | os.PathLike[str], only: Collection[str] | None = None) -> Run:
    """The run at `path`; with `only`, just these of its arrays that it has, with the scales they need.

    `only=()` reads the configuration, status and provenance; what `Run.lr` needs is always read. Raises
    `RunFileError` for everything that is not a whole run file of a schema known here, and its
    `NoTrainingError` for a loss surface.
    """
    path = Path(path)
    read = _read_file(path, None if only is None else schema.with_scales(only))
    if isinstance(read, Surface):
        raise NoTrainingError(path, "holds a loss surface, not a run")
    return read


def read_surface(path: str | os.PathLike[str]) -> Surface:
    """The loss surface at `path`; raises `RunFileError` for everything that is none."""
    path = Path(path)
    read = _read_file(path, None)
    if isinstance(read, Run):
        raise RunFileError(path, "holds a run, not a loss surface: `xavier surface` makes one")
    return read


def _read_file(path: Path, wanted: set[str] | None) -> Run | Surface:
    try:
        # Neither a folder nor a pipe: opening one could wait for ever.
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise RunFileError(path, "is not a file")
        file = h5py.h5f.open(os.fsencode(path), h5py.h5f.ACC_RDONLY, _reading())
        try:
            return _read(path, file, wanted)
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


def _image(run: Run | Surface, arrays: Mapping[str, np.ndarray], digests: Mapping[str, str]) -> bytes:
    """The bytes of the whole file; equal runs have equal bytes."""
    with h5py.File.in_memory(libver=LIBVER) as file:
        file.attrs["schema_version"] = np.int64(schema.VERSION)
        for name, text in content.texts(run, digests).items():
            file.attrs[name] = np.bytes_(text.encode("ascii"))
        scales: dict[str, h5py.Dataset] = {}
        for name, array in arrays.items():
            _store(file, content.ROWS[name], array, scales)
        file.flush()
        return bytes(file.id.get_file_image())


def _store(file: h5py.File, row: schema.Dataset, array: np.ndarray, scales: dict[str, h5py.Dataset]) -> None:
    """Add one dataset to `file`; a scale also to `scales`, which are stored before what lies on them."""
    packed = array.dtype.kind in "iS" and array.nbytes >= COMPRESSED_FROM_BYTES
    dataset = file.create_dataset(
        row.path,
        data=array,
        chunks=_chunks(array),
        fletcher32=True,
        fillvalue=np.nan if array.dtype.kind == "f" else None,
        # The time of writing would make equal runs unequal.
        track_times=False,
        **({"compression": "gzip", "compression_opts": 1, "shuffle": True} if packed else {}),
    )
    for name in ("long_name", "units"):
        if text := getattr(row, name):
            dataset.attrs[name] = np.bytes_(text.encode("ascii"))
    if row.is_scale:
        dataset.make_scale(row.path.rpartition("/")[2])
        scales[row.path] = dataset
    else:
        for axis, dim in enumerate(row.dims):
            dataset.dims[axis].attach_scale(scales[dim])


def _chunks(array: np.ndarray) -> tuple[int, ...]:
    """The whole array where it is small; else its first axes are cut until a chunk is."""
    shape, nbytes = list(array.shape), array.nbytes
    for axis, length in enumerate(shape):
        if nbytes > CHUNK_BYTES:
            shape[axis] = max(1, length * CHUNK_BYTES // nbytes)
            nbytes = nbytes // length * shape[axis]
    return tuple(shape)


def _read(path: Path, root: Any, wanted: set[str] | None) -> Run | Surface:
    if not h5py.h5a.exists(root, b"schema_version"):
        raise RunFileError(path, "is an HDF5 file, but not a run file")
    version = int(_attribute(root, "schema_version", h5py.h5t.TypeIntegerID))
    if version > schema.VERSION:
        raise RunFileError(
            path,
            f"was written by a newer xavier (its schema is {version}, this one reads up to "
            f"{schema.VERSION}): upgrade xavier to read it",
        )
    if version < 1:
        raise RunFileError(path, f"has schema {version}, which never was")
    later = [name for name in content.LATER_TEXTS if h5py.h5a.exists(root, name.encode())]
    header = content.header(path, {name: _text(root, name) for name in (*content.HEADER_TEXTS, *later)})
    config, digests = header.config, header.digests
    is_surface = isinstance(config, SurfaceConfig)
    if absent := [
        name for name in (SURFACE_REQUIRED if is_surface else schema.REQUIRED) if name not in digests
    ]:
        raise RunFileError(path, f"`{absent[0]}` is missing")
    if isinstance(config, SurfaceConfig):
        wanted = None
    elif wanted is not None and config.search:
        # Small, and without it nobody knows the rate (`Run.lr`).
        wanted = wanted | schema.with_scales({"search/lr", "search/valid_error"})
    # What a later version of this schema adds is passed over.
    rows = SURFACE_DATASETS if is_surface else schema.DATASETS
    names = [name for name in rows if name in digests and (wanted is None or name in wanted)]
    groups = {"": root}
    found = {name: _find(path, groups, name) for name in names}
    shapes = {name: shape for name, (_, shape) in found.items()}
    if wrong := content.problem(config, shapes, partial=wanted is not None):
        raise RunFileError(path, wrong)
    if sum(_size(name, shape) for name, shape in shapes.items()) > schema.MAX_RUN_BYTES:
        raise RunFileError(path, "asks for too much memory")
    arrays = {name: _load(path, name, *found[name], digests[name]) for name in names}
    if isinstance(config, SurfaceConfig):
        return Surface(config, arrays, header.status, header.created_utc, header.provenance, path)
    if "seed" in arrays and tuple(arrays["seed"].tolist()) != config.seeds:
        raise RunFileError(path, "is damaged: `seed` holds other seeds than the configuration")
    return Run(config, arrays, header.status, header.created_utc, header.provenance, path, data=header.data)


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


def _text(root: Any, name: str) -> str:
    return bytes(_attribute(root, name, h5py.h5t.TypeStringID)).decode("ascii")


def _open(path: Path, groups: dict[str, Any], name: str) -> Any:
    """The object at `name`, one component after the other and over hard links alone; fills `groups`."""
    group, _, part = name.rpartition("/")
    if group not in groups:
        groups[group] = _open(path, groups, group)
    if groups[group].links.get_info(part.encode()).type != h5py.h5l.TYPE_HARD:
        raise RunFileError(path, f"`{name}` is a link to somewhere else, which a run file never holds")
    return h5py.h5o.open(groups[group], part.encode())


def _find(path: Path, groups: dict[str, Any], name: str) -> tuple[Any, tuple[int, ...]]:
    """The dataset at `name`, found to be stored the way we store, and its shape."""
    found = _open(path, groups, name)
    if not isinstance(found, h5py.h5d.DatasetID):
        raise RunFileError(path, f"`{name}` is no dataset")
    if not found.get_type().equal(_stored_type(content.ROWS[name].dtype)):
        raise RunFileError(path, f"`{name}` is not of type {np.dtype(content.ROWS[name].dtype)}")
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
    return found, shape


@cache
def _stored_type(dtype: str) -> Any:
    return h5py.h5t.py_create(np.dtype(dtype), logical=True)


def _size(name: str, shape: tuple[int, ...]) -> int:
    size = np.dtype(content.ROWS[name].dtype).itemsize
    for length in shape:
        size *= length
    return size


def _load(path: Path, name: str, dataset: Any, shape: tuple[int, ...], expected: object) -> np.ndarray:
    """The numbers of `dataset`, whose `shape` is known to be right, if `expected` is their digest."""
    size, stored = _size(name, shape), dataset.get_storage_size()
    if (
        size > schema.MAX_DATASET_BYTES
        or size > max(FREELY_UNPACKED_BYTES, MAX_UNPACKING * stored)
        # More is stored than there can be: it would be unpacked to who knows what.
        or stored > 2 * size + 4096
    ):
        raise RunFileError(path, f"`{name}` asks for too much memory")
    array = np.empty(shape, content.ROWS[name].dtype)
    dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, array, _stored_type(content.ROWS[name].dtype))
    if content.digest(array) != expected:
        raise RunFileError(path, f"is damaged: `{name}` does not match its digest")
    return array
