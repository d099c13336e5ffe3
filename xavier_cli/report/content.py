"""What a report is made of, as values: words, tables, pictures, layers over time. No HTML yet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from xavier_cli.views.page import Table


@dataclass(frozen=True)
class Picture:
    """A figure as an `<svg>` element that may be trusted, its words, and the numbers in it."""

    name: str
    title: str
    svg: str
    caption: str
    data: Table | None = None


@dataclass(frozen=True)
class Origin:
    """One experiment: what was set and where it ran, and the command that makes it again."""

    name: str
    settings: Table
    command: str


@dataclass(frozen=True)
class Content:
    """A whole report, from the answer down to the commands; `layers` is `report.layers`'."""

    title: str
    answer: tuple[str, ...]
    comparison: tuple[Table, ...] = ()
    rules: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    undrawn: tuple[str, ...] = ()
    layers: Mapping[str, object] = field(default_factory=dict)
    findings: tuple[Table, ...] = ()
    finding_notes: tuple[str, ...] = ()
    judged: Table | None = None
    undecided: Table | None = None
    origins: tuple[Origin, ...] = ()
    again: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
