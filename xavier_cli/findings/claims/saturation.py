"""Judges claims about the saturation of tanh and softsign layers (sections 3.2, 3.3; Figures 3, 4, 10)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from xavier_cli.findings.claims.measurements import (
    Crossing,
    at_update,
    counted,
    described,
    first_time,
    late,
    listed,
    percentile,
    read_at,
    spacing,
)
from xavier_cli.findings.claims.requirements import Evidence, NetworkKind, Requirements, select_runs
from xavier_cli.findings.claims.verdict import (
    LEVEL,
    Judgement,
    UndecidedError,
    Word,
    count,
    in_every_seed,
    positive,
    span,
    together,
    with_interval,
    without_diverged,
)
from xavier_cli.runs.record import Run
from xavier_cli.statistics.difference import Difference, difference
from xavier_cli.statistics.estimate import mean_over_seeds

TANH, TANH_NORMALIZED = NetworkKind("tanh", "standard"), NetworkKind("tanh", "normalized")
SOFTSIGN = NetworkKind("softsign", "standard")
RATES = (0.01, 0.1)
HALF, WHOLE = 50_000, 100_000
"""The updates at which layers are compared, of which the second is the laptop scale's length."""

RECORD_EVERY = 1_000
"""The widest distance of records for what comes first: 2 % of the time to the first of these updates."""
SATURATED = 0.9
"""|z| from which tanh and softsign are saturated (STATISTICS §1)."""
RISEN, TOGETHER = 0.5, 2.0
"""The level whose times are compared, and the factor between the first and the last that is together."""
CEILING = 0.99
"""A 98th percentile above it in every layer is the end of tanh's range, where no gap is left."""
_PERCENTILES, _HISTOGRAM, _SATURATED = (
    "activation/abs_percentiles",
    "activation/histogram",
    "activation/saturated",
)
_WHICH = 98
_LAYERS = slice(0, 4)
"""Layers 1 to 4, between which the gap is taken."""


def _reach(run: Run, level: float, until: int | None = None) -> Crossing:
    """When each layer's 98th percentile of |z| reaches `level`, at a record up to `until`; `(S, L)`."""
    reached = percentile(run, run[_PERCENTILES], _WHICH) >= level
    if until is not None:
        reached = reached & (run.updates <= until)[:, None]
    return first_time(run, reached)


def _levels(run: Run) -> np.ndarray:
    """The 98th percentile of |z| of layers 1 to 4 after 50,000 updates; `(S, 4)`."""
    return np.asarray(percentile(run, at_update(run, _PERCENTILES, HALF), _WHICH)[:, _LAYERS])


def _gap(levels: np.ndarray) -> np.ndarray:
    """Layer 1 less layer 4, `(S,)`."""
    return np.asarray(levels[:, 0] - levels[:, 3])


def tanh_saturates_in_turn(material: Evidence) -> Judgement:
    """By 50,000 updates layer 1, then 2, then 3 comes to |z| = 0.9 at the 98th percentile, in every seed.

    A seed contradicts in which layer 1 has not come to it, or in which a layer comes before one of these
    three beneath it. It is open where layer 2 or 3 has not, or two come between the same records, or layer 1
    was there from the start. Layer 1 must also lie above layer 4: the 95 % interval of their gap above 0.
    """
    scale = Requirements(HALF, rates=RATES, every=(RECORD_EVERY, HALF), arrays=(_PERCENTILES,))
    (run,) = select_runs(material, [TANH], scale)
    times = _reach(run, SATURATED, HALF)
    layers = times.by_layer()
    first, second, third = layers[:3]
    passes = (first.by > 0) & first.before(second) & second.before(third) & third.happened
    overtakes = np.zeros(len(run.seeds), bool)
    for beneath in range(3):
        for above in layers[beneath + 1 :]:
            overtakes |= above.before(layers[beneath])
    passes, contradicts = passes & ~overtakes, overtakes | ~first.happened
    leads = np.all([first.before(layer) for layer in layers[1:]], axis=0)
    gap = mean_over_seeds(counted(run, _gap(_levels(run))))
    order = in_every_seed(passes, run.diverged, contradicts)
    when = listed(layers[:3], HALF)
    evidence = (
        f"98th percentile of |z| comes to {SATURATED} in {when} ({spacing(run, HALF)}), one after another in "
        f"{count(passes)}, layer 1 first of all in {count(leads)}, a layer before one beneath in "
        f"{count(overtakes)}; {read_at(run, HALF)} layer 1 less layer 4 is {with_interval(gap)} "
        f"({described(material, run)})"
    )
    word = together([order, without_diverged(positive(gap), run.diverged)])
    return Judgement(word, evidence, gap.mean, 0.0)


def softsign_saturates_together(material: Evidence) -> Judgement:
    """Layers reach |z| = 0.5 within a factor of 2 in time, in every seed, and saturate less than tanh's.

    Less: softsign's saturated share is below that of tanh standard, layer by layer, at 50,000 and at 100,000
    updates: paired 95 % intervals below 0. It does not hold where one lies above 0 (Bonferroni over all).
    A layer that is saturated nowhere under both decides nothing.
    """
    softsign, tanh = runs = select_runs(
        material,
        [SOFTSIGN, TANH],
        Requirements(WHOLE, rates=RATES, every=(RECORD_EVERY, HALF), arrays=(_PERCENTILES, _SATURATED)),
    )
    times = _reach(softsign, RISEN)
    with np.errstate(divide="ignore", invalid="ignore"):
        least = times.after.max(axis=1) / times.by.min(axis=1)
        most = times.by.max(axis=1) / times.after.min(axis=1)
    passes, contradicts = most <= TOGETHER, least > TOGETHER
    word = in_every_seed(passes, softsign.diverged, contradicts)
    less, parts = _less_saturated(softsign, tanh)
    ratio = np.where(np.isfinite(most), most, least)
    apart = f"{span(ratio, 1)} times as many as the first"
    if not np.isfinite(ratio).any():
        apart = "many, and the first was there from the start"
    evidence = (
        f"98th percentile of |z| of softsign comes to {RISEN} in {listed(times.by_layer())} "
        f"({spacing(softsign, WHOLE)}), the last after {apart}, together "
        f"in {count(passes)}; {parts} ({described(material, *runs)})"
    )
    statistic = float(ratio.mean()) if np.isfinite(ratio).all() else math.nan
    return Judgement(together([word, less]), evidence, statistic, TOGETHER)


def _less_saturated(softsign: Run, tanh: Run) -> tuple[Word, str]:
    """Whether softsign's layers are saturated less than tanh's at both updates, and the shares as text."""
    words: list[Word] = []
    parts = []
    depth = softsign.config.depth
    for update in (HALF, WHOLE):
        shares = [at_update(run, _SATURATED, update) for run in (softsign, tanh)]
        pairs = [_paired(softsign, tanh, shares, layer) for layer in range(depth)]
        cautious = [
            _paired(softsign, tanh, shares, layer, 1 - (1 - LEVEL) / (2 * depth)) for layer in range(depth)
        ]
        for gap, wide in zip(pairs, cautious, strict=True):
            words.append("holds" if gap.high < 0 else "does_not_hold" if wide.low > 0 else "undecided")
        numbers = ", ".join(
            f"{100 * own:.1f} and {100 * other:.1f} [{100 * gap.low:+.1f}, {100 * gap.high:+.1f}]"
            for own, other, gap in zip(*(share.mean(axis=0) for share in shares), pairs, strict=True)
        )
        parts.append(f"{read_at(softsign, update)} {numbers}")
    said = f"% saturated of softsign and tanh, layers 1-{depth} [95 % interval of the difference] "
    return without_diverged(together(words), softsign.diverged, tanh.diverged), said + "; ".join(parts)


def _paired(
    softsign: Run, tanh: Run, shares: Sequence[np.ndarray], layer: int, level: float = LEVEL
) -> Difference:
    """Softsign's saturated share in one layer less tanh's."""
    own, other = (share[:, layer] for share in shares)
    return difference(own, other, softsign.seeds.tolist(), tanh.seeds.tolist(), level)


def figure_10_tanh_normalized_resembles_softsign(material: Evidence) -> Judgement:
    """Tanh normalized is nearer to softsign than tanh standard is, seed by seed: in level and in gap.

    Level is the mean distance of the 98th percentiles of |z| of layers 1 to 4 from softsign's after 50,000
    updates, gap that of layer 1 less layer 4. A seed whose layers all lie above 0.99, at the end of tanh's
    range, tells nothing: there every gap is 0.
    """
    cells = [TANH_NORMALIZED, SOFTSIGN, TANH]
    runs = select_runs(material, cells, Requirements(HALF, rates=RATES, arrays=(_PERCENTILES,)))
    if {*runs[0].seeds} != {*runs[2].seeds}:
        raise UndecidedError(f"needs the same seeds of {TANH_NORMALIZED} and {TANH}")
    own, softsign, tanh = (_levels(run)[np.argsort(run.seeds)] for run in runs)
    center = softsign.mean(axis=0)
    level, standard_level = (np.abs(levels - center).mean(axis=1) for levels in (own, tanh))
    gap, standard_gap = (np.abs(_gap(levels) - _gap(softsign).mean()) for levels in (own, tanh))
    passes = (level < standard_level) & (gap < standard_gap)
    at_end = np.asarray((own > CEILING).all(axis=1))
    each = "; ".join(
        f"{name} {' '.join(f'{value:.2f}' for value in levels.mean(axis=0))}, layer 1 less layer 4 "
        f"{with_interval(mean_over_seeds(_gap(levels)))}"
        for name, levels in (("tanh normalized", own), ("softsign", softsign), ("tanh standard", tanh))
    )
    ceiling = f"; all above {CEILING}, at the end of tanh's range, in {count(at_end)}" if at_end.any() else ""
    evidence = (
        f"98th percentile of |z| {read_at(runs[0], HALF)}, layers 1-4: {each}{ceiling}; nearer to softsign "
        f"than tanh standard is, in level and gap, in {count(passes & ~at_end)} "
        f"({described(material, *runs)})"
    )
    diverged = np.any([run.diverged[np.argsort(run.seeds)] for run in (runs[0], runs[2])], axis=0)
    word = in_every_seed(passes & ~at_end, diverged, ~passes & ~at_end)
    return Judgement(word, evidence, float(level.mean()), float(standard_level.mean()))


def final_histograms(material: Evidence) -> Judgement:
    """Late |z| of tanh in layer 1 has more mass in 0.9-1 than in 0.8-0.9, and is denser at 0 than beside it.

    At 0 is 0-0.1, beside it 0.3-0.6. Softsign is denser in 0.6-0.8 than in both. At laptop scale only layer 1
    is saturated; the higher layers follow much later, as in the paper.
    """
    cells = [TANH, SOFTSIGN]
    tanh, softsign = select_runs(material, cells, Requirements(WHOLE, rates=RATES, arrays=(_HISTOGRAM,)))
    ends, shoulders = _density(tanh, 0.9, 1.0), _density(tanh, 0.8, 0.9)
    zero, middle = _density(tanh, 0.0, 0.1), _density(tanh, 0.3, 0.6)
    peaked = (ends > shoulders) & (zero > middle)
    ratio = ends / np.maximum(shoulders, 1e-12)
    upper = _density(tanh, 0.9, 1.0, upper=True) / np.maximum(ends, 1e-12)
    knees, beside, at_zero = (_density(softsign, *ends) for ends in ((0.6, 0.8), (0.3, 0.6), (0.0, 0.1)))
    bent = (knees > beside) & (knees > at_zero)
    evidence = (
        f"|z| of layer 1: tanh has {span(ratio, 1)} times as much in 0.9-1 as in 0.8-0.9 "
        f"({span(100 * upper, 0)} % of it at +1, the rest at -1), density {span(zero)} in 0-0.1 and "
        f"{span(middle)} in 0.3-0.6, as claimed in {count(peaked)}; softsign's density is {span(knees)} "
        f"in 0.6-0.8, {span(beside)} in 0.3-0.6, {span(at_zero)} in 0-0.1, as claimed in {count(bent)} "
        f"({described(material, tanh, softsign, late=True)})"
    )
    words = in_every_seed(peaked, tanh.diverged), in_every_seed(bent, softsign.diverged)
    return Judgement(together(words), evidence, float(ratio.mean()), 1.0)


def _density(run: Run, low: float, high: float, upper: bool = False) -> np.ndarray:
    """The density of |z| of layer 1 between two bin edges, over the late records; `(S,)`.

    `upper` leaves out what lies below 0.
    """
    counts, centre = late(run, _HISTOGRAM)[:, 0], run["activation/bin"]
    inside = (np.abs(centre) > low) & (np.abs(centre) < high) & ((centre > 0) | (not upper))
    return np.asarray(counts[:, inside].sum(axis=1) / counts.sum(axis=1) / (high - low))
