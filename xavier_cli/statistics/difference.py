"""Tests differences between two configurations over seeds: paired t or Welch, and equivalence.

For the many pairs of a table, `simultaneous` takes the variances of all of them together.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from xavier_cli.statistics import student

# The least numbers of seeds for an interval of a difference, and for a test.
SEEDS_FOR_AN_INTERVAL = 3
SEEDS_FOR_A_TEST = 5

Sample = Sequence[float] | np.ndarray


class Untested(StrEnum):
    """Why a difference was not tested."""

    NO_INTERVAL = f"under {SEEDS_FOR_AN_INTERVAL} seeds"
    NO_TEST = f"under {SEEDS_FOR_A_TEST} seeds"
    NO_SPREAD = "no spread over seeds"


@dataclass(frozen=True)
class Difference:
    """Mean of `a` minus mean of `b`, with its interval and the two-sided p of no difference.

    Values that need more seeds, or variation over seeds, are NaN; `untested` says why there is no p.
    `correlation` is that of the pairs, NaN unless `paired`.
    """

    mean: float
    low: float
    high: float
    p: float
    n: int
    paired: bool
    correlation: float
    untested: Untested | None = None

    @property
    def leaves_zero(self) -> bool:
        """Whether the interval lies on one side of zero."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Equivalence:
    """The result of two one-sided tests: for small `p` the difference lies within the margin."""

    p: float
    untested: Untested | None = None


def difference(
    a: Sample, b: Sample, a_seeds: Sequence[int], b_seeds: Sequence[int], level: float = 0.95
) -> Difference:
    """The difference between two samples of one value per seed.

    With the same seeds on both sides (in any order) the test is a paired t, otherwise Welch's; never the one
    with the smaller p. Below three seeds there is neither interval nor test, below five only an interval.
    """
    measured = mean_difference(a, b, a_seeds, b_seeds)
    return assess(measured, level, correlation(a, b, a_seeds, b_seeds))


def assess(measured: MeanDifference, level: float, correlation: float) -> Difference:
    """The interval at `level` and the two-sided p of a difference whose standard error is known."""
    low = high = math.nan
    if measured.has_interval:
        reach = 0.0
        if measured.error > 0:
            reach = student.quantile(level, measured.df) * measured.error
        low, high = measured.mean - reach, measured.mean + reach
        if measured.all_zero:
            low = high = 0.0
    return Difference(
        mean=measured.mean,
        low=low,
        high=high,
        p=_p(measured),
        n=measured.n,
        paired=measured.paired,
        correlation=correlation,
        untested=measured.untested,
    )


def difference_p(a: Sample, b: Sample, a_seeds: Sequence[int], b_seeds: Sequence[int]) -> float:
    """The p of `difference` alone, for the many pairs of a table whose intervals are not shown."""
    return _p(mean_difference(a, b, a_seeds, b_seeds))


def _p(effect: MeanDifference) -> float:
    """The two-sided p of no difference, or NaN where that is not tested."""
    if effect.untested is not None:
        return math.nan
    return 1.0 if effect.all_zero else student.two_sided_p(effect.mean / effect.error, effect.df)


def equivalence(
    a: Sample, b: Sample, a_seeds: Sequence[int], b_seeds: Sequence[int], margin: float
) -> Equivalence:
    """Two one-sided tests of `|mean a - mean b| < margin`; the margin must be fixed in advance."""
    effect = mean_difference(a, b, a_seeds, b_seeds)
    if effect.n < SEEDS_FOR_A_TEST:
        return Equivalence(math.nan, Untested.NO_TEST)
    if effect.error == 0 and not effect.all_zero:
        return Equivalence(math.nan, Untested.NO_SPREAD)
    if effect.all_zero:
        return Equivalence(0.0)
    above = student.one_sided_p((effect.mean + margin) / effect.error, effect.df)
    below = student.one_sided_p((margin - effect.mean) / effect.error, effect.df)
    return Equivalence(max(above, below))


@dataclass(frozen=True)
class MeanDifference:
    """A mean difference over `n` seeds, its standard error and degrees of freedom.

    Both are NaN where a side has one seed. `seeds` are the numbers of both sides.
    """

    mean: float
    error: float
    df: float
    seeds: tuple[int, int]
    paired: bool
    all_zero: bool

    @property
    def n(self) -> int:
        """The number of seeds of the smaller side."""
        return min(self.seeds)

    @property
    def has_interval(self) -> bool:
        """Whether there are enough seeds, and they vary (or do not differ at all)."""
        return self.n >= SEEDS_FOR_AN_INTERVAL and (self.error > 0 or self.all_zero)

    @property
    def untested(self) -> Untested | None:
        """Why there is no test; None where there is one."""
        if self.n < SEEDS_FOR_AN_INTERVAL:
            return Untested.NO_INTERVAL
        if not self.has_interval:
            return Untested.NO_SPREAD
        return Untested.NO_TEST if self.n < SEEDS_FOR_A_TEST else None


def mean_difference(a: Sample, b: Sample, a_seeds: Sequence[int], b_seeds: Sequence[int]) -> MeanDifference:
    """The mean of `a` minus that of `b`: paired for the same seeds in any order, otherwise as Welch does.

    In plain Python: a table of 100 rows has 4,950 pairs, and NumPy is slower for five numbers.
    """
    if len(a) != len(a_seeds) or len(b) != len(b_seeds) or not len(a) or not len(b):
        raise ValueError("each side needs one value per seed")
    x = dict(zip(a_seeds, map(float, a), strict=True))
    y = dict(zip(b_seeds, map(float, b), strict=True))
    xs, seeds = list(x.values()), (len(x), len(y))
    # Equal numbers leave a rounding error behind, not always 0.
    noise = 1e-12 * max(map(abs, (*xs, *y.values())))
    if x.keys() == y.keys():
        ys = [y[seed] for seed in x]
        change = [left - right for left, right in zip(xs, ys, strict=True)]
        mean, error = _mean(change), _standard_error(change, noise)
        all_zero = max(map(abs, change)) <= noise
        return MeanDifference(mean, error, len(x) - 1, seeds, True, all_zero)
    ys = list(y.values())
    mean = _mean(xs) - _mean(ys)
    errors = _standard_error(xs, noise), _standard_error(ys, noise)
    error = math.hypot(*errors)
    df = math.nan
    if min(seeds) > 1 and error > 0:
        df = error**4 / sum(e**4 / (len(side) - 1) for e, side in zip(errors, (xs, ys), strict=True))
    return MeanDifference(mean, error, df, seeds, False, error == 0 and abs(mean) <= noise)


def _mean(sample: Sequence[float]) -> float:
    return math.fsum(sample) / len(sample)


def _standard_error(sample: Sequence[float], noise: float) -> float:
    if len(sample) < 2:
        return math.nan
    if max(sample) - min(sample) <= noise:
        return 0.0
    mean = _mean(sample)
    squares = math.fsum((value - mean) ** 2 for value in sample)
    return math.sqrt(squares / (len(sample) - 1) / len(sample))


def correlation(a: Sample, b: Sample, a_seeds: Sequence[int], b_seeds: Sequence[int]) -> float:
    """The correlation of the pairs; NaN where the seeds differ or a side does not vary."""
    right = dict(zip(b_seeds, map(float, b), strict=True))
    if {*a_seeds} != right.keys():
        return math.nan
    x, y = [float(value) for value in a], [right[seed] for seed in a_seeds]
    mean_x, mean_y = _mean(x), _mean(y)
    x, y = [value - mean_x for value in x], [value - mean_y for value in y]
    scale = math.sqrt(math.fsum(v * v for v in x) * math.fsum(v * v for v in y))
    return math.fsum(map(operator.mul, x, y)) / scale if scale > 0 else math.nan
