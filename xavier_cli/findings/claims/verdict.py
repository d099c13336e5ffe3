"""Defines findings and verdicts of claims, and the rules that derive them from numbers over seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from xavier_cli.errors import XavierError
from xavier_cli.sanitize import fixed
from xavier_cli.statistics.difference import SEEDS_FOR_A_TEST
from xavier_cli.statistics.estimate import Estimate, mean_over_seeds

Word = Literal["holds", "does_not_hold", "undecided", "estimate"]
"""`estimate`: the source gives no threshold, so that there is a number with its interval and no verdict."""
IN_WORDS: Mapping[Word, str] = {
    "holds": "holds",
    "does_not_hold": "does not hold",
    "undecided": "undecided",
    "estimate": "estimate",
}
LEVEL = 0.95


@dataclass(frozen=True)
class Judgement:
    """The result of a claim's function: whether it holds, or just an estimate, and the evidence in one line.

    `statistic` is the number that decides, NaN where nothing could be measured; `threshold` is what it is
    compared with, None where that is not a single number.
    """

    verdict: Word
    evidence: str
    statistic: float = math.nan
    threshold: float | None = None


@dataclass(frozen=True)
class ClaimVerdict:
    """A finding with the claim's name; `paper` is the place in the paper and the number given there."""

    name: str
    verdict: Word
    evidence: str
    paper: str
    statistic: float
    threshold: float | None


class UndecidedError(XavierError):
    """A claim that cannot be judged; the message says what is missing."""


class FewSeedsError(UndecidedError):
    """A claim for which all is there but seeds."""


def in_every_seed(passes: np.ndarray, diverged: np.ndarray, contradicts: np.ndarray | None = None) -> Word:
    """Holds if all seeds pass, does not hold if none does, undecided otherwise; arguments have shape `(S,)`.

    A diverged seed has frozen weights, which are evidence neither for nor against: it does not pass, and is
    not counted as a failure. Where a seed can be open, `contradicts` says which fail for certain; then it
    does not hold only if most of those that did not diverge do.
    """
    fails = (~passes if contradicts is None else contradicts)[~diverged]
    if (passes & ~diverged).all():
        return "holds"
    return "does_not_hold" if not passes[~diverged].any() and fails.sum() > len(fails) / 2 else "undecided"


def without_diverged(word: Word, *diverged: np.ndarray) -> Word:
    """`word`, said of the seeds that count; nothing holds where a seed of one of the runs diverged."""
    return "undecided" if word == "holds" and any(each.any() for each in diverged) else word


def positive(estimate: Estimate) -> Word:
    """Whether a mean over seeds is above 0: it is where the whole interval is, and not where none of it is.

    Under five seeds that count, nothing is decided.
    """
    if estimate.n < SEEDS_FOR_A_TEST:
        return "undecided"
    return "holds" if estimate.low > 0 else "does_not_hold" if estimate.high < 0 else "undecided"


def together(words: Iterable[Word]) -> Word:
    """Combines the parts of a claim: holds if all hold, does not if any does not, else undecided."""
    found = set(words)
    if "does_not_hold" in found:
        return "does_not_hold"
    return "holds" if found == {"holds"} else "undecided"


def between(values: np.ndarray, low: Sequence[float], high: Sequence[float]) -> Word:
    """Whether the means of `values`, `(S, L)`, lie within bounds, one pair per column.

    It holds where every column's 95 % t-interval lies inside, and does not where one lies entirely outside.
    "All inside" needs no correction (an intersection-union test); "one outside" is corrected by Bonferroni
    over the columns.
    """
    columns = np.asarray(values, np.float64).T
    wide = 1 - (1 - LEVEL) / len(columns)
    inside, outside = [], []
    for column, lowest, highest in zip(columns, low, high, strict=True):
        estimate, cautious = mean_over_seeds(column, LEVEL), mean_over_seeds(column, wide)
        inside.append(estimate.low >= lowest and estimate.high <= highest)
        outside.append(cautious.high < lowest or cautious.low > highest)
    if all(inside):
        return "holds"
    return "does_not_hold" if any(outside) else "undecided"


def span(values: np.ndarray | Sequence[float], places: int = 2) -> str:
    """The smallest and largest finite value, `0.49 to 0.64`; one number where both print alike."""
    numbers = np.asarray(values, np.float64)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers):
        return "nothing finite"
    # Round, then add 0.0, so that nothing prints as -0.
    ends = [fixed(round(float(end), places) + 0.0, places) for end in (numbers.min(), numbers.max())]
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


def with_interval(estimate: Estimate, places: int = 2) -> str:
    """`0.53, 95 % [0.48, 0.58]`; the mean alone where there is no interval."""
    mean, low, high = (
        fixed(round(end, places) + 0.0, places) if math.isfinite(end) else ""
        for end in (estimate.mean, estimate.low, estimate.high)
    )
    return f"{mean}, 95 % [{low}, {high}]" if low and high else mean or "nothing finite"


def count(passes: np.ndarray) -> str:
    """`4 of 5 seeds`."""
    return f"{int(passes.sum())} of {len(passes)} seeds"
