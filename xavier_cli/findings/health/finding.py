"""Defines rules and findings, since which update a condition holds, and in how many seeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from xavier_cli.runs.counting import layers_of, layers_over_seeds
from xavier_cli.runs.record import Run
from xavier_cli.statistics.estimate import over_seeds

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""The worst first."""


@dataclass(frozen=True)
class Symptom:
    """A problem that a rule sees in a run; `severity` is None for the severity of the rule.

    `layers` are counted from the input up; `since` is the number of updates from which on it holds, None
    where that has no meaning. `evidence` is a sentence, `numbers` the same for programs, `advice` a command.
    `rests_on` says which single thing it rests on, of several that there are: "one seed", "one example". Such
    a finding is a note, whatever its severity.
    """

    evidence: str
    advice: str = ""
    layers: tuple[int, ...] = ()
    since: int | None = None
    numbers: dict[str, object] | None = None
    severity: Severity | None = None
    rests_on: str = ""
    clause: str = ""
    """What it says of the run, in a few words, where that is not what its rule says."""


@dataclass(frozen=True)
class Rule:
    """A rule of `check`: name, subject, threshold and source as text, and the function that applies it.

    `because_of` are the rules whose findings, if any, explain this one's: the likeliest first. `leaves_open`
    says that whoever is found so may yet turn out well or badly. `trains_on`: its advice is to train the same
    configuration longer or with more seeds, which helps no network that has something wrong with it.
    """

    name: str
    severity: Severity
    about: str
    threshold: str
    source: str
    look: Callable[[Run], Iterator[Symptom]]
    needs: tuple[str, ...] = ()
    """Datasets that the rule needs; older and smaller files lack some."""
    because_of: tuple[str, ...] = ()
    leaves_open: bool = False
    trains_on: bool = False
    clause: str = ""
    """What it says of a run, in a few words; by default its name, which people can look up."""


@dataclass(frozen=True)
class Finding:
    """An observation, with the rule that made it; `consequences` are those that it explains."""

    rule: Rule
    seen: Symptom
    consequences: tuple[Finding, ...] = ()

    @property
    def own_severity(self) -> Severity:
        """Whether it is an error, a warning or a note by itself."""
        return "note" if self.seen.rests_on else self.seen.severity or self.rule.severity

    @property
    def severity(self) -> Severity:
        """The worst of its own severity and its consequences'."""
        return min((self.own_severity, *(each.severity for each in self.consequences)), key=SEVERITIES.index)

    @property
    def evidence(self) -> str:
        """The evidence, with what it rests on."""
        return self.seen.evidence + (f" (rests on {self.seen.rests_on})" if self.seen.rests_on else "")


@dataclass(frozen=True)
class Judged:
    """A condition on a statistic of layers, judged on its estimate over seeds and on each seed.

    `center` is the estimate that tables and figures show, `(R, L)`; `seeds` are the seeds that count,
    `(S, R, L)`; `holds` maps either to a mask of the same shape.
    """

    center: np.ndarray
    seeds: np.ndarray
    holds: Callable[[np.ndarray], np.ndarray]

    @property
    def mask(self) -> np.ndarray:
        """Where the condition holds for the estimate, `(R, L)`."""
        return np.asarray(self.holds(self.center))

    def rests_on(self, layer: int, record: int = -1) -> str:
        """`one seed` where there are several and the condition holds in no more than one of them."""
        alone = len(self.seeds) > 1 and self.holds(self.seeds)[:, record, layer].sum() <= 1
        return "one seed" if alone else ""


def judged(run: Run, array: str | np.ndarray, holds: Callable[[np.ndarray], np.ndarray]) -> Judged:
    """A condition on an array of `run`, given by the path of a `LayerStatistic` or itself."""
    seeds = np.asarray(layers_of(run, array), dtype=np.float64)
    center = layers_over_seeds(run, array) if isinstance(array, str) else over_seeds(seeds)
    return Judged(center.center, seeds, holds)


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
    """`1, 2`, and of four or more one after the other `1-30`; `layers` rise."""
    spans: list[list[int]] = []
    for layer in layers:
        if spans and layer == spans[-1][-1] + 1:
            spans[-1].append(layer)
        else:
            spans.append([layer])
    return ", ".join(
        f"{span[0]}-{span[-1]}" if len(span) > 3 else ", ".join(map(str, span)) for span in spans
    )
