"""Writes durations for people: what was measured, what is estimated, a clock's, and ages."""

from __future__ import annotations

import math

_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def measured(seconds: float) -> str:
    """A measured duration with two significant digits or more: `12 ms`, `1.5 s`, `1,234 s`; `0 s`."""
    if not seconds > 0 or not math.isfinite(seconds):
        return f"{seconds:g} s"
    # What is rounded up to the next unit is written in that: 999.9 ms are 1.0 s.
    size, unit = next((each for each in _UNITS if seconds >= 0.995 * each[0]), _UNITS[-1])
    amount = seconds / size
    return f"{amount:.1f} {unit}" if amount < 9.95 else f"{amount:,.0f} {unit}"


def age(seconds: float) -> str:
    """An age in one unit: `5 min`."""
    for size, unit in ((86_400 * 365, "y"), (86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return "now"


def clock(seconds: float) -> str:
    """A duration as `1:02:03`, or `2:03` under an hour."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}" if hours else f"{minutes}:{seconds:02}"


def about(seconds: float | None) -> str:
    """An estimated duration, coarsely rounded; `?` for None."""
    if seconds is None:
        return "?"
    if seconds < 5:
        return "seconds"
    if seconds < 90:
        return f"{round(seconds, -1) or 5:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    hours, minutes = divmod(round(seconds) // 60, 60)
    return f"{hours}:{minutes:02} h"
