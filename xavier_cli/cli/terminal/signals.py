"""Signals as a flag: the first asks training to stop between two segments, a second leaves at once."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from types import FrameType

# A batch system warns with SIGUSR1 before it terminates (Slurm's `--signal=USR1@60`).
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
STOPPING_WORDS = b"xavier: stopping after this segment; once more leaves at once"


class StopFlag:
    """While entered, remembers the first signal that asks to stop, and says so on stderr."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self._in_place = False

    def __enter__(self) -> StopFlag:
        self._before = {number: signal.signal(number, self._note) for number in STOPPING}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __bool__(self) -> bool:
        return self.signal is not None

    @contextlib.contextmanager
    def in_place(self, drawn: bool) -> Iterator[None]:
        """While a view of several lines is `drawn` on stderr: what is said there takes its last line.

        One more line would move the view away from where it is drawn again.
        """
        self._in_place = drawn
        try:
            yield
        finally:
            self._in_place = False

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
                if self._in_place:
                    width = os.get_terminal_size(2).columns or 80
                    os.write(2, b"\r\x1b[2K" + STOPPING_WORDS[: width - 1])
                else:
                    os.write(2, b"\n" + STOPPING_WORDS + b"\n")


def _exit_code(number: int) -> int:
    return 128 + (signal.SIGTERM if number == signal.SIGUSR1 else number)
