"""Publishes a file whole or not at all, and keeps two writers of one output apart.

A file is written beside its place under a hidden name, verified, fsynced and renamed: whoever looks finds the
old file or the new one, also after a kill or a power cut. It knows nothing of what is inside.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import socket
import stat
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from xavier_cli.runs.errors import LockedError, StorageError

# Written in pieces, so that an interrupt is seen in between.
PIECE_BYTES = 2**20
# A temporary of another machine is stale when it is older than any writer could take.
FOREIGN_STALE_SECONDS = 24 * 3600.0
_TEMPORARY = re.compile(r"\.(?P<name>.+)\.(?P<pid>\d+)@(?P<host>[^@/]+)\.tmp")
_being_written: set[Path] = set()


def publish(path: Path, content: bytes, verify: Callable[[Path], None], former: Path | None = None) -> None:
    """Put `content` at `path`, replacing what is there only once `verify(temporary)` has returned.

    With `former`, what was there is kept under that name.
    Raises `StorageError`; the old file is then intact and the temporary gone. What `verify` raises goes
    through, after the same cleaning up.
    """
    refuse_special(path)
    folder = path.parent
    temporary = folder / f".{path.name}.{os.getpid()}@{_host()}.tmp"
    if temporary in _being_written:
        raise StorageError(path, "is being written by another thread of this process")
    # Before this name counts as being written: what an earlier fault kept us from removing goes too.
    sweep(folder, but=_being_written)
    _being_written.add(temporary)
    try:
        _make(folder)
        _write(temporary, content)
        verify(temporary)
        _fsync(temporary)
        if former is not None:
            with contextlib.suppress(FileNotFoundError):
                os.replace(path, former)
        os.replace(temporary, path)
        _fsync(folder)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise StorageError.of(path, error) from error
        raise
    finally:
        _being_written.discard(temporary)


def refuse_special(path: Path) -> None:
    """Raise `StorageError` where `path` is a pipe or a device: a file renamed to it would take its place."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # Whatever is the matter, opening what should lie there says it better.
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise StorageError(path, "could not be written: it is a pipe or a device")


def _make(folder: Path) -> None:
    # Where a file has the folder's name, opening what should lie in it says so better.
    with contextlib.suppress(FileExistsError):
        folder.mkdir(parents=True, exist_ok=True)


def _write(path: Path, content: bytes) -> None:
    # Exclusive: never opens, and so never empties, a file that is there.
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest[:PIECE_BYTES]) :]
    finally:
        os.close(descriptor)


def _fsync(path: Path) -> None:
    # Another descriptor than the writer's serves as well: fsync is about the file.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some network file systems cannot fsync a folder; the rename has happened all the same.
        if not (path.is_dir() and error.errno in (errno.EINVAL, errno.ENOTSUP)):
            raise
    finally:
        os.close(descriptor)


def sweep(folder: Path, but: set[Path] | frozenset[Path] = frozenset()) -> None:
    """Remove the temporaries that dead writers left in `folder`; those in `but` are alive.

    Tidying up is not worth an error: what cannot be removed stays.
    """
    names: list[str] = []
    with contextlib.suppress(OSError):
        names = os.listdir(folder)
    for name in names:
        match, temporary = _TEMPORARY.fullmatch(name), folder / name
        with contextlib.suppress(OSError):
            if match and temporary not in but and _is_stale(temporary, int(match["pid"]), match["host"]):
                temporary.unlink()


def _is_stale(temporary: Path, pid: int, host: str) -> bool:
    if host != _host():
        return time.time() - temporary.stat().st_mtime > FOREIGN_STALE_SECONDS
    # Our own id on a temporary that we are not writing: an earlier process had the same id, as in containers.
    return pid == os.getpid() or not _is_alive(pid)


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def _host() -> str:
    return re.sub(r"[^\w.-]", "_", socket.gethostname()) or "localhost"


@contextlib.contextmanager
def lock_output(path: str | os.PathLike[str]) -> Iterator[None]:
    """Hold the lock of the output `path`; one process at a time, and the lock dies with its process.

    The lock is `flock` on the hidden `.<name>.lock` beside the output, which holds the process id and host.
    It does not wait: raises `LockedError` with the holder where there is one, `StorageError` otherwise.
    """
    path = Path(path)
    refuse_special(path)
    lock = path.parent / f".{path.name}.lock"
    try:
        # What is made here and stays empty is not left behind.
        made = [folder for folder in (path.parent, *path.parent.parents) if not folder.exists()]
        _make(path.parent)
        descriptor = _open_and_lock(lock, path)
    except OSError as error:
        raise StorageError.of(path, error) from error
    try:
        yield
    finally:
        # Removed while held: whoever opened it meanwhile sees that its name is gone, and starts over.
        with contextlib.suppress(OSError):
            if _is_same_file(descriptor, lock):
                lock.unlink()
                for folder in made:
                    folder.rmdir()
        os.close(descriptor)


def _open_and_lock(lock: Path, path: Path) -> int:
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        try:
            _flock(descriptor, path)
            if _is_same_file(descriptor, lock):
                # The name is a courtesy: on a full disk the lock holds without it.
                with contextlib.suppress(OSError):
                    os.ftruncate(descriptor, 0)
                    os.pwrite(descriptor, f"{os.getpid()} {_host()}\n".encode(), 0)
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _flock(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise LockedError(path, _holder(descriptor)) from None
    except OSError as error:
        if error.errno not in (errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK):
            raise
        # Files are published whole without it too; only the work could be done twice.
        warnings.warn(f"no locks on the file system of `{path.parent}`", RuntimeWarning, stacklevel=2)


def _holder(descriptor: int) -> str:
    # A holder writes its name just after it has the lock: give it a moment.
    for _ in range(20):
        match = re.fullmatch(r"(\d+) (\S+)\n", os.pread(descriptor, 300, 0).decode(errors="replace"))
        if match:
            return f"process {match[1]} on {match[2]}"
        time.sleep(0.005)
    return "another process"


def _is_same_file(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat(follow_symlinks=False))
    except FileNotFoundError:
        return False
