"""Measures, breaks and shortens the text of a figure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from matplotlib import rcParams
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties

from xavier_cli.figures.style import SMALL
from xavier_cli.sanitize import clean

MARGIN = 0.06
LINE = 1.3 * SMALL / 72
_NO_BREAK = "\u00a0"
# A non-breaking space: beside a sign, or between a word and its number.
_UNBROKEN = re.compile(
    r"(?<=[=<>±]) | (?=[=<>%])|(?<=\b(?:lr|of)) (?=\d)|(?<=depth|width|batch|layer) (?=\d)"
)


def unbroken(text: str) -> str:
    """`text` made harmless, with spaces that no line breaks at: beside signs, and before a word's number."""
    return _UNBROKEN.sub(_NO_BREAK, clean(text))


def caption_height(text: str) -> float:
    """The height of a caption, in inches."""
    return (text.count("\n") + 1) * LINE + 2 * MARGIN


def wrapped(figure: Figure, text: str, inches: float, size: float) -> str:
    """`text` broken at spaces into lines of at most `inches` at `size` points."""
    lines: list[str] = []
    for word in (part for each in text.split(" ") for part in _parts(figure, each, inches, size)):
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_width(figure, longer, size) <= inches:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines)


def _parts(figure: Figure, word: str, inches: float, size: float) -> list[str]:
    """`word`, in parts where it is wider than a line."""
    parts = []
    while len(word) > 1 and text_width(figure, word, size) > inches:
        fitting = (n for n in range(len(word) - 1, 0, -1) if text_width(figure, word[:n], size) <= inches)
        first = next(fitting, 1)
        parts.append(word[:first])
        word = word[first:]
    return [*parts, word]


def text_width(figure: Figure, text: str, size: float) -> float:
    """Width of one line of `text` at `size` points, in inches."""
    canvas = figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]
    width, _, _ = renderer.get_text_width_height_descent(text, FontProperties(size=size), False)
    return float(width) / figure.dpi


def shortened(figure: Figure, text: str, inches: float, size: float, lines: int) -> str:
    """`text` in at most `lines` lines of `inches` at `size` points; what is too long loses its middle to `…`.

    Labels begin with the network's name and end with what is odd, so that both ends tell them apart.
    """

    def fits(shown: str) -> bool:
        rows = wrapped(figure, shown, inches, size).split("\n")
        return len(rows) <= lines and all(text_width(figure, row, size) <= inches for row in rows)

    phrases = text.split(", ")
    shown = [text]
    # Whole phrases first, then characters.
    shown += [", ".join(_without_middle(phrases, kept)) for kept in range(len(phrases) - 1, 1, -1)]
    fitting = next((each for each in shown if fits(each)), None)
    if fitting is None:
        few, many = 2, len(text)
        while many - few > 1:
            half = (few + many) // 2
            few, many = (half, many) if fits("".join(_without_middle(text, half))) else (few, half)
        fitting = "".join(_without_middle(text, few))
    return wrapped(figure, fitting, inches, size)


def _without_middle(parts: Sequence[str], kept: int) -> list[str]:
    """`kept` of the `parts`, from both ends, and `…` in place of the others."""
    last = kept // 2
    return [*parts[: kept - last], "…", *parts[len(parts) - last :]]


def font_size(setting: Literal["axes.titlesize", "legend.fontsize"]) -> float:
    """The size in points that a setting of matplotlib's has, which may be a word."""
    return float(FontProperties(size=rcParams[setting]).get_size_in_points())
