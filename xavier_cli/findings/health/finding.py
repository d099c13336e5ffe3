"""What a rule is and what it says; where in a run something is so, and since when."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from xavier_cli.runs.record import Run

Severity = Literal["error", "warning", "note"]


@dataclass(frozen=True)
class Observation:
    """What a rule sees in a run; `severity` is the rule's own unless it says so.

    `layers` count from the input up, and `since` is the number of updates from which on it is so, None where
    it has no beginning. `evidence` is a sentence, `numbers` the same for programs. `advice` is a command.
    """

    evidence: str
    advice: str = ""
    layers: tuple[int, ...] = ()
    since: int | None = None
    numbers: dict[str, object] | None = None
    severity: Severity | None = None


@dataclass(frozen=True)
class Rule:
    """A name, what it is about, its threshold in words, where that comes from, and the look itself."""

    name: str
    severity: Severity
    about: str
    threshold: str
    source: str
    look: Callable[[Run], Iterator[Observation]]
    needs: tuple[str, ...] = ()
    """Datasets without which the rule says nothing; older and smaller files lack some."""


@dataclass(frozen=True)
class Finding:
    """An observation with the rule that made it."""

    rule: Rule
    seen: Observation

    @property
    def severity(self) -> Severity:
        """How bad: an error or a warning is a finding, a note is worth knowing."""
        return self.seen.severity or self.rule.severity


def first_since(run: Run, holds: np.ndarray) -> int | None:
    """The update from which on `holds` `(R,)` is true up to the last record; None where it is not now."""
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
