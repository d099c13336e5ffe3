"""Locks outputs while they are written, by `flock`, which ends with the process.

Process ids are never checked: they mean nothing in another container or on another host.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import stat
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

from xavier_cli.errors import LockedError, StorageError


@contextlib.contextmanager
def lock_output(path: str | os.PathLike[str]) -> Iterator[None]:
    """Hold the lock of the output `path`, which one process at a time can hold; it ends with the process.

    The lock is `flock` on the hidden `.<name>.lock` beside the output, which names the process id and host
    for people. Does not wait: raises `LockedError` with the holder if it is held.
    """
    path = Path(path)
    refuse_special(path)
    lock = path.parent / f".{path.name}.lock"
    # Remove folders that are created here and stay empty.
    made = missing_folders(path.parent)
    try:
        make_folder(path.parent)
        descriptor = _open_and_lock(lock, path)
    except BaseException as error:
        remove_empty(made)
        if isinstance(error, OSError):
            raise StorageError.of(path, error) from error
        raise
    try:
        yield
    finally:
        # Remove it while it is held: a process that has opened it sees that the name is gone, and retries.
        with contextlib.suppress(OSError):
            if is_same_file(descriptor, lock):
                lock.unlink()
        remove_empty(made)
        os.close(descriptor)


def try_lock(descriptor: int) -> bool | None:
    """Try to lock an open file; returns whether it worked, or None on a file system without locks."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK):
            raise
        return None
    return True


def is_same_file(descriptor: int, path: Path) -> bool:
    """Whether `path` still names the open file: it may have been removed or replaced before it was locked."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat(follow_symlinks=False))
    except FileNotFoundError:
        return False


def refuse_special(path: Path) -> None:
    """Raise `StorageError` if `path` is a pipe or a device: renaming a file to it would replace it."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # Opening the file will raise a clearer error.
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise StorageError(path, "could not be written: it is a pipe or a device")


def missing_folders(folder: Path) -> list[Path]:
    """Those of `folder` and its parents that do not exist, the innermost first."""
    # Not `Path.exists`, which raises for names that are too long.
    return [each for each in (folder, *folder.parents) if not os.path.exists(each)]


def make_folder(folder: Path) -> None:
    """Create `folder` and its parents."""
    # If a file has that name, opening a file in it will raise a clearer error.
    with contextlib.suppress(FileExistsError):
        folder.mkdir(parents=True, exist_ok=True)


def remove_empty(folders: list[Path]) -> None:
    """Remove the empty ones of `folders`, given the innermost first."""
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _open_and_lock(lock: Path, path: Path) -> int:
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        try:
            _lock(descriptor, path)
            if is_same_file(descriptor, lock):
                # The holder's name is only informative: on a full disk the lock works without it.
                with contextlib.suppress(OSError):
                    os.ftruncate(descriptor, 0)
                    os.pwrite(descriptor, f"{os.getpid()} {_host()}\n".encode(), 0)
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _lock(descriptor: int, path: Path) -> None:
    locked = try_lock(descriptor)
    if locked is False:
        raise LockedError(path, _holder(descriptor))
    if locked is None:
        # Files are written atomically even so; only the work could be done twice.
        warnings.warn(f"no locks on the file system of `{path.parent}`", RuntimeWarning, stacklevel=2)


def _holder(descriptor: int) -> str:
    # The holder writes its name just after locking: wait a moment for it.
    for _ in range(20):
        match = re.fullmatch(r"(\d+) (\S+)\n", os.pread(descriptor, 300, 0).decode(errors="replace"))
        if match:
            return f"process {match[1]} on {match[2]}"
        time.sleep(0.005)
    return "another process"


def _host() -> str:
    return re.sub(r"[^\w.-]", "_", os.uname().nodename) or "localhost"
