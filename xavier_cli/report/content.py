"""Defines the parts of a report as values: sentences, tables, pictures, layers; without HTML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from xavier_cli.views.page import Table


@dataclass(frozen=True)
class Picture:
    """A figure as a trusted `<svg>` element, with its caption and its data."""

    name: str
    title: str
    svg: str
    caption: str
    data: Table | None = None


@dataclass(frozen=True)
class Origin:
    """One experiment: its settings, where it ran, and the command that reproduces it."""

    name: str
    settings: Table
    command: str


@dataclass(frozen=True)
class Content:
    """A whole report, from the summary to the commands; `layers` is the result of `layers_over_time`."""

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
