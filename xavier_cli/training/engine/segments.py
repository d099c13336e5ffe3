"""Chooses the number of updates of a segment so that it takes about a given time."""

from __future__ import annotations

_GROWTH = 4
# Segments whose lengths differ by less than this factor do not determine the fixed cost.
_APART = 1.2


class SegmentSizer:
    """The length of the next segment, from how long the segments before took.

    The fixed cost of a segment (an epoch's order, a record to store, a busy machine) is estimated from
    segments of different lengths. Counted as a cost of updates it would shorten segments, and so make updates
    slower still, down to one update per segment.
    """

    def __init__(self, first: int, target: float) -> None:
        """`first` updates in the first segment, then `target` seconds for those of each."""
        self.updates, self._target = first, target
        self._fixed = 0.0
        self._before: tuple[int, float] | None = None

    def record(self, updates: int, seconds: float) -> None:
        """Take into account that a segment of `updates` took `seconds`."""
        if self._before and not 1 / _APART < updates / self._before[0] < _APART:
            slope = (seconds - self._before[1]) / (updates - self._before[0])
            shortest = min(seconds, self._before[1])
            self._fixed = min(max(seconds - slope * updates, 0.0), shortest)
        self._before = updates, seconds
        own = max(seconds - self._fixed, 1e-9)
        # A record may have cut this segment short; the next one need not be shorter for it.
        longest = max(self.updates, _GROWTH * updates)
        self.updates = max(1, min(longest, int(updates * self._target / own)))
