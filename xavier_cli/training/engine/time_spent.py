"""Where the time of a training goes: one clock of the host, whose every second belongs to one part."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from xavier_cli.runs.record import PARTS_OF_TIME, SECONDS, TimePart

TIMINGS = (*SECONDS, "seconds_spent")
"""What provenance says of the time that a training took."""

clock = time.perf_counter
"""What is read; a benchmark counts the processors' seconds in its place."""


def utc_now() -> str:
    """The time as files have it, in UTC."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


class TimeSpent:
    """The parts of a training's time, each that which the host did or waited for at that moment.

    What runs beside it (a save in its thread, singular values on other cores) is in the part that it
    ran beside. Parts that ended before, in an earlier process, are counted on.
    """

    def __init__(self, before: Mapping[str, float] | None = None):
        """Begin, after the seconds of `before`, with what belongs to no other part."""
        self._seconds = dict.fromkeys(PARTS_OF_TIME, 0.0) | dict(before or {})
        self._part: TimePart = "other"
        self._since = clock()

    def enter(self, part: TimePart) -> None:
        """What follows belongs to `part`."""
        now = clock()
        self._seconds[self._part] += now - self._since
        self._part, self._since = part, now

    def assign(self, part: TimePart) -> None:
        """What there was since the last call belongs to `part`: only now it is known which."""
        self._part = part

    @property
    def seconds(self) -> dict[str, float]:
        """The seconds of each part until now, to the millisecond."""
        return {
            name: round(seconds + (clock() - self._since) * (name == self._part), 3)
            for name, seconds in self._seconds.items()
        }


def timings_of(seconds: Mapping[str, float]) -> dict[str, Any]:
    """What provenance says of a training that spent these `seconds`, `TimeSpent.seconds`."""
    return {
        "compile_seconds": seconds["compiling"],
        "train_seconds": trained_seconds(seconds),
        "seconds_spent": dict(seconds),
    }


def trained_seconds(seconds: Mapping[str, float]) -> float:
    """What the parts take together, compiling left out."""
    return round(sum(each for name, each in seconds.items() if name != "compiling"), 3)


def joined_timings(provenances: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What trainings one after the other took together; of each time nothing where one does not say it."""
    known = [name for name in TIMINGS if all(name in each for each in provenances)]
    took: dict[str, Any] = {
        name: round(sum(each[name] for each in provenances), 3) for name in known if name in SECONDS
    }
    if "seconds_spent" in known:
        every = [each["seconds_spent"] for each in provenances]
        took["seconds_spent"] = {
            name: round(sum(each.get(name, 0.0) for each in every), 3) for name in PARTS_OF_TIME
        }
    return took
