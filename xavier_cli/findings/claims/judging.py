"""Judges a claim, given by name, and returns its verdict."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from xavier_cli.findings.claims.few_seeds import seeds_enough
from xavier_cli.findings.claims.requirements import Evidence
from xavier_cli.findings.claims.verdict import ClaimVerdict, FewSeedsError, Judgement, UndecidedError
from xavier_cli.runs.merge import merge_runs
from xavier_cli.runs.record import Run
from xavier_cli.statistics.difference import SEEDS_FOR_AN_INTERVAL
from xavier_cli.vocabulary import lookup


def judge(name: str, material: Evidence) -> ClaimVerdict:
    """The verdict of `material` on the claim called `name` (or by an alias).

    Runs that differ only in their seeds are merged first. Raises `UnknownNameError` for an unknown claim, and
    `RunFileError` where two runs contradict each other about a seed.
    """
    return judge_all([name], material)[0]


def judge_all(claims: Iterable[str], material: Evidence) -> list[ClaimVerdict]:
    """A verdict per claim, in the order of `claims`, all from the same runs."""
    found = [lookup.find("claim", name, lookup.CLAIMS) for name in claims]
    merged = _merged(material)
    return [_judge(claim, merged) for claim in found]


def _judge(claim: lookup.Claim, material: Evidence) -> ClaimVerdict:
    function: Callable[[Evidence], Judgement] = lookup.load(claim.function)
    try:
        finding = function(material)
    except FewSeedsError as missing:
        finding = _so_far(function, material, str(missing))
    except UndecidedError as missing:
        finding = Judgement("undecided", str(missing))
    return ClaimVerdict(
        claim.name, finding.verdict, finding.evidence, claim.source, finding.statistic, finding.threshold
    )


def _so_far(function: Callable[[Evidence], Judgement], material: Evidence, missing: str) -> Judgement:
    """Undecided, for seeds are `missing`; with the numbers so far where there are enough for an interval."""
    try:
        with seeds_enough(SEEDS_FOR_AN_INTERVAL):
            found = function(material)
    except UndecidedError:
        return Judgement("undecided", missing)
    return Judgement("undecided", f"{missing}; so far {found.evidence}")


def _merged(material: Evidence) -> Evidence:
    runs, _ = merge_runs(each for each in material if isinstance(each, Run))
    return [*runs, *(each for each in material if not isinstance(each, Run))]
