"""Says at which updates of a watched training a record is due, also where nobody knows how many there are."""

from __future__ import annotations

from bisect import bisect_right

from xavier_cli.config.run import RunConfig
from xavier_cli.errors import ConfigError

UNKNOWN = 1_000_000
"""For so many updates records in log updates are laid out where their number is not known."""


class RecordTimes:
    """When records are due: as `records` says for `updates`, or, of unknown length, on and on.

    Raises `ConfigError` for evenly spaced records of a training of unknown length.
    """

    def __init__(self, config: RunConfig, is_length_known: bool):
        kind, number = config.record_schedule
        self._every = number if kind == "every" else 0
        self._factor = 0.0
        if is_length_known:
            self._points = config.record_updates()
            return
        if not kind:
            raise ConfigError(
                f"records: {number} evenly spaced records need `updates=`, the number of updates that there "
                "will be; without it: records='log:20' or 'every:500'"
            )
        self._points = () if self._every else config.with_(updates=UNKNOWN).record_updates()
        self._factor = UNKNOWN ** (1 / max(number - 2, 1))

    def next_after(self, update: int) -> int:
        """The first update after `update` at which a record is due."""
        if self._every:
            following = (update // self._every + 1) * self._every
            later = [each for each in self._points if each > update]
            return min(following, *later) if later else following
        place = bisect_right(self._points, update)
        if place < len(self._points):
            return self._points[place]
        # Further than was planned, at the same steps.
        return max(update + 1, round(update * max(self._factor, 1.0))) if self._factor else 2**62
