"""Puts findings together to a diagnosis: causes with their consequences, and the state of the run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

from xavier_cli.findings.health.finding import SEVERITIES, Finding

State = Literal["problems found", "warnings", "too early to tell", "no problems"]
STATES: tuple[State, ...] = get_args(State)
"""The worst first. An error makes a run one with problems found, and nothing else does."""

DIVERGED = "diverged"
_AT_CHANCE = "plateau-at-chance"


@dataclass(frozen=True)
class Diagnosis:
    """What is found in a run: `findings` are causes, with what they explain folded under each.

    `not_looked_for` are the rules that need datasets which the run lacks.
    """

    findings: tuple[Finding, ...]
    not_looked_for: tuple[str, ...] = ()

    @property
    def state(self) -> State:
        """The state of the run, which the table, the report and the exit code follow."""
        found = {finding.severity for finding in self.findings}
        if "error" in found:
            return "problems found"
        if "warning" in found:
            return "warnings"
        if any(finding.rule.leaves_open for finding in self.every):
            return "too early to tell"
        return "no problems"

    @property
    def every(self) -> tuple[Finding, ...]:
        """All findings, each cause followed by its consequences."""
        return tuple(each for finding in self.findings for each in (finding, *finding.consequences))


def fold(findings: Sequence[Finding], not_looked_for: Iterable[str] = ()) -> Diagnosis:
    """The diagnosis that `findings`, in the order of the rules, add up to: the worst cause first.

    Only what is more than a note, and was there no later, explains another; whatever explains the cause
    explains its consequences. What follows from a cause brings no advice of its own.
    """
    parent: list[int | None] = [None] * len(findings)
    for index in range(len(findings)):
        parent[index] = _cause(index, findings, parent)
    under: dict[int, list[Finding]] = {}
    for index, finding in enumerate(findings):
        if parent[index] is not None:
            quiet = replace(finding, seen=replace(finding.seen, advice=""))
            under.setdefault(_root(index, parent), []).append(quiet)
    roots = [
        replace(finding, consequences=tuple(sorted(under.get(index, ()), key=_severity)))
        for index, finding in enumerate(findings)
        if parent[index] is None
    ]
    if any(root.severity == "error" for root in roots):
        roots = [
            replace(root, seen=replace(root.seen, advice="")) if root.rule.trains_on else root
            for root in roots
        ]
    return Diagnosis(tuple(sorted(roots, key=_severity)), tuple(not_looked_for))


def _cause(index: int, findings: Sequence[Finding], parent: Sequence[int | None]) -> int | None:
    """The index of the finding that explains that at `index`: the likeliest, and of these the earliest.

    Never one that it explains itself, by way of others or not: `parent` has the causes found so far.
    """
    finding = findings[index]
    for name in finding.rule.because_of:
        causes = [
            number
            for number, other in enumerate(findings)
            if other.rule.name == name
            and _explains(other, finding, first=number < index)
            and _root(number, parent) != index
        ]
        if causes:
            return min(causes, key=lambda number: findings[number].seen.since or 0)
    return None


def _explains(cause: Finding, finding: Finding, first: bool) -> bool:
    """Whether `cause` may explain `finding`; `first`: its rule stands before the other in the list."""
    since, later = cause.seen.since, finding.seen.since
    if cause.own_severity == "note":
        return False
    # Two rules that may explain each other: where time does not tell, the first in the list is the cause.
    mutual = finding.rule.name in cause.rule.because_of
    if mutual and (since is None or later is None):
        return first
    if finding.rule.name == DIVERGED:
        # On the way to infinity everything grows: only what was there at the start is no part of it.
        return not since
    if cause.rule.name == DIVERGED:
        return later != 0 or finding.rule.name == _AT_CHANCE
    # Every network starts at chance, so that its plateau is as old as the network.
    if since is None or later is None or finding.rule.name == _AT_CHANCE:
        return True
    return since < later or (since == later and (first or not mutual))


def _root(index: int, parent: Sequence[int | None]) -> int:
    while (above := parent[index]) is not None:
        index = above
    return index


def _severity(finding: Finding) -> int:
    return SEVERITIES.index(finding.severity)
