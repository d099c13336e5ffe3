"""Writes and reads checkpoints, from which an unfinished training is resumed: plain arrays, no pickle.

A run at `NAME` has its newest checkpoint in the hidden `.NAME.ckpt` and the one before in `.NAME.ckpt.1`.
Both are published as run files are. What the arrays mean is up to `training`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xavier_cli.errors import StorageError
from xavier_cli.files.publish import adopt, publish, rehearse, sweep
from xavier_cli.runs import hdf5
from xavier_cli.runs.errors import ResumeError, RunFileError

VERSION = 1
# More than this is not written, since it would not be read.
MAX_BYTES = hdf5.MAX_FILE_BYTES
MAX_ARRAYS = 20_000
GROUP = "group-"
"""How the names of trainings begin that make several runs."""
ARRAY_NAME = re.compile(r"[a-z0-9_]+(/[a-z0-9_]+)*")
ARRAY_TYPES = {"<f4", "<f8", "<i4", "<i8", "<u4", "|i1"}


@dataclass(frozen=True)
class Checkpoint:
    """Everything that an interrupted training needs to be resumed.

    `identity` has to be the same for the numbers to be the same, and is refused where it differs; `facts` are
    everything else that is no array. Both hold what JSON can. `arrays` are not empty, by path.
    """

    identity: Mapping[str, Any]
    facts: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]

    @property
    def nbytes(self) -> int:
        """The memory that the arrays take."""
        return sum(array.nbytes for array in self.arrays.values())


def checkpoint_paths(run: Path) -> tuple[Path, Path]:
    """Where the newest checkpoint of the run at `run` lies, and the one before."""
    newest = run.with_name(f".{run.name}.ckpt")
    return newest, newest.with_name(f"{newest.name}.1")


def has_checkpoint(run: Path) -> bool:
    """Whether there is a checkpoint, readable or not, of the run at `run`."""
    # Not `Path.exists`, which raises where a name is too long to be there.
    return any(os.path.exists(path) for path in checkpoint_paths(run))


def write_checkpoint(run: Path, checkpoint: Checkpoint) -> None:
    """Publish `checkpoint` beside the run at `run`; the newest one so far is kept as the one before.

    Raises `StorageError`.
    """
    path, former = checkpoint_paths(run)
    arrays = {name: np.ascontiguousarray(array) for name, array in checkpoint.arrays.items()}
    digests = {name: hdf5.digest(array) for name, array in arrays.items()}
    header = json.dumps(
        {
            "identity": dict(checkpoint.identity),
            "facts": dict(checkpoint.facts),
            "arrays": {
                name: [array.dtype.str, list(array.shape), digests[name]] for name, array in arrays.items()
            },
        },
        sort_keys=True,
    )
    texts = {"header_json": header, "header_sha256": hashlib.sha256(header.encode()).hexdigest()}
    try:
        items = [hdf5.Item(name, array, packs=False) for name, array in arrays.items()]
        image = hdf5.build_file(("checkpoint_version", VERSION), texts, items)
    except (OSError, RuntimeError, MemoryError) as error:
        raise StorageError.of(path, error) from error

    def verify(temporary: Path) -> None:
        try:
            # Reading compares every array with its digest.
            read_checkpoint(temporary)
        except RunFileError as error:
            raise StorageError(path, f"could not be written: it reads back wrong, {error.reason}") from error

    publish(path, image, verify, former)


def rehearse_checkpoint(run: Path) -> None:
    """Raise the `StorageError` for which no checkpoint could be left beside the run at `run`, if any."""
    # The one before has the longest of the names.
    *_, former = checkpoint_paths(run)
    try:
        rehearse(former)
    except StorageError as error:
        raise StorageError(run, f"could not be trained to: its checkpoint {error.reason}") from error


def read_checkpoint(path: Path) -> Checkpoint:
    """The checkpoint at `path`; raises `RunFileError` where it is damaged or none.

    Raises `ResumeError` where it is of another version than this one.
    """
    with hdf5.opened(path) as root:
        version = hdf5.version_of(root, "checkpoint_version")
        if version is None:
            raise RunFileError(path, "is an HDF5 file, but not a checkpoint")
        text = hdf5.text(root, "header_json") if version == VERSION else ""
        if text and hashlib.sha256(text.encode()).hexdigest() != hdf5.text(root, "header_sha256"):
            raise RunFileError(path, "is damaged: its header does not match its digest")
        if text:
            return _read(path, root, json.loads(text))
    raise ResumeError(f"`{path}` has checkpoint_version {version}, this xavier resumes only {VERSION}")


def _read(path: Path, root: Any, header: Mapping[str, Any]) -> Checkpoint:
    listed: dict[str, tuple[str, list[int], str]] = header["arrays"]
    if not all(isinstance(header[part], dict) for part in ("identity", "facts", "arrays")):
        raise RunFileError(path, "is damaged: its header makes no sense")
    if len(listed) > MAX_ARRAYS:
        raise RunFileError(path, "holds too many arrays")
    groups = {"": root}
    found = {}
    for name, (dtype, shape, _) in listed.items():
        if not ARRAY_NAME.fullmatch(name) or dtype not in ARRAY_TYPES:
            raise RunFileError(path, "is damaged: its header makes no sense")
        found[name] = hdf5.find(path, groups, name, dtype)
        if list(found[name].shape) != shape:
            raise RunFileError(path, f"`{name}` has shape {found[name].shape}, not {tuple(shape)}")
    if sum(each.nbytes for each in found.values()) > MAX_BYTES:
        raise RunFileError(path, "asks for too much memory")
    arrays = {name: hdf5.load(path, each, listed[name][2], MAX_BYTES) for name, each in found.items()}
    return Checkpoint(header["identity"], header["facts"], arrays)


def recover_checkpoint(
    run: Path, read: Callable[[Path], Checkpoint] = read_checkpoint
) -> tuple[Checkpoint | None, list[str]]:
    """The newest checkpoint of the run at `run` that `read` can read, or None; and notes about damaged ones.

    For whoever holds the run's lock: the one before takes the place of a damaged newest one, so that it is
    the last to go. Raises `ResumeError` of `read_checkpoint`.
    """
    newest, former = checkpoint_paths(run)
    notes = []
    for path in (newest, former):
        try:
            checkpoint = read(path)
        except RunFileError as error:
            if path.exists():
                notes.append(str(error))
            continue
        if path == former and notes:
            with contextlib.suppress(StorageError):
                adopt(former, newest)
        return checkpoint, notes
    return None, notes


def remove_checkpoints(run: Path) -> None:
    """Remove the checkpoints of the run at `run`; what cannot be removed stays."""
    for path in checkpoint_paths(run):
        with contextlib.suppress(OSError):
            path.unlink(missing_ok=True)
    sweep(run.parent, run.name)


def difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """The first field in which `now` is not as `before`, in words; empty where all are the same."""
    for field in [*now, *(field for field in before if field not in now)]:
        was, is_ = before.get(field), now.get(field)
        if isinstance(was, Mapping) and isinstance(is_, Mapping):
            if inner := difference(was, is_):
                return f"{field}: {inner}"
        elif was != is_:
            return f"{field} {_shown(was)}, not {_shown(is_)}"
    return ""


def _shown(value: Any) -> str:
    text = "none" if value is None else value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 24 else f"{text[:20]}…"
