"""Defines rules and findings, and since which update a condition holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from xavier_cli.runs.record import Run

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Symptom:
    """A problem that a rule sees in a run; `severity` is None for the severity of the rule.

    `layers` are counted from the input up; `since` is the number of updates from which on it holds, None
    where that has no meaning. `evidence` is a sentence, `numbers` the same for programs, `advice` a command.
    """

    evidence: str
    advice: str = ""
    layers: tuple[int, ...] = ()
    since: int | None = None
    numbers: dict[str, object] | None = None
    severity: Severity | None = None


@dataclass(frozen=True)
class Rule:
    """A rule of `check`: name, subject, threshold and source as text, and the function that applies it."""

    name: str
    severity: Severity
    about: str
    threshold: str
    source: str
    look: Callable[[Run], Iterator[Symptom]]
    needs: tuple[str, ...] = ()
    """Datasets that the rule needs; older and smaller files lack some."""


@dataclass(frozen=True)
class Finding:
    """An observation, with the rule that made it."""

    rule: Rule
    seen: Symptom

    @property
    def severity(self) -> Severity:
        """Whether it is an error, a warning or a note; notes do not affect the exit code."""
        return self.seen.severity or self.rule.severity


def first_since(run: Run, holds: np.ndarray) -> int | None:
    """The update from which on `holds`, `(R,)`, is true up to the last record; None if false there."""
    if not holds[-1]:
        return None
    broken = np.flatnonzero(~holds)
    return int(run.updates[broken[-1] + 1 if len(broken) else 0])


def named(layers: Sequence[int]) -> str:
    """`layer 5`, `layers 1, 2`."""
    return f"layer{'s' * (len(layers) > 1)} {listed(layers)}"


def listed(layers: Sequence[int]) -> str:
    """`1, 2`."""
    return ", ".join(map(str, layers))
