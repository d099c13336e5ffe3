"""Defines the errors of reading a run file and of resuming a training."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from xavier_cli.errors import ExitCode, XavierError, permission_denied


class RunFileError(XavierError):
    """A file that is no readable run; its text is one line that names the file and the reason."""

    exit_code = ExitCode.NO_INPUT

    def __init__(self, path: str | os.PathLike[str], reason: str):
        self.path = Path(path)
        self.reason = " ".join(reason.split())
        told = f"`{os.fspath(path)}`: {self.reason}"
        super().__init__(permission_denied(path) if self.is_denied else told)

    @property
    def is_denied(self) -> bool:
        """Whether the user has no right to read it."""
        return self.reason == os.strerror(errno.EACCES)

    def __reduce__(self) -> tuple[type[RunFileError], tuple[Path, str]]:
        return type(self), (self.path, self.reason)


class NoTrainingError(RunFileError):
    """A file of this program that holds no run, so that readers of runs skip it."""


class ResumeError(XavierError):
    """A training that cannot be resumed as asked; the message is one line that names what differs."""

    exit_code = ExitCode.USAGE


class OtherRunError(ResumeError):
    """What lies at `path` is another configuration's; `told` says how it was made and with what."""

    def __init__(self, path: str | os.PathLike[str], told: str):
        self.path, self.told = Path(path), told
        super().__init__(f"`{os.fspath(path)}` was {told}")

    def __reduce__(self) -> tuple[type[OtherRunError], tuple[Path, str]]:
        return type(self), (self.path, self.told)


class CheckpointError(ResumeError):
    """The checkpoint beside the run at `run` is not of the training asked for; `what` says why."""

    def __init__(self, run: Path, what: str):
        self.run, self.what = run, f"`{run}` {what}"
        super().__init__(f"{self.what}: `--force` starts again")

    def __reduce__(self) -> tuple[type[CheckpointError], tuple[Path, str]]:
        return type(self), (self.run, self.what.partition("` ")[2])
