"""Holds what claims require that need the paper's length, and what narrower networks tell of them."""

from __future__ import annotations

from dataclasses import replace

from xavier_cli.findings.claims.requirements import Requirements
from xavier_cli.findings.claims.verdict import Judgement
from xavier_cli.runs.record import Run

PAPER_WIDTH = 1000
PAPER_SCALE = Requirements(updates=2_500_000)
"""The paper's length; the width may be less, as `of_paper_width` says."""


def of_paper_width(finding: Judgement, *runs: Run) -> Judgement:
    """`finding` on a claim about the paper's networks, undecided where narrower ones contradict it."""
    width = min(min(run.config.widths) for run in runs)
    if finding.verdict != "does_not_hold" or width >= PAPER_WIDTH:
        return finding
    words = f"it does not hold at width {width:,}, which says nothing of the paper's {PAPER_WIDTH:,}"
    return replace(finding, verdict="undecided", evidence=f"{finding.evidence}; {words}")
