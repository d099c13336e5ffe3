"""What any room may raise about a file that it writes."""

from __future__ import annotations

import os
from pathlib import Path


class StorageError(Exception):
    """A file that could not be written, or is being written by someone else; one line that names it."""

    def __init__(self, path: str | os.PathLike[str], reason: str):
        self.path = Path(path)
        self.reason = " ".join(reason.split())
        super().__init__(f"`{os.fspath(path)}` {self.reason}")

    @classmethod
    def of(cls, path: str | os.PathLike[str], error: BaseException) -> StorageError:
        """The `StorageError` that `error`, raised while `path` was being written, amounts to."""
        words = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        return StorageError(path, f"could not be written: {words or type(error).__name__}")


class LockedError(StorageError):
    """An output that another process is writing: `holder` says which."""

    def __init__(self, path: str | os.PathLike[str], holder: str):
        self.holder = holder
        super().__init__(path, f"is being written by {holder}")
