"""Defines findings and verdicts of claims, and the rules that derive them from numbers over seeds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from xavier_cli.errors import XavierError
from xavier_cli.sanitize import fixed
from xavier_cli.statistics.estimate import mean_over_seeds

Word = Literal["holds", "does_not_hold", "undecided", "estimate"]
"""`estimate`: the source gives no threshold, so that there is a number with its interval and no verdict."""
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


def in_every_seed(passes: np.ndarray, diverged: np.ndarray) -> Word:
    """Holds if all seeds pass, does not hold if all fail, undecided otherwise; `passes` has shape `(S,)`.

    A diverged seed has frozen weights, which are evidence neither for nor against: it does not pass, and is
    not counted as a failure.
    """
    if diverged.all():
        return "undecided"
    if (passes & ~diverged).all():
        return "holds"
    return "undecided" if passes[~diverged].any() else "does_not_hold"


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


def count(passes: np.ndarray) -> str:
    """`4 of 5 seeds`."""
    return f"{int(passes.sum())} of {len(passes)} seeds"
