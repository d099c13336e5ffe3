"""What a report is made of, as values: words, grids of cells, pictures, layers over time. No HTML yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Cell:
    """Text, what it is sorted by, and what a pointer that rests on it is told."""

    text: str
    value: float | str | None = None
    hover: str = ""


@dataclass(frozen=True)
class Grid:
    """A table; `numeric` are the columns set to the right, `best` the rows marked with `*`."""

    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    about: str = ""
    numeric: frozenset[int] = frozenset()
    best: frozenset[int] = frozenset()
    sortable: bool = False


@dataclass(frozen=True)
class Picture:
    """A figure as an `<svg>` element that may be trusted, its words, and the numbers in it."""

    name: str
    title: str
    svg: str
    caption: str
    data: Grid | None = None


@dataclass(frozen=True)
class Origin:
    """One experiment: what was set and where it ran, and the command that makes it again."""

    name: str
    settings: Grid
    command: str


@dataclass(frozen=True)
class Content:
    """A whole report, from the answer down to the commands; `layers` is `report.layers`'."""

    title: str
    answer: tuple[str, ...]
    comparison: tuple[Grid, ...] = ()
    rules: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    undrawn: tuple[str, ...] = ()
    layers: Mapping[str, object] = field(default_factory=dict)
    findings: tuple[Grid, ...] = ()
    finding_notes: tuple[str, ...] = ()
    judged: Grid | None = None
    undecided: Grid | None = None
    origins: tuple[Origin, ...] = ()
    again: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
