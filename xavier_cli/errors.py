"""Defines the base class of all errors raised on purpose, and the exit codes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path
from typing import ClassVar

_LONGEST = 500


class ExitCode(IntEnum):
    """The exit code of a command."""

    DONE = 0
    UNEXPECTED = 1
    USAGE = 2
    ANSWER_IS_NO = 3
    IN_PART = 4
    NO_INPUT = 5
    STORAGE = 6
    INTERRUPTED = 130


class XavierError(Exception):
    """Any error that `xavier` raises on purpose; the message is one line that says what to do.

    `exit_code` is the exit code of a command that does not catch it.
    """

    exit_code: ClassVar[ExitCode] = ExitCode.UNEXPECTED


def permission_denied(path: str | os.PathLike[str]) -> str:
    """What is said of a file or folder that the user has no right to read."""
    return f"cannot read `{os.fspath(path)}`: permission denied"


class ConfigError(XavierError, ValueError):
    """An invalid setting; the message is one line that names it, without repeating long input.

    `settings` names those that are valid alone but not together.
    """

    exit_code = ExitCode.USAGE

    def __init__(self, text: str, settings: Sequence[str] = ()):
        self.settings = tuple(settings)
        half = _LONGEST // 2
        super().__init__(text if len(text) <= _LONGEST else f"{text[:half]} … {text[-half:]}")


class MissingPackageError(XavierError, ImportError):
    """A package is not installed that what was asked needs; the message says how to install it."""

    exit_code = ExitCode.USAGE

    def __init__(self, what: str, package: str):
        super().__init__(f"{what} needs the package `{package}`: `pip install {package}`")


class StorageError(XavierError):
    """A file that cannot be written, or is being written by another process; the message names it."""

    exit_code = ExitCode.STORAGE

    def __init__(self, path: str | os.PathLike[str], reason: str):
        self.path = Path(path)
        self.reason = " ".join(reason.split())
        super().__init__(f"`{os.fspath(path)}` {self.reason}")

    @classmethod
    def of(cls, path: str | os.PathLike[str], error: BaseException) -> StorageError:
        """The `StorageError` for `error`, which was raised while `path` was being written."""
        words = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        return StorageError(path, f"could not be written: {words or type(error).__name__}")


class LockedError(StorageError):
    """An output that another process, `holder`, is writing."""

    def __init__(self, path: str | os.PathLike[str], holder: str):
        self.holder = holder
        super().__init__(path, f"is being written by {holder}")
