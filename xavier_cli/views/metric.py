"""Writes values of a comparison's metric: errors in percent, losses, numbers of updates."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from xavier_cli.findings.metric import Metric, Unit
from xavier_cli.statistics.estimate import Estimate
from xavier_cli.views import numbers

# The digits of a loss beside a usual interval, and the most.
_LOSS_PLACES, _MOST_PLACES = 3, 6
_PLACES_OF_ONE: Mapping[Unit, int] = {"percent": 2, "loss": 4, "updates": 0}


def scale_of(metric: Metric) -> float:
    """What a value is multiplied by to be shown."""
    return 100 if metric.unit == "percent" else 1


def places_of(estimates: Sequence[Estimate], metric: Metric) -> int:
    """The decimals of a column of `estimates`."""
    if metric.unit == "updates":
        return 0
    if metric.unit == "percent":
        return numbers.decimals_of(estimates)
    sizes = [each.half_width for each in estimates if each.half_width > 0] or [
        abs(each.mean) for each in estimates if each.mean
    ]
    known = sorted(size for size in sizes if math.isfinite(size))
    # Two digits of a usual interval, or three of a usual mean.
    if not known:
        return _LOSS_PLACES
    return min(max(_LOSS_PLACES, 1 - math.floor(math.log10(known[len(known) // 2]))), _MOST_PLACES)


def measured(estimates: Sequence[Estimate], metric: Metric) -> list[str]:
    """Means with their intervals, for one column: `47.7 ± 0.9`."""
    return numbers.with_intervals(estimates, places_of(estimates, metric), scale_of(metric))


def amount(value: float, metric: Metric) -> str:
    """One seed's value; empty where it has none."""
    if not math.isfinite(value):
        return ""
    return f"{scale_of(metric) * value:,.{_PLACES_OF_ONE[metric.unit]}f}"


def with_unit(estimate: Estimate, metric: Metric) -> str:
    """A mean in a sentence: `47.7 ± 0.9 % test error`, `0.512 ± 0.012 test loss`."""
    unit = " %" * (metric.unit == "percent")
    return f"{measured([estimate], metric)[0].strip()}{unit} {metric.words}"
