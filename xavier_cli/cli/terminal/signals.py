"""Handles signals and a limit of time: the first stops after the updates under way, a second at once."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from types import FrameType

# A batch system warns with SIGUSR1 before it terminates (Slurm's `--signal=USR1@60`).
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)
STOPPING_WORDS = b"xavier: stopping after the updates under way; press Ctrl-C again to quit now"
TIME_IS_UP = b"xavier: `--max-time` is up; stopping after the updates under way"


class StopFlag:
    """Records the first stopping signal during the context, and says so on stderr."""

    def __init__(self, max_seconds: float | None = None) -> None:
        """The end of `max_seconds` stops as a signal does."""
        self.signal: signal.Signals | None = None
        self._max_seconds = max_seconds
        self._in_place = False

    def __enter__(self) -> StopFlag:
        numbers = STOPPING if self._max_seconds is None else (*STOPPING, signal.SIGALRM)
        self._before = {number: signal.signal(number, self._note) for number in numbers}
        if self._max_seconds is not None:
            signal.setitimer(signal.ITIMER_REAL, self._max_seconds)
        return self

    def __exit__(self, *_: object) -> None:
        if self._max_seconds is not None:
            signal.setitimer(signal.ITIMER_REAL, 0)
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def __bool__(self) -> bool:
        return self.signal is not None

    @contextlib.contextmanager
    def in_place(self, drawn: bool) -> Iterator[None]:
        """While a view of several lines is `drawn` on stderr, write messages into its last line.

        An additional line would move the view from the place where it is redrawn.
        """
        self._in_place = drawn
        try:
            yield
        finally:
            self._in_place = False

    @property
    def exit_code(self) -> int:
        """128 + the signal's number, as in shells; a warning of termination or a limit counts as SIGTERM."""
        assert self.signal is not None
        return _exit_code(self.signal)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.signal is not None and number == signal.SIGALRM:
            return
        # After the limit, the first signal still waits for the updates under way.
        if self.signal not in (None, signal.SIGALRM):
            # Finished files are intact, and the next writer removes the temporaries.
            os._exit(_exit_code(number))
        self.signal = signal.Signals(number)
        if number != signal.SIGHUP:
            # Write to the descriptor: the signal may have interrupted a `print`, which is not reentrant.
            with contextlib.suppress(OSError):
                words = TIME_IS_UP if number == signal.SIGALRM else STOPPING_WORDS
                # Over what stands in the line: a bar, or the terminal's `^C`.
                begin = b"\r\x1b[2K" if os.isatty(2) else b""
                if self._in_place:
                    width = os.get_terminal_size(2).columns or 80
                    os.write(2, begin + words[: width - 1])
                else:
                    os.write(2, begin + words + b"\n")


def _exit_code(number: int) -> int:
    return 128 + (signal.SIGTERM if number in (signal.SIGUSR1, signal.SIGALRM) else number)
