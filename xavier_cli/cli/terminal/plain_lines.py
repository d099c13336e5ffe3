"""Renders lines of a table that need no wrapping as rich would, much faster: for thousands of rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions


@dataclass
class PlainLines:
    """Lines, each with whether it is bold; no line is wider than the screen."""

    lines: list[tuple[str, bool]] = field(default_factory=list)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        """Called by rich: a segment per line."""
        strong = Style(bold=True)
        for line, is_bold in self.lines:
            yield Segment(f"{line}\n", strong if is_bold else None)


def one_line(
    row: Sequence[str], widths: Sequence[int], aligned: Sequence[Literal["left", "right"]], gap: int
) -> str | None:
    """`row` in columns of `widths` with `gap` between them; None where a cell would have to be wrapped."""
    cells = []
    for text, width, align in zip(row, widths, aligned, strict=True):
        space = width - cell_len(text)
        if space < 0 or "\n" in text:
            return None
        cells.append(" " * space + text if align == "right" else text + " " * space)
    return (" " * gap).join(cells).rstrip()
