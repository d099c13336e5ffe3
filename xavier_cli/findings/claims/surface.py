"""Judges claims about the losses over two weights (section 4.1, Figure 5), from surfaces of random data."""

from __future__ import annotations

import numpy as np

from xavier_cli.findings.claims.requirements import Evidence
from xavier_cli.findings.claims.verdict import Judgement, UndecidedError, Word
from xavier_cli.findings.steepness import (
    DATA_SETS,
    LEVEL,
    STEEPER,
    SteepnessClaim,
    compare_losses,
    steepness,
)
from xavier_cli.runs.surface import Surface
from xavier_cli.statistics.estimate import mean_over_seeds

MOST_EXAMPLES = 3
"""The most examples: with many, random labels average out, and the quadratic loss has fewer plateaus."""


def cross_entropy_is_steeper(material: Evidence) -> Judgement:
    """The ratio of the mean gradients is above 2; not where the CI of CE - 2 quadratic is below 0."""
    surfaces = _alike(material)
    claim = compare_losses(surfaces)
    entropy, quadratic = (
        np.array([steepness(each.loss(name), each.x, each.y).mean_gradient for each in surfaces])
        for name in ("cross_entropy", "quadratic")
    )
    verdict: Word = "holds" if claim.ratio > STEEPER else "undecided"
    if mean_over_seeds(entropy - STEEPER * quadratic).high < 0:
        verdict = "does_not_hold"
    evidence = (
        f"mean gradient of cross-entropy over that of the quadratic loss: {claim.ratio:.1f} "
        f"({_described(surfaces)})"
    )
    return Judgement(verdict, evidence, claim.ratio, STEEPER)


def cross_entropy_has_fewer_plateaus(material: Evidence) -> Judgement:
    """Cross-entropy has the smaller flat share on more data sets, by a sign test; not where on fewer."""
    surfaces = _alike(material)
    claim = compare_losses(surfaces)
    verdict: Word = "undecided"
    if claim.p < LEVEL:
        verdict = "holds" if claim.flatter > claim.steeper else "does_not_hold"
    evidence = (
        f"the quadratic loss has the larger share of plateaus on {claim.flatter} data sets, cross-entropy on "
        f"{claim.steeper}, sign test p {_p(claim)} ({_described(surfaces)})"
    )
    return Judgement(verdict, evidence, claim.flatter / max(claim.flatter + claim.steeper, 1), 0.5)


def _p(claim: SteepnessClaim) -> str:
    return f"{claim.p:.2g}"


def _alike(material: Evidence) -> list[Surface]:
    """The largest group, of at least 20, of surfaces over two weights that differ only in their seeds."""
    groups: dict[str, dict[int, Surface]] = {}
    for each in material:
        if isinstance(each, Surface) and each.config.around is None and each.config.examples <= MOST_EXAMPLES:
            key = each.config.model_dump_json(exclude={"seed"})
            # A seed counts once.
            groups.setdefault(key, {})[each.config.seed] = each
    largest = max(groups.values(), key=len, default={})
    if len(largest) < DATA_SETS:
        raise UndecidedError(
            f"needs surfaces over two weights for {DATA_SETS} seeds or more, 1 to {MOST_EXAMPLES} examples "
            f"each, alike otherwise; there are {len(largest)}"
        )
    return list(largest.values())


def _described(surfaces: list[Surface]) -> str:
    config = surfaces[0].config
    examples = "1 example" if config.examples == 1 else f"{config.examples} examples"
    return f"{len(surfaces)} data sets of {examples}, {config.act}, weights {config.low:g} to {config.high:g}"
