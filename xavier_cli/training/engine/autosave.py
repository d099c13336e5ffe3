"""Saves the state of a training in a thread: at most every 10 s, and for at most 2 % of the time."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

# The least time between two saves, in seconds and in multiples of what the last save took.
SECONDS = 10.0
COSTS = 50


class Autosaver:
    """Saves in a thread of its own, one save at a time, so that the devices never wait for the disk."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._storing: Future[None] | None = None
        self._last = time.perf_counter()
        self._cost = 0.0

    def __enter__(self) -> Autosaver:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # An error that is being raised says more than one of the thread's would.
        self._pool.shutdown(wait=True)
        if kind is None:
            self.finish()

    @property
    def is_due(self) -> bool:
        """Whether it is time to save; raises what the last save raised."""
        if self._storing is not None and not self._storing.done():
            return False
        self.finish()
        return time.perf_counter() - self._last > max(SECONDS, COSTS * self._cost)

    def keep(self, prepare: Callable[[], Callable[[], None]]) -> None:
        """Call `prepare` now, and what it returns in the thread while training continues."""
        began = time.perf_counter()
        store = prepare()
        prepared = time.perf_counter() - began

        def timed() -> None:
            began = time.perf_counter()
            store()
            self._cost = prepared + time.perf_counter() - began

        self._last = time.perf_counter()
        self._storing = self._pool.submit(timed)

    def finish(self) -> None:
        """Wait for the save in progress; raises what it raised."""
        storing, self._storing = self._storing, None
        if storing is not None:
            storing.result()
