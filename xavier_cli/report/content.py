"""Defines the parts of a report as values: sentences, tables, pictures, layers; without HTML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

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
class KeyNumber:
    """A number that the page shows large, with what it is."""

    value: str
    about: str


@dataclass(frozen=True)
class Curve:
    """The mean test error of one experiment, a fraction, at each number of updates, both `(R,)`."""

    name: str
    updates: np.ndarray
    error: np.ndarray
    is_best: bool = False


@dataclass(frozen=True)
class Results:
    """The experiments on one data set: a table, and the curve of each of its rows."""

    table: Table
    curves: tuple[Curve, ...]
    chance: float
    """The error of always answering the most frequent class, a fraction."""


@dataclass(frozen=True)
class Origin:
    """One experiment: the settings that it does not share with all, and where it ran."""

    name: str
    settings: Table


@dataclass(frozen=True)
class Content:
    """A whole report, from the summary to the commands; `layers` is the result of `layers_over_time`.

    `answer` begins with a sentence per data set (`leading` of them), which stand out. Sentences may have code
    between backticks. `again` ends with the command that makes the page.
    """

    title: str
    answer: tuple[str, ...]
    leading: int = 1
    key_numbers: tuple[KeyNumber, ...] = ()
    comparison: tuple[Results, ...] = ()
    rules: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    undrawn: tuple[str, ...] = ()
    layers: Mapping[str, object] = field(default_factory=dict)
    findings: tuple[Table, ...] = ()
    finding_notes: tuple[str, ...] = ()
    judged: Table | None = None
    undecided: Table | None = None
    shared: Table | None = None
    origins: tuple[Origin, ...] = ()
    again: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
