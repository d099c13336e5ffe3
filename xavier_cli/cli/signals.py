"""Signals as a flag: the first asks training to stop between two segments, a second leaves at once."""

from __future__ import annotations

import contextlib
import os
import signal
from types import FrameType

# A batch system warns with SIGUSR1 before it terminates (Slurm's `--signal=USR1@60`).
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)


class StopFlag:
    """While entered, remembers the first signal that asks to stop."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None

    def __enter__(self) -> StopFlag:
        self._before = {number: signal.signal(number, self._note) for number in STOPPING}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __bool__(self) -> bool:
        return self.signal is not None

    @property
    def exit_code(self) -> int:
        """128 + the signal's number, as the shell counts; a warning of termination counts as that."""
        assert self.signal is not None
        return _exit_code(self.signal)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None:
            # What was published stays; a temporary left behind is swept by the next writer.
            os._exit(_exit_code(number))
        self.signal = signal.Signals(number)
        if number != signal.SIGHUP:
            # Straight to stderr: the signal may have come in the middle of a `print`, which allows no other.
            with contextlib.suppress(OSError):
                os.write(2, b"\nxavier: stopping after this segment; once more leaves at once\n")


def _exit_code(number: int) -> int:
    return 128 + (signal.SIGTERM if number == signal.SIGUSR1 else number)
