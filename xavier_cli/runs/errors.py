"""Defines the errors of reading a run file and of resuming a training."""

from __future__ import annotations

import os
from pathlib import Path

from xavier_cli.errors import ExitCode, XavierError


class RunFileError(XavierError):
    """A file that is no readable run; its text is one line that names the file and the reason."""

    exit_code = ExitCode.NO_INPUT

    def __init__(self, path: str | os.PathLike[str], reason: str):
        self.path = Path(path)
        self.reason = " ".join(reason.split())
        super().__init__(f"`{os.fspath(path)}`: {self.reason}")

    def __reduce__(self) -> tuple[type[RunFileError], tuple[Path, str]]:
        return type(self), (self.path, self.reason)


class NoTrainingError(RunFileError):
    """A file of this program that holds no run, so that readers of runs skip it."""


class ResumeError(XavierError):
    """A training that cannot be resumed as asked; the message is one line that names what differs."""

    exit_code = ExitCode.USAGE
