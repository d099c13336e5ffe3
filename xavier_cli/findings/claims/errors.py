"""Judges claims about test errors at laptop scale (Table 1 and Figure 11), by tests over seeds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

import numpy as np

from xavier_cli.findings.claims.measurements import check_late, described
from xavier_cli.findings.claims.requirements import (
    Evidence,
    NetworkKind,
    Requirements,
    select_runs,
    select_runs_on_each,
)
from xavier_cli.findings.claims.saturation import RATES, SOFTSIGN, TANH, TANH_NORMALIZED, WHOLE
from xavier_cli.findings.claims.verdict import Judgement, UndecidedError, Word, together
from xavier_cli.findings.scores import final_error, late_error
from xavier_cli.runs.record import Run
from xavier_cli.statistics.difference import Difference, difference
from xavier_cli.statistics.estimate import Estimate, mean_over_seeds

SOFTSIGN_NORMALIZED = NetworkKind("softsign", "normalized")
PRETRAINED = TANH_NORMALIZED._replace(pretrain="dae")
PRETRAINING = Requirements(1000, 100, data="mnist")
SCALE = Requirements(WHOLE, rates=RATES)
UNEQUAL = replace(SCALE, updates=30_000, width=150)
SMALL = Requirements(30_000, 100)
CURVED = TANH._replace(optimizer="diagonal_gauss_newton")
ALPHA, STRICT_ALPHA = 0.05, 0.005
"""The usual level, for later work that names none, and that of the paper's own tests (Table 1)."""
POINTS_ALIKE = 0.02
"""Two configurations count as alike where the CI of their difference lies within so much (STATISTICS 5)."""


def tanh_normalized_beats_standard(material: Evidence) -> Judgement:
    """A lower error at p < .005, the paper's level; does not hold where the CI lies beyond 0."""
    return _normalized_beats_standard(material, SCALE)


def normalized_gains_with_shrinking_layers(material: Evidence) -> Judgement:
    """The rule for layers of equal widths; the narrowest layer may be half as wide."""
    return _normalized_beats_standard(material, replace(UNEQUAL, widths="shrinking"))


def normalized_gains_with_growing_layers(material: Evidence) -> Judgement:
    """The rule for layers of equal widths; the narrowest layer may be half as wide."""
    return _normalized_beats_standard(material, replace(UNEQUAL, widths="growing"))


def _normalized_beats_standard(material: Evidence, scale: Requirements) -> Judgement:
    return beats(material, {"normalized": TANH_NORMALIZED, "standard": TANH}, scale)


def beats(
    material: Evidence, cells: Mapping[str, NetworkKind], scale: Requirements, level: float = STRICT_ALPHA
) -> Judgement:
    """Whether the first of two `cells`, given with their names, has a lower test error than the second.

    It holds where the difference is significant at `level`, however small it is: no source gives a size. It
    does not where the 95 % CI lies on the other side of 0.
    """
    worse, better = runs = select_runs(material, [*cells.values()][::-1], scale)
    gap, verdict = gain_of(worse, better, level)
    errors = ", ".join(f"{name} {percent(run)}" for name, run in zip(cells, (better, worse), strict=True))
    evidence = f"{errors}: {in_words(gap)} ({described(material, *runs, late=True)})"
    return Judgement(verdict, evidence, 100 * gap.mean, 0.0)


def softsign_is_robust_to_initialization(material: Evidence) -> Judgement:
    """|S - N| is smaller for softsign than for tanh: tanh's S - N exceeds softsign's and its negative.

    Tested by `exceeds`, over the seeds that all four runs share.
    """
    runs = select_runs(material, [TANH, TANH_NORMALIZED, SOFTSIGN, SOFTSIGN_NORMALIZED], SCALE)
    if len({frozenset(run.seeds.tolist()) for run in runs}) > 1:
        raise UndecidedError(
            "needs the same seeds in all four runs, tanh and softsign, standard and normalized"
        )
    tanh, softsign = (_by_seed(runs[i]) - _by_seed(runs[i + 1]) for i in (0, 2))
    verdict, least = exceeds(tanh, softsign)
    evidence = (
        f"standard less normalized: tanh {100 * tanh.mean():.1f} points, softsign "
        f"{100 * softsign.mean():.1f}; tanh's is larger by {100 * least.mean:.1f} points, 95 % "
        f"[{100 * least.low:.1f}, {100 * least.high:.1f}] ({described(material, *runs, late=True)})"
    )
    return Judgement(verdict, evidence, 100 * least.mean, 0.0)


def exceeds(change: np.ndarray, other: np.ndarray) -> tuple[Word, Estimate]:
    """Whether the mean of `change` is above that of `other` and above its negative; both of shape `(S,)`.

    It holds where both differences have 95 % t-intervals above 0, and does not where one lies below. The sign
    of `other` is not taken from the data, which would give noise an advantage. Returns also the smaller of
    the two differences.
    """
    estimates = [mean_over_seeds(change - side * other) for side in (1, -1)]
    verdict: Word = "undecided"
    if all(estimate.low > 0 for estimate in estimates):
        verdict = "holds"
    elif any(estimate.high < 0 for estimate in estimates):
        verdict = "does_not_hold"
    return verdict, min(estimates, key=lambda estimate: estimate.mean)


def softsign_beside_tanh_normalized(material: Evidence) -> Judgement:
    """The CI of the difference includes 0 and lies within 2 points; does not hold where it leaves 0.

    That of the last record, which `compare` shows, has to say the same: otherwise it is undecided.
    """
    softsign, tanh = runs = select_runs(material, [SOFTSIGN, TANH_NORMALIZED], SCALE)
    gap, last = _difference(softsign, tanh), _last_difference(softsign, tanh)
    verdict: Word = "undecided"
    if gap.leaves_zero and last.leaves_zero:
        verdict = "does_not_hold"
    elif not last.leaves_zero and gap.low <= 0 <= gap.high and max(-gap.low, gap.high) < POINTS_ALIKE:
        verdict = "holds"
    evidence = (
        f"softsign {percent(softsign)}, tanh normalized {percent(tanh)}: {in_words(gap, 'worse')}; at the "
        f"last record {in_words(last, 'worse')}; alike means an interval around 0 within "
        f"± {100 * POINTS_ALIKE:g} points ({described(material, *runs, late=True)})"
    )
    return Judgement(verdict, evidence, 100 * gap.mean, 100 * POINTS_ALIKE)


def pretraining_beats_none(material: Evidence) -> Judgement:
    """Tanh normalized has a lower error if pre-trained by auto-encoders, paired p < .05, on every data set.

    Both have the same number of training updates; those of pre-training are extra. It does not hold where the
    CI of the difference lies on the other side.
    """
    words: list[Word] = []
    parts, gaps = [], []
    for plain, pretrained in select_runs_on_each(material, [TANH_NORMALIZED, PRETRAINED], PRETRAINING):
        gap, word = gain_of(plain, pretrained)
        words.append(word)
        gaps.append(gap.mean)
        parts.append(
            f"on {plain.config.data} pre-trained {percent(pretrained)}, not pre-trained {percent(plain)}: "
            f"{in_words(gap)} ({described(material, plain, pretrained, late=True)})"
        )
    return Judgement(together(words), "; ".join(parts), 100 * float(min(gaps)), 0.0)


def second_order_helps_less_than_normalized(material: Evidence) -> Judgement:
    """Rates by curvature beat plain ones under standard, and are beaten by plain ones under normalized.

    Both at paired p < .05, each run at the rate with the lowest validation error. It does not hold where a CI
    lies on the other side of 0.
    """
    plain, curved, normalized = runs = select_runs(material, [TANH, CURVED, TANH_NORMALIZED], SMALL)
    (gained, first), (behind, second) = gain_of(plain, curved), gain_of(curved, normalized)
    evidence = (
        f"standard {percent(plain)}, with rates by curvature {percent(curved)}: "
        f"{in_words(gained)}; normalized {percent(normalized)}: "
        f"{in_words(behind)} still ({described(material, *runs, late=True)})"
    )
    return Judgement(together([first, second]), evidence, 100 * behind.mean, 0.0)


def initialization_matters_less_with_normalization(material: Evidence) -> Judgement:
    """|S - N| of tanh is smaller with batch normalization, and with layer normalization, than without.

    Tested by `exceeds`, over the seeds that the runs share.
    """
    words, parts, leasts = [], [], []
    for kind in ("batch", "layer"):
        cells = [
            cell._replace(normalization=with_) for with_ in ("none", kind) for cell in (TANH, TANH_NORMALIZED)
        ]
        runs = select_runs(material, cells, SMALL)
        plain, dressed = (_by_seed(runs[i]) - _by_seed(runs[i + 1]) for i in (0, 2))
        word, least = exceeds(plain, dressed)
        words.append(word)
        leasts.append(least.mean)
        parts.append(
            f"with {kind} normalization {100 * dressed.mean():.1f} points, smaller by "
            f"{100 * least.mean:.1f}, 95 % [{100 * least.low:.1f}, {100 * least.high:.1f}]"
        )
    evidence = (
        f"standard less normalized: {100 * plain.mean():.1f} points; {'; '.join(parts)} "
        f"({described(material, *runs, late=True)})"
    )
    return Judgement(together(words), evidence, 100 * float(min(leasts)), 0.0)


def gain_of(worse: Run, better: Run, level: float = ALPHA) -> tuple[Difference, Word]:
    """The gain of `better` in test error, and whether p < `level`; it is none where the CI lies below 0."""
    gap = _difference(worse, better)
    if gap.p < level and gap.mean > 0:
        return gap, "holds"
    return gap, "does_not_hold" if gap.high < 0 else "undecided"


def _by_seed(run: Run) -> np.ndarray:
    """The late errors, in the order of the seeds' numbers; `(S,)`."""
    check_late(run)
    return np.asarray(late_error(run)[np.argsort(run.seeds)])


def _seeds(run: Run) -> list[int]:
    return [int(seed) for seed in run.seeds]


def _difference(a: Run, b: Run) -> Difference:
    """The difference of the late test errors: paired if the seeds are the same, Welch's otherwise."""
    check_late(a)
    check_late(b)
    return difference(late_error(a), late_error(b), _seeds(a), _seeds(b))


def _last_difference(a: Run, b: Run) -> Difference:
    """The difference of the test errors at the last record, as `compare` takes it."""
    return difference(final_error(a), final_error(b), _seeds(a), _seeds(b))


def percent(run: Run) -> str:
    """The mean of the late errors over seeds, as text: `12.3 %`."""
    return f"{100 * late_error(run).mean():.1f} %"


def in_words(gap: Difference, word: Literal["better", "worse"] = "better") -> str:
    """`11.8 points better, 95 % [8.7, 14.9], paired t p .0003`; a gap below 0 by the other word."""
    side = 1 if gap.mean >= 0 else -1
    said = word if side > 0 else {"better": "worse", "worse": "better"}[word]
    ends = sorted(100 * side * end + 0.0 for end in (gap.low, gap.high))
    test = f"{'paired' if gap.paired else 'Welch'} t {gap.untested or 'p ' + probability(gap.p)}"
    return f"{100 * side * gap.mean:.1f} points {said}, 95 % [{ends[0]:.1f}, {ends[1]:.1f}], {test}"


def probability(p: float) -> str:
    """`.0003`, `.12`, `below .0001`."""
    if p < 1e-4:
        return "below .0001"
    return (f"{p:.4f}" if p < 0.01 else f"{p:.2f}").removeprefix("0")
