"""The folders that `xavier` fills among the user's caches: who may write there, and how large they get.

Nothing here is worth an error: what cannot be kept is made anew the next time. A folder is this user's alone,
since whoever can write to one decides what the next training is made of.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

import platformdirs

# Written under a hidden name, held by `flock`; and how earlier versions called theirs, which held no lock.
_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{16}\.tmp|tmp[a-z0-9_]{8}(?:\.tmp)?")
# Where a file system has no locks, no writer takes longer than this.
_STALE_SECONDS = 24 * 3600.0
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Size(NamedTuple):
    """How much lies in a folder, or was removed from it."""

    files: int
    bytes: int


class _File(NamedTuple):
    used: float
    size: int
    name: str


@dataclass(frozen=True)
class Cache:
    """A folder of files that can be made again; only files whose names match `ours` are ever removed."""

    kind: str
    """What `xavier cache clear` calls it."""
    about: str
    path: Path
    ours: re.Pattern[str]
    most_bytes: int

    def problem(self) -> str:
        """Why the folder is not to be trusted, in words that follow its path; else an empty text.

        A link to a folder of one's own elsewhere is fine.
        """
        try:
            status = self.path.stat()
        except OSError:
            return ""
        if status.st_uid != os.geteuid():
            return "belongs to another user"
        return "can be written to by other users" if status.st_mode & 0o022 else ""

    def make(self) -> bool:
        """Make the folder, for this user alone; whether it is there now and to be trusted."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            if self.problem():
                return False
            self.path.chmod(0o700)
        except OSError:
            return False
        return True

    def open(self, name: str) -> IO[bytes]:
        """The file `name`, to read, marked as used; raises `OSError`, also where it is another user's."""
        file = os.fdopen(os.open(self.path / name, _READ), "rb")
        try:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
                raise PermissionError(f"`{self.path / name}` is no file of this user's")
            with suppress(OSError):
                os.utime(file.fileno())
        except BaseException:
            file.close()
            raise
        return file

    def put(self, name: str, size: int, write: Callable[[IO[bytes]], object]) -> None:
        """Keep what `write` writes, about `size` bytes, as `name`: whole, or not at all."""
        if size > self.most_bytes or not self.make():
            return
        self.sweep()
        try:
            descriptor, temporary = self._begin(name)
        except OSError:
            return
        try:
            # Held until it has its name: a temporary that can be locked was left by a kill.
            with open(descriptor, "wb") as file:
                write(file)
                file.flush()
                os.replace(temporary, self.path / name)
        except OSError:
            pass
        finally:
            with suppress(OSError):
                temporary.unlink()

    def _begin(self, name: str) -> tuple[int, Path]:
        """A new temporary of ours, open and locked."""
        while True:
            temporary = self.path / f".{name}.{secrets.token_hex(8)}.tmp"
            descriptor = os.open(temporary, _CREATE, 0o600)
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            # Somebody who swept just before it was locked took it for one that a kill had left.
            if os.fstat(descriptor).st_nlink:
                return descriptor, temporary
            os.close(descriptor)

    def prune(self) -> None:
        """Remove what was not used for longest, until the rest is within the bound."""
        with suppress(OSError), self._opened() as folder:
            files = sorted(self._files(folder))
            total = sum(file.size for file in files)
            for file in files:
                if total <= self.most_bytes:
                    return
                with suppress(FileNotFoundError):
                    os.unlink(file.name, dir_fd=folder)
                total -= file.size

    def sweep(self) -> None:
        """Remove the temporaries that killed writers left."""
        with suppress(OSError), self._opened() as folder:
            for name in filter(_TEMPORARY.fullmatch, os.listdir(folder)):
                with suppress(OSError):
                    _remove_stale(name, folder)

    def size(self) -> Size:
        """How much of ours lies there, temporaries too."""
        try:
            with self._opened() as folder:
                files = [*self._files(folder), *self._files(folder, _TEMPORARY)]
        except OSError:
            return Size(0, 0)
        return Size(len(files), sum(file.size for file in files))

    def clear(self) -> Size:
        """Remove all files of ours, but what somebody is writing; what was freed. Raises `OSError`."""
        before = self.size()
        self.sweep()
        try:
            with self._opened() as folder:
                for file in self._files(folder):
                    with suppress(FileNotFoundError):
                        os.unlink(file.name, dir_fd=folder)
        except FileNotFoundError:
            pass
        after = self.size()
        return Size(max(before.files - after.files, 0), max(before.bytes - after.bytes, 0))

    @contextmanager
    def _opened(self) -> Iterator[int]:
        # Files are removed from the folder that was listed, whatever its name comes to meanwhile.
        folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield folder
        finally:
            os.close(folder)

    def _files(self, folder: int, names: re.Pattern[str] | None = None) -> Iterator[_File]:
        """Plain files of ours: no links, no folders, nothing that somebody else put there by another name."""
        for name in filter((names or self.ours).fullmatch, os.listdir(folder)):
            with suppress(FileNotFoundError):
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    # JAX does not mark its files as used; reading does, where the file system keeps that.
                    yield _File(max(status.st_mtime, status.st_atime), status.st_size, name)


def _remove_stale(name: str, folder: int) -> None:
    descriptor = os.open(name, _READ, dir_fd=folder)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            return
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        except OSError:
            if time.time() - status.st_mtime < _STALE_SECONDS:
                return
        if os.path.samestat(status, os.stat(name, dir_fd=folder, follow_symlinks=False)):
            os.unlink(name, dir_fd=folder)
    finally:
        os.close(descriptor)


def cache_folder() -> Path:
    """This program's own folder among the user's caches."""
    return Path(platformdirs.user_cache_dir("xavier"))


def compiled_programs(jaxs: str | None) -> Cache:
    """Programs that `xavier` keeps; in `jaxs`, where JAX was told to keep its own in that folder."""
    path = Path(jaxs) / "xavier" if jaxs else cache_folder() / "programs"
    ours = re.compile(r"[0-9a-f]{32}\.(?:program|set)")
    return Cache("programs", "compiled programs", path, ours, 10**9)


def jax_programs() -> Cache:
    """Programs that JAX keeps where it was not told of another folder: the many small ones."""
    ours = re.compile(r".+-[0-9a-f]{64}-(?:cache|atime)")
    return Cache("programs", "compiled programs, JAX's own", cache_folder() / "jax", ours, 10**9)


def decoded_data() -> Cache:
    """Data sets that were decoded from archives and images."""
    ours = re.compile(r"[0-9a-f]{16}\.npz")
    return Cache("data", "decoded data", cache_folder() / "decoded", ours, 5 * 10**9)
