"""Judges claims about the losses over two weights (section 4.1, Figure 5), from surfaces of random data."""

from __future__ import annotations

from xavier_cli.findings.claims.requirements import Evidence
from xavier_cli.findings.claims.verdict import Judgement, UndecidedError, Word, together
from xavier_cli.findings.steepness import DATA_SETS, LEVEL, compare_losses
from xavier_cli.runs.surface import Surface

MOST_EXAMPLES = 3
"""The most examples: with many, random labels average out, and the quadratic loss has fewer plateaus."""
SCALES = {"½ Σ": 1.0, "Σ": 2.0}
"""The usual scales of the quadratic loss, relative to that of the files, since the paper gives none."""


def cross_entropy_is_steeper(material: Evidence) -> Judgement:
    """The ratio of the mean gradients has a CI above 1, for both usual scales of the quadratic loss.

    Over all groups of 20 data sets or more; does not hold where one CI lies below 1.
    """
    words: list[Word] = []
    parts, least = [], float("inf")
    for surfaces in _alike(material):
        compared = compare_losses(surfaces)
        for scale, factor in SCALES.items():
            ratio, low, high = compared.ratio(factor)
            words.append("holds" if low > 1 else "does_not_hold" if high < 1 else "undecided")
            parts.append(f"{ratio:.2f}, 95 % [{low:.2f}, {high:.2f}], as {scale} on {_described(surfaces)}")
            least = min(least, ratio)
    evidence = f"mean gradient of cross-entropy over that of the quadratic loss: {'; '.join(parts)}"
    return Judgement(together(words), evidence, least, 1.0)


def cross_entropy_has_fewer_plateaus(material: Evidence) -> Judgement:
    """Cross-entropy has the smaller flat share on more data sets, by a sign test; not where on fewer.

    The share is that of points whose gradient is below a tenth of the surface's largest, which no scale of a
    loss changes. Over all groups of 20 data sets or more.
    """
    words: list[Word] = []
    parts, shares = [], []
    for surfaces in _alike(material):
        compared = compare_losses(surfaces)
        decides = compared.p < LEVEL
        more = compared.flatter > compared.steeper
        words.append("undecided" if not decides else "holds" if more else "does_not_hold")
        shares.append(compared.flatter / max(compared.flatter + compared.steeper, 1))
        parts.append(
            f"the quadratic loss on {compared.flatter}, cross-entropy on {compared.steeper}, sign test "
            f"p {compared.p:.2g}, of {_described(surfaces)}"
        )
    return Judgement(together(words), f"the larger share of plateaus: {'; '.join(parts)}", min(shares), 0.5)


def _alike(material: Evidence) -> list[list[Surface]]:
    """The groups, of at least 20 each, of surfaces over two weights that differ only in their seeds."""
    groups: dict[str, dict[int, Surface]] = {}
    for each in material:
        if isinstance(each, Surface) and each.config.around is None and each.config.examples <= MOST_EXAMPLES:
            key = each.config.model_dump_json(exclude={"seed"})
            # A seed counts once.
            groups.setdefault(key, {})[each.config.seed] = each
    large = [list(group.values()) for group in groups.values() if len(group) >= DATA_SETS]
    if not large:
        raise UndecidedError(
            f"needs surfaces over two weights for {DATA_SETS} seeds or more, 1 to {MOST_EXAMPLES} examples "
            f"each, alike otherwise; there are {max(map(len, groups.values()), default=0)}"
        )
    return large


def _described(surfaces: list[Surface]) -> str:
    config = surfaces[0].config
    examples = "1 example" if config.examples == 1 else f"{config.examples} examples"
    return f"{len(surfaces)} data sets of {examples}, {config.act}, weights {config.low:g} to {config.high:g}"
