"""Removes runs with what lies beside them: checkpoints and weights."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from xavier_cli.errors import StorageError
from xavier_cli.files.locks import lock_output
from xavier_cli.runs.weights import weights_path


@dataclass(frozen=True)
class Removal:
    """A run that is to go, with the files beside it and the bytes of all.

    `kinds` are what those files are: checkpoint, weights. `seen` says which file the run was.
    """

    path: Path
    companions: tuple[Path, ...]
    kinds: tuple[str, ...]
    nbytes: int
    seen: tuple[int, int, int]


def plan_removal(path: Path) -> Removal:
    """What removing the run at `path` would remove, as it is now; raises `StorageError`."""
    # Named as `runs.checkpoint` does, whose import would load HDF5.
    newest = path.with_name(f".{path.name}.ckpt")
    beside = {
        newest: "checkpoint",
        newest.with_name(f"{newest.name}.1"): "checkpoint",
    }
    # A copy without this ending would name those of the run that has it.
    if path.suffix == ".h5":
        beside[weights_path(path)] = "weights"
    # A folder of that name is none of ours, and stays.
    there = {
        each: kind
        for each, kind in beside.items()
        if os.path.lexists(each) and (each.is_symlink() or not each.is_dir())
    }
    size = sum(map(_size, (path, *there)))
    return Removal(path, tuple(there), tuple(dict.fromkeys(there.values())), size, _identity(path))


def remove_run(removal: Removal) -> None:
    """Remove what was planned, the run first, so that nothing is left that promises what has gone.

    Raises `StorageError` where another process is writing it, where it is another file by now, and where it
    cannot be removed; then everything that is left is as it was.
    """
    with lock_output(removal.path):
        if _identity(removal.path) != removal.seen:
            raise StorageError(removal.path, "was not removed: it has changed meanwhile")
        for path in (removal.path, *removal.companions):
            _remove(path)


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise StorageError(path, f"could not be removed: {error.strerror or error}") from error


def _identity(path: Path) -> tuple[int, int, int]:
    """Which file lies at `path`, or which link; raises `StorageError`."""
    try:
        status = path.lstat()
    except OSError as error:
        raise StorageError(path, f"could not be removed: {error.strerror or error}") from error
    return status.st_dev, status.st_ino, status.st_mtime_ns


def _size(path: Path) -> int:
    with suppress(OSError):
        return path.lstat().st_size
    return 0
