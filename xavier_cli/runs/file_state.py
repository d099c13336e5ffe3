"""Tells whether a file is still what it was when it was read, by what the file system says of it.

Standard library only.
"""

from __future__ import annotations

import os
import stat
import time
from pathlib import Path
from typing import NamedTuple

# No file system's clock is coarser: FAT counts in steps of 2 s.
CLOCK_NS = 2 * 10**9
_ASK = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class State(NamedTuple):
    """What a file system says of a regular file that changes with its content."""

    device: int
    inode: int
    size: int
    modified_ns: int
    changed_ns: int

    @property
    def key(self) -> tuple[int, int]:
        """Device and inode as numbers that SQLite holds: signed, of 64 bits."""
        return _signed(self.device), _signed(self.inode)


class Reading(NamedTuple):
    """A file as it was before it was read, and when that was, in nanoseconds by the clock."""

    path: Path
    state: State | None
    at_ns: int

    @classmethod
    def begun(cls, path: Path) -> Reading:
        """To be called before the file at `path` is read."""
        return cls(path, state_of(path), time.time_ns())

    @property
    def is_lasting(self) -> bool:
        """Whether what was read stays true as long as the state of the file does; called after reading."""
        if self.state is None or self.state != state_of(self.path):
            return False
        return max(self.state.modified_ns, self.state.changed_ns) + CLOCK_NS < self.at_ns


def state_of(path: Path) -> State | None:
    """The state of the file at `path`; None where there is no regular file, or it cannot be told."""
    try:
        return _state(os.stat(path))
    except (OSError, ValueError):
        return None


def opened_state(path: Path) -> State | None:
    """`state_of`, by opening the file.

    The client of a network file system asks the server then, where it may repeat for a minute what it heard
    before; and a file that may no longer be read has none, so that it is read, to say so.
    """
    try:
        descriptor = os.open(path, _ASK)
        try:
            return _state(os.fstat(descriptor))
        finally:
            os.close(descriptor)
    except (OSError, ValueError):
        return None


def _state(status: os.stat_result) -> State | None:
    if not stat.S_ISREG(status.st_mode):
        return None
    return State(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _signed(number: int) -> int:
    return (number + 2**63) % 2**64 - 2**63
