"""Formats a page for a screen: tables that fit the width, with notes below."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from xavier_cli.cli.terminal.fitting import NARROWEST_SCREEN, fit
from xavier_cli.cli.terminal.layout import GAP, grid_of
from xavier_cli.cli.terminal.unbroken import glued, unglued
from xavier_cli.views.page import Page, clean

if TYPE_CHECKING:
    from rich.console import RenderableType


def format_screen(page: Page, width: int, colour: bool = False) -> str:
    """The page for a screen of `width` characters; `colour` allows only bold and dim."""
    from rich.console import Console, Group
    from rich.padding import Padding
    from rich.text import Text

    parts: list[RenderableType] = []
    if page.title:
        parts.append(Text(glued(clean(page.title)), style="bold"))
    if page.about:
        parts.append(Text(glued(clean(page.about))))
    for table in page.tables:
        if parts:
            parts.append("")
        if table.title:
            parts.append(Text(glued(clean(table.title)), style="bold"))
        if table.about:
            parts += [Padding(Text(glued(clean(table.about)), style="dim"), (0, 0, 0, GAP)), ""]
        parts += fit(table, width)
    if page.notes:
        parts.append("")
    # The first line begins with a dash, the following ones are indented.
    for note in page.notes:
        grid = grid_of([1, max(width, NARROWEST_SCREEN) - 2], gap=1)
        grid.add_row(Text("-"), Text(glued(clean(note))))
        parts.append(grid)
    file = io.StringIO()
    console = Console(
        file=file,
        width=max(width, NARROWEST_SCREEN),
        force_terminal=colour,
        color_system="standard" if colour else None,
        no_color=not colour,
        legacy_windows=False,
        highlight=False,
        markup=False,
        emoji=False,
    )
    console.print(Group(*parts))
    return "".join(line.rstrip() + "\n" for line in unglued(file.getvalue()).splitlines())
