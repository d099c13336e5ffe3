"""How many updates a segment of training has: so many that they take about as long as asked."""

from __future__ import annotations

_GROWTH = 4
# Lengths that differ by less than this say nothing about what a segment costs beside its updates.
_APART = 1.2


class SegmentSizer:
    """The length of segments, from how long those before took.

    What every segment costs whatever its length (an epoch's order, a record to store, a busy machine) is
    told apart from the updates by segments of different lengths. Counted with the updates it would make
    segments shorter, and those slower still, down to one update each.
    """

    def __init__(self, first: int, target: float) -> None:
        """`first` updates in the first segment, then `target` seconds for those of each."""
        self.updates, self._target = first, target
        self._fixed = 0.0
        self._before: tuple[int, float] | None = None

    def record(self, updates: int, seconds: float) -> None:
        """Learn that a segment of `updates` took `seconds`."""
        if self._before and not 1 / _APART < updates / self._before[0] < _APART:
            slope = (seconds - self._before[1]) / (updates - self._before[0])
            shortest = min(seconds, self._before[1])
            self._fixed = min(max(seconds - slope * updates, 0.0), shortest)
        self._before = updates, seconds
        own = max(seconds - self._fixed, 1e-9)
        # A record may have cut the segment short, which is no reason for the next one to be.
        longest = max(self.updates, _GROWTH * updates)
        self.updates = max(1, min(longest, int(updates * self._target / own)))
