"""Manages xavier's folders among the user's caches: their permissions and sizes.

Failures are not errors: a file that cannot be cached is made again. Only this user may write to a folder,
since its files decide what the next training runs.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NamedTuple

import platformdirs

from xavier_cli.files.publish import is_temporary, publish_cached, sweep

# Names of temporaries in earlier versions.
_EARLIER_TEMPORARY = re.compile(r"tmp[a-z0-9_]{8}(?:\.tmp)?")
# The variable of JAX's own cache folder; if the user sets it, xavier's folder lies inside.
JAX_FOLDER = "JAX_COMPILATION_CACHE_DIR"
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Size(NamedTuple):
    """The number and size of files in a folder, or of those removed from it."""

    files: int
    bytes: int


class _File(NamedTuple):
    used: float
    size: int
    name: str


@dataclass(frozen=True)
class Cache:
    """A folder of files that can be made again; only files whose names match `ours` are removed."""

    kind: str
    """Its name in `xavier cache clear`."""
    about: str
    path: Path
    ours: re.Pattern[str]
    most_bytes: int

    def problem(self) -> str:
        """Why the folder cannot be trusted, as text that follows its path; empty if it can.

        A link to a folder of the same user is accepted.
        """
        try:
            status = self.path.stat()
        except OSError:
            return ""
        if status.st_uid != os.geteuid():
            return "belongs to another user"
        return "can be written to by other users" if status.st_mode & 0o022 else ""

    def make(self) -> bool:
        """Create the folder, for this user only; returns whether it exists and can be trusted."""
        try:
            self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
            if self.problem():
                return False
            self.path.chmod(0o700)
        except OSError:
            return False
        return True

    def open(self, name: str) -> IO[bytes]:
        """Open the file `name` for reading, and mark it as used; raises `OSError`, also for others' files."""
        file = os.fdopen(os.open(self.path / name, _READ), "rb")
        try:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
                raise PermissionError(f"`{self.path / name}` is not a file of this user")
            with suppress(OSError):
                os.utime(file.fileno())
        except BaseException:
            file.close()
            raise
        return file

    def put(self, name: str, size: int, write: Callable[[IO[bytes]], object]) -> None:
        """Write the file `name` atomically by calling `write`, about `size` bytes."""
        if size > self.most_bytes or not self.make():
            return
        with suppress(OSError):
            publish_cached(self.path / name, write)

    def prune(self) -> None:
        """Remove the least recently used files until the rest is within the bound."""
        with suppress(OSError), self._opened() as folder:
            files = sorted(self._files(folder))
            total = sum(file.size for file in files)
            for file in files:
                if total <= self.most_bytes:
                    return
                with suppress(FileNotFoundError):
                    os.unlink(file.name, dir_fd=folder)
                total -= file.size

    def size(self) -> Size:
        """The number and size of xavier's files there, temporaries included."""
        try:
            with self._opened() as folder:
                files = [*self._files(folder, lambda name: self._is_ours(name) or is_temporary(name))]
        except OSError:
            return Size(0, 0)
        return Size(len(files), sum(file.size for file in files))

    def clear(self) -> Size:
        """Remove xavier's files, except those being written; returns what was freed. Raises `OSError`."""
        before = self.size()
        sweep(self.path)
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
        # Remove files from the folder that was listed, even if its path is replaced meanwhile.
        folder = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            yield folder
        finally:
            os.close(folder)

    def _is_ours(self, name: str) -> bool:
        return bool(self.ours.fullmatch(name) or _EARLIER_TEMPORARY.fullmatch(name))

    def _files(self, folder: int, is_wanted: Callable[[str], bool] | None = None) -> Iterator[_File]:
        """Yield xavier's regular files, without links, folders and files with other names."""
        for name in filter(is_wanted or self._is_ours, os.listdir(folder)):
            with suppress(FileNotFoundError):
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
                if stat.S_ISREG(status.st_mode):
                    # JAX does not mark its files as used, but access times do, if the file system has them.
                    yield _File(max(status.st_mtime, status.st_atime), status.st_size, name)


def cache_folder() -> Path:
    """The folder of xavier among the user's caches."""
    return Path(platformdirs.user_cache_dir("xavier"))


def compiled_programs(jaxs: str | None) -> Cache:
    """The cache of programs that xavier stores; in the folder `jaxs`, if JAX was set to use that."""
    path = Path(jaxs) / "xavier" if jaxs else cache_folder() / "programs"
    ours = re.compile(r"[0-9a-f]{32}\.(?:program|set)")
    return Cache("programs", "compiled programs", path, ours, 10**9)


def jax_programs() -> Cache:
    """The cache of the many small programs that JAX stores itself, if it was not set to another folder."""
    ours = re.compile(r".+-[0-9a-f]{64}-(?:cache|atime)")
    return Cache("programs", "compiled programs, JAX's own", cache_folder() / "jax", ours, 10**9)


def predictions() -> Cache:
    """The cache of theory's predictions, with what simulated networks say of single seeds."""
    ours = re.compile(r"[0-9a-f]{32}\.json")
    return Cache("theory", "theory's predictions", cache_folder() / "theory", ours, 10**7)


def decoded_data() -> Cache:
    """The cache of data sets that were decoded from archives and images."""
    ours = re.compile(r"[0-9a-f]{16}\.npz")
    return Cache("data", "decoded data", cache_folder() / "decoded", ours, 5 * 10**9)


def run_index() -> Cache:
    """The cache of what commands ask of run files, so that thousands need not be read again."""
    ours = re.compile(r"runs\.sqlite(?:-journal)?")
    return Cache("index", "index of run files", cache_folder() / "index", ours, 5 * 10**8)
