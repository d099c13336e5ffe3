"""The errors that are raised on purpose: one base class, and the exit code of each."""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from typing import ClassVar

_LONGEST = 500


class ExitCode(IntEnum):
    """What a command tells the shell."""

    DONE = 0
    UNEXPECTED = 1
    USAGE = 2
    ANSWER_IS_NO = 3
    IN_PART = 4
    NO_INPUT = 5
    STORAGE = 6
    INTERRUPTED = 130


class XavierError(Exception):
    """Anything that `xavier` raises on purpose: its text is one line that says what to do.

    `exit_code` is the code that a command ends with where nobody catches the error.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.UNEXPECTED


class ConfigError(XavierError, ValueError):
    """A setting that cannot be; its text is one line that names the setting, and not all that was typed.

    `settings` are those that cannot be together, where each by itself could.
    """

    exit_code = ExitCode.USAGE

    def __init__(self, text: str, settings: Sequence[str] = ()):
        self.settings = tuple(settings)
        half = _LONGEST // 2
        super().__init__(text if len(text) <= _LONGEST else f"{text[:half]} … {text[-half:]}")


class StorageError(XavierError):
    """A file that could not be written, or is being written by someone else; one line that names it."""

    exit_code = ExitCode.STORAGE

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
