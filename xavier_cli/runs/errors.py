"""What can go wrong with a run file: it cannot be read, or it cannot be written."""

from __future__ import annotations

import os
from pathlib import Path


class RunFileError(Exception):
    """A file that is no readable run; its text is one line that names the file and the reason."""

    def __init__(self, path: str | os.PathLike[str], reason: str):
        self.path = Path(path)
        self.reason = " ".join(reason.split())
        super().__init__(f"`{os.fspath(path)}`: {self.reason}")

    def __reduce__(self) -> tuple[type[RunFileError], tuple[Path, str]]:
        return type(self), (self.path, self.reason)


class NoTrainingError(RunFileError):
    """A file of ours that holds no run, so that readers of runs pass over it."""


class ResumeError(Exception):
    """A training that cannot be gone on with as asked; its text is one line that names what differs."""


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
        return cls(path, f"could not be written: {words or type(error).__name__}")


class LockedError(StorageError):
    """An output that another process is writing: `holder` says which."""

    def __init__(self, path: str | os.PathLike[str], holder: str):
        self.holder = holder
        super().__init__(path, f"is being written by {holder}")
