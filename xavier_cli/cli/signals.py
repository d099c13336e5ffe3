"""Signals as a flag: the first asks training to stop between two segments, a second leaves at once."""

from __future__ import annotations

import os
import signal
from types import FrameType

from xavier_cli.cli.errors import say

STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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
        """128 + the signal's number, as the shell counts."""
        assert self.signal is not None
        return 128 + self.signal

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None:
            # What was published stays; a temporary left behind is swept by the next writer.
            os._exit(128 + number)
        self.signal = signal.Signals(number)
        if number != signal.SIGHUP:
            say("\nxavier: stopping after this segment; once more leaves at once")
