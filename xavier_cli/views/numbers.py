"""Formats numbers for people, with no more decimals than the interval supports."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from xavier_cli.sanitize import LARGE
from xavier_cli.sanitize import fixed as fixed
from xavier_cli.statistics.estimate import Estimate
from xavier_cli.vocabulary.grammar import show_value, write_value
from xavier_cli.vocabulary.networks import WATCHED

# Smaller p-values are shown as `< .0001`.
LEAST_P = 0.0001


def percents(estimates: Sequence[Estimate]) -> list[str]:
    """Fractions as percents, `47.7 ± 0.9`, for one column: with equal decimals, and `±` aligned."""
    return with_intervals(estimates, decimals_of(estimates), 100)


def with_intervals(estimates: Sequence[Estimate], places: int, scale: float = 1) -> list[str]:
    """`scale` times each estimate, `47.7 ± 0.9`, for one column with `±` aligned; NaN is empty."""
    left = [f"{scale * each.mean:,.{places}f}" if math.isfinite(each.mean) else "" for each in estimates]
    halves = [scale * each.half_width for each in estimates]
    right = [f"± {half:,.{places}f}" if math.isfinite(half) else "" for half in halves]
    width = max(map(len, right), default=0)
    # Pad on both sides, so that numbers are aligned whether the column is set left or right.
    longest = max(map(len, left), default=0)
    return [
        f"{a:>{longest}} {b:<{width}}".rstrip() if not width else f"{a:>{longest}} {b:<{width}}"
        for a, b in zip(left, right, strict=True)
    ]


def decimals_of(estimates: Sequence[Estimate]) -> int:
    """`decimals` of fractions that are shown as percentages."""
    return decimals([100 * each.mean for each in estimates], [100 * each.half_width for each in estimates])


def decimals(means: Sequence[float], halves: Sequence[float]) -> int:
    """The decimals of percentages: one, or two if most intervals (or errors, without intervals) are small."""
    known = sorted(half for half in halves if math.isfinite(half) and half > 0)
    if known:
        return 1 if known[len(known) // 2] >= 0.1 else 2
    return 2 if means and min(means) < 10 else 1


def points(value: float, low: float, high: float, places: int, scale: float = 100) -> str:
    """A difference with its interval, of fractions in percentage points: `+11.7 [9.0, 14.4]`.

    An end beside zero has as many decimals as show on which side of zero it lies, up to six.
    """
    known = math.isfinite(low) and math.isfinite(high)
    while known and places < 6 and any(end and not round(scale * end, places) for end in (low, high)):
        places += 1
    # A rounding error has no sign.
    sign, value = ("+", value) if abs(value) > 1e-12 else ("", 0.0)
    text = f"{scale * value:{sign},.{places}f}"
    return text + f" [{scale * low:,.{places}f}, {scale * high:,.{places}f}]" if known else text


def probability(p: float) -> str:
    """A p-value as it is usually printed: `.24`, `.031`, `.0003`, `< .0001`."""
    if p < LEAST_P:
        return "< .0001"
    if p >= 0.995:
        return "1"
    places = 2 if p >= 0.1 else 3 if p >= 0.01 else 4
    if 0.0495 <= p < 0.05:
        # A p below .05 must not be printed as `.050`.
        places = 4
    return f"{p:.{places}f}".lstrip("0")


def setting(value: object, name: str = "", exactly: bool = False) -> str:
    """A setting as people read it: `30,000`, `off`, `[-1, 1]`, `500, 50`.

    With its `name`, seeds are ranges and a coding is an interval, also where it comes as the text `-1,1`; a
    watched network has the name that its loop told.
    `exactly` writes all digits.
    """
    if name == "coding" and isinstance(value, str) and "," in value:
        value = tuple(map(float, value.split(",")))
    if name == "net" and isinstance(value, str):
        value = value.removeprefix(f"{WATCHED}:")
    if isinstance(value, list | tuple):
        if name == "seeds":
            return seeds(value)
        parts = ", ".join(setting(part, exactly=exactly) for part in value)
        return f"[{parts}]" if name == "coding" else parts
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, float):
        return write_value(value) if exactly else show_value(value)
    return f"{value:,}" if isinstance(value, int) else str(value)


def apart(values: Iterable[object], name: str = "") -> dict[object, str]:
    """A text for each of `values`: as `setting`, in full where two that differ would read alike."""
    texts = {value: setting(value, name) for value in values}
    often = Counter(texts.values())
    return {
        value: text if often[text] == 1 else setting(value, name, exactly=True)
        for value, text in texts.items()
    }


def seeds(numbers: Sequence[int]) -> str:
    """Seeds as ranges: `0-4, 7`."""
    spans: list[list[int]] = []
    for seed in sorted(numbers):
        if spans and seed == spans[-1][1] + 1:
            spans[-1][1] = seed
        else:
            spans.append([seed, seed])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)


def column(values: Sequence[float]) -> list[str]:
    """Statistics of any magnitude in one column: the largest has three digits; NaN is empty.

    All have the same decimals, or exponents where the smallest would vanish.
    """
    sizes = [abs(value) for value in values if math.isfinite(value) and value != 0]
    if not sizes:
        return ["0" if value == 0 else "" for value in values]
    places = max(0, 2 - math.floor(math.log10(max(sizes))))
    exponents = places > 6 or max(sizes) >= LARGE or (min(values) >= 0 and min(sizes) < 0.01 * max(sizes))
    form = ".1e" if exponents else f".{places}f"
    return [f"{value:{form}}" if math.isfinite(value) else "" for value in values]
