"""Defines and parses the options of a figure's page: size, resolution, title, style and scales.

Standard library only.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

# In inches: one column and two columns of a page.
SINGLE, DOUBLE = 3.4, 6.9
SMALLEST, LARGEST = 1.5, 40.0
LOWEST_DPI, HIGHEST_DPI = 20, 1200

Limits = tuple[float | None, float | None]


@dataclass(frozen=True)
class PageOptions:
    """How a figure looks; None means as the figure's kind has it.

    `width` and `height` are in inches, `y_limits` in the units of the axis, each end perhaps open. `style` is
    the name of a style of matplotlib's, or a file of settings.
    """

    width: float | None = None
    height: float | None = None
    dpi: int | None = None
    title: str = ""
    has_caption: bool = True
    style: str = ""
    log_x: bool = False
    log_y: bool = False
    y_limits: Limits | None = None


def parse_size(given: object) -> tuple[float, float | None]:
    """Width and height in inches of `column`, `page`, `6` or `6x4`; the height None where it is not said.

    A number and a pair of them count as typed. Raises `ValueError` with a message of one line.
    """
    text = _typed(given, "x")
    word = text.strip().lower()
    if word in ("column", "page"):
        return (SINGLE if word == "column" else DOUBLE), None
    match = re.fullmatch(r"(\d+\.?\d*|\.\d+)(?:[x×](\d+\.?\d*|\.\d+))?(?:in)?", word)
    if not match:
        raise ValueError(f"`{text}` should be column, page, or inches like 6 or 6x4")
    sizes = [float(part) for part in match.groups() if part is not None]
    if not all(SMALLEST <= size <= LARGEST for size in sizes):
        raise ValueError(f"`{text}` should be from {SMALLEST:g} to {LARGEST:g} inches")
    return sizes[0], sizes[1] if len(sizes) > 1 else None


def parse_limits(given: object) -> Limits:
    """The ends of an axis from `LOW:HIGH`, or a pair; either may be left out (None in a pair).

    Raises `ValueError` as `parse_size`.
    """
    text = _typed(given, ":")
    low, colon, high = text.partition(":")
    try:
        ends = [float(part) if part.strip() else None for part in (low, high)]
    except ValueError:
        ends = []
    if not colon or not ends or ends == [None, None] or not all(e is None or math.isfinite(e) for e in ends):
        raise ValueError(f"`{text}` should be LOW:HIGH, like 0:50, 10: or :50")
    if ends[0] is not None and ends[1] is not None and ends[0] >= ends[1]:
        raise ValueError(f"`{text}` should rise: LOW below HIGH")
    return ends[0], ends[1]


def parse_dpi(given: object) -> int:
    """Dots per inch. Raises `ValueError` as `parse_size`."""
    if not isinstance(given, int) or not LOWEST_DPI <= given <= HIGHEST_DPI:
        raise ValueError(f"`{given}` should be a whole number from {LOWEST_DPI} to {HIGHEST_DPI}")
    return given


def _typed(given: object, between: str) -> str:
    """`given` as it is typed at a command: a pair with `between` its two."""
    pair = given if isinstance(given, list | tuple) else (given,)
    return between.join("" if each is None else str(each) for each in pair)
