"""The way in: a claim's name and runs in, a verdict out."""

from __future__ import annotations

from collections.abc import Iterable

from xavier_cli.findings.claims.requirements import Evidence
from xavier_cli.findings.claims.verdict import ClaimVerdict, Finding, UndecidedError
from xavier_cli.runs.merge import merge_runs
from xavier_cli.runs.record import Run
from xavier_cli.runs.surface import Surface
from xavier_cli.vocabulary import lookup


def judge(name: str, material: Evidence) -> ClaimVerdict:
    """Whether `material` bears out the claim called `name` (or an alias of it).

    Runs that differ in their seeds alone are merged first. Raises `UnknownNameError` where there is no such
    claim, and `RunFileError` where two runs disagree about a seed.
    """
    return judge_all([name], material)[0]


def judge_all(claims: Iterable[str], material: Evidence) -> list[ClaimVerdict]:
    """A verdict per claim, in the order of `claims`, all by the same runs."""
    found = [lookup.find("claim", name, lookup.CLAIMS) for name in claims]
    merged = _merged(material)
    return [_judge(claim, merged) for claim in found]


def _judge(claim: lookup.Claim, material: Evidence) -> ClaimVerdict:
    try:
        finding: Finding = lookup.load(claim.function)(material)
    except UndecidedError as missing:
        finding = Finding("undecided", str(missing))
    return ClaimVerdict(
        claim.name, finding.verdict, finding.evidence, claim.source, finding.statistic, finding.threshold
    )


def _merged(material: Evidence) -> Evidence:
    runs, _ = merge_runs(each for each in material if isinstance(each, Run))
    return [*runs, *(each for each in material if isinstance(each, Surface))]
