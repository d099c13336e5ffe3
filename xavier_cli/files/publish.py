"""Writes files atomically; all other modules write files by it.

A file is written to a hidden temporary in the same folder, verified, fsynced and renamed, so that readers
find either the old file or the new one, also after a kill or a power cut.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from xavier_cli.errors import StorageError
from xavier_cli.files.locks import (
    is_same_file,
    make_folder,
    missing_folders,
    refuse_special,
    remove_empty,
    try_lock,
)

# Write in pieces, so that interrupts are handled in between.
PIECE_BYTES = 2**20
# Younger temporaries of other outputs are kept even if they are not locked: locks may not reach beyond one
# machine, and a file is created a moment before it is locked.
FRESH_SECONDS = 60.0
# Without locks a temporary is stale if it is older than any writer could need.
STALE_SECONDS = 24 * 3600.0
# Attempts to create a temporary that no other process removes as stale before it is locked.
_ATTEMPTS = 20
_TEMPORARY = re.compile(r"\.(?P<name>.+)\.(?:[0-9a-f]{12}|(?P<unlocked>\d+@[^@/]+))\.tmp", re.DOTALL)
_being_written: set[Path] = set()

Verify = Callable[[Path], None]
Content = bytes | memoryview


def publish(path: Path, content: Content, verify: Verify | None = None, former: Path | None = None) -> None:
    """Write `content` to `path` atomically, once `verify(temporary)` has returned.

    Without `verify` the file must read back as written. With `former`, the old file is kept under that name.
    Raises `StorageError`, and whatever `verify` raises; the old file is then intact, and the temporary is
    removed.
    """

    def rename(temporary: Path) -> None:
        if former is not None:
            with contextlib.suppress(FileNotFoundError):
                os.replace(path, former)
        os.replace(temporary, path)

    _written(path, content, verify, rename)


def rehearse(path: Path, content: bytes = b"", verify: Verify | None = None) -> None:
    """Do what `publish` does, except for the final rename, and clean up, so that errors show early.

    All file names that publishing needs are at most as long as here. Raises what `publish` would raise.
    """
    made = missing_folders(path.parent)

    def rename(temporary: Path) -> None:
        other = _temporary_name(path)
        os.replace(temporary, other)
        other.unlink()
        _ask_to_replace(path)

    try:
        _written(path, content, verify, rename)
    finally:
        remove_empty(made)


def publish_cached(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write to `path` atomically by calling `write`, without fsync.

    For files that can be made again and hold a digest of their content, in an existing folder. Raises
    `OSError`.
    """
    sweep(path.parent)
    with _temporary(path) as (temporary, descriptor):
        with open(descriptor, "wb", closefd=False) as file:
            write(file)
        os.replace(temporary, path)


def is_temporary(name: str) -> bool:
    """Whether `name` is that of a temporary file."""
    return _TEMPORARY.fullmatch(name) is not None


def adopt(whole: Path, path: Path) -> None:
    """Rename `whole`, a finished file in the same folder, to `path`; raises `StorageError`."""
    refuse_special(path)
    try:
        _fsync(whole)
        os.replace(whole, path)
        _fsync(path.parent)
    except OSError as error:
        raise StorageError.of(path, error) from error


@contextlib.contextmanager
def held_file(path: Path, content: bytes) -> Iterator[Path]:
    """A file beside `path`, with a unique name, that exists during the context or until `sweep` removes it.

    Raises `StorageError`.
    """
    with contextlib.ExitStack() as held:
        try:
            make_folder(path.parent)
            place, descriptor = held.enter_context(_temporary(path))
            held.callback(_unlink, place)
            _write(descriptor, content)
        except OSError as error:
            raise StorageError.of(path, error) from error
        yield place


def sweep(folder: Path, own: str = "") -> None:
    """Remove temporaries of killed writers from `folder`: those whose lock is free.

    Those of the output called `own`, and of its checkpoints, are removed whatever their age: no other process
    writes them. Files that cannot be removed are left, without an error.
    """
    names: list[str] = []
    with contextlib.suppress(OSError):
        names = os.listdir(folder)
    for name in names:
        match, temporary = _TEMPORARY.fullmatch(name), folder / name
        if match and temporary not in _being_written:
            # A checkpoint has the name of its run, with a dot before it and a suffix.
            is_of_output = bool(own) and f"{match['name']}.".lstrip(".").startswith(f"{own}.".lstrip("."))
            least = STALE_SECONDS if match["unlocked"] else 0.0 if is_of_output else FRESH_SECONDS
            with contextlib.suppress(OSError):
                _remove_if_stale(temporary, least)


def _remove_if_stale(temporary: Path, least: float) -> None:
    status = temporary.lstat()
    age = time.time() - status.st_mtime
    if not stat.S_ISREG(status.st_mode) or (least and age < least):
        return
    descriptor = os.open(temporary, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        locked = try_lock(descriptor)
        is_stale = locked or (locked is None and age > STALE_SECONDS)
        # Remove it only if it is still the same file, while holding its lock.
        if is_stale and is_same_file(descriptor, temporary):
            temporary.unlink()
    finally:
        os.close(descriptor)


def _written(path: Path, content: Content, verify: Verify | None, rename: Callable[[Path], None]) -> None:
    refuse_special(path)
    sweep(path.parent, path.name)
    made = missing_folders(path.parent)
    try:
        make_folder(path.parent)
        with _temporary(path) as (temporary, descriptor):
            _write(descriptor, content)
            if verify is not None:
                verify(temporary)
            elif temporary.read_bytes() != content:
                raise StorageError(path, "could not be written: it reads back wrong")
            os.fsync(descriptor)
            rename(temporary)
        _fsync(path.parent)
    except BaseException as error:
        remove_empty(made)
        if isinstance(error, OSError):
            raise StorageError.of(path, error) from error
        raise


def _temporary_name(path: Path) -> Path:
    return path.parent / f".{path.name}.{os.urandom(6).hex()}.tmp"


@contextlib.contextmanager
def _temporary(path: Path) -> Iterator[tuple[Path, int]]:
    """A new temporary beside `path`, locked during the context; removed if the context fails."""
    temporary, descriptor = _create(path)
    try:
        yield temporary, descriptor
    except BaseException:
        _unlink(temporary)
        raise
    finally:
        os.close(descriptor)
        _being_written.discard(temporary)


def _create(path: Path) -> tuple[Path, int]:
    """A new, empty file with a unique name, opened and locked."""
    for _ in range(_ATTEMPTS):
        temporary = _temporary_name(path)
        _being_written.add(temporary)
        is_mine = False
        try:
            # Exclusive: never opens, and so never truncates, an existing file.
            descriptor = os.open(
                temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666
            )
            try:
                # Another process may have removed it as stale before it was locked.
                is_mine = try_lock(descriptor) is not False and is_same_file(descriptor, temporary)
                if is_mine:
                    return temporary, descriptor
            finally:
                if not is_mine:
                    _unlink(temporary)
                    os.close(descriptor)
        finally:
            if not is_mine:
                _being_written.discard(temporary)
    raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))


def _unlink(temporary: Path) -> None:
    with contextlib.suppress(OSError):
        temporary.unlink(missing_ok=True)


def _write(descriptor: int, content: Content) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest[:PIECE_BYTES]) :]


def _fsync(path: Path) -> None:
    # fsync acts on the file, so that any descriptor will do.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot fsync a folder; the rename has been done anyway.
        if not (path.is_dir() and error.errno in (errno.EINVAL, errno.ENOTSUP)):
            raise
    finally:
        os.close(descriptor)


def _ask_to_replace(path: Path) -> None:
    """Raise the `OSError` that would keep `path` from being replaced, if any."""
    try:
        if stat.S_ISDIR(path.lstat().st_mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
        # Removes no file: fails with ENOTDIR, or with the reason why `path` cannot be removed.
        os.rmdir(path)
    except (FileNotFoundError, NotADirectoryError):
        return
