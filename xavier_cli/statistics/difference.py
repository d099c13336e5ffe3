"""The difference between two configurations over seeds: paired t or Welch, by rule, and equivalence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xavier_cli.statistics import student

# Fewer seeds give no interval of a difference, and fewer than the second no p.
SEEDS_FOR_AN_INTERVAL = 3
SEEDS_FOR_A_TEST = 5

Sample = Sequence[float] | np.ndarray


@dataclass(frozen=True)
class Difference:
    """Mean of `a` less mean of `b`, with its interval and the two-sided p of "no difference".

    What the number of seeds or their spread does not allow is NaN, and `untested` says why there is no p.
    `correlation` is that of the pairs, NaN unless `paired`.
    """

    mean: float
    low: float
    high: float
    p: float
    n: int
    paired: bool
    correlation: float
    untested: str = ""
    level: float = 0.95


@dataclass(frozen=True)
class Equivalence:
    """Two one-sided tests: a small `p` says that the difference lies within ± `margin`."""

    p: float
    margin: float
    untested: str = ""


def difference(
    a: Sample, b: Sample, a_seeds: Sequence[int], b_seeds: Sequence[int], level: float = 0.95
) -> Difference:
    """The difference between two samples of one value per seed.

    The same seeds on both sides (in any order) make it a paired t, otherwise it is Welch's: by rule, never
    the smaller of two p. Under three seeds nothing is tested, under five there is only the interval.
    """
    effect = _effect(a, b, a_seeds, b_seeds)
    low = high = p = math.nan
    if effect.n < SEEDS_FOR_AN_INTERVAL:
        untested = f"under {SEEDS_FOR_AN_INTERVAL} seeds"
    elif effect.all_zero:
        low = high = 0.0
        p, untested = (1.0, "") if effect.n >= SEEDS_FOR_A_TEST else (math.nan, _TOO_FEW)
    elif effect.error == 0:
        untested = "no spread over seeds"
    else:
        reach = student.quantile(level, effect.df) * effect.error
        low, high = effect.mean - reach, effect.mean + reach
        untested = "" if effect.n >= SEEDS_FOR_A_TEST else _TOO_FEW
        p = math.nan if untested else student.two_sided_p(effect.mean / effect.error, effect.df)
    return Difference(effect.mean, low, high, p, effect.n, effect.paired, effect.correlation, untested, level)


def equivalence(
    a: Sample, b: Sample, a_seeds: Sequence[int], b_seeds: Sequence[int], margin: float
) -> Equivalence:
    """Two one-sided tests of `|mean a - mean b| < margin`; the margin has to be fixed beforehand."""
    effect = _effect(a, b, a_seeds, b_seeds)
    if effect.n < SEEDS_FOR_A_TEST:
        return Equivalence(math.nan, margin, _TOO_FEW)
    if effect.error == 0 and not effect.all_zero:
        return Equivalence(math.nan, margin, "no spread over seeds")
    if effect.all_zero:
        return Equivalence(0.0, margin)
    above = student.one_sided_p((effect.mean + margin) / effect.error, effect.df)
    below = student.one_sided_p((margin - effect.mean) / effect.error, effect.df)
    return Equivalence(max(above, below), margin)


_TOO_FEW = f"under {SEEDS_FOR_A_TEST} seeds"


@dataclass(frozen=True)
class _Effect:
    mean: float
    error: float
    df: float
    n: int
    paired: bool
    correlation: float
    all_zero: bool


def _effect(a: Sample, b: Sample, a_seeds: Sequence[int], b_seeds: Sequence[int]) -> _Effect:
    """The mean difference, its standard error and degrees of freedom, NaN where a side has one seed."""
    x, y = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if len(x) != len(a_seeds) or len(y) != len(b_seeds) or not len(x) or not len(y):
        raise ValueError("each side needs one value per seed")
    paired = set(a_seeds) == set(b_seeds) and len(x) == len(y)
    n = min(len(x), len(y))
    if paired:
        x, y = x[np.argsort(a_seeds)], y[np.argsort(b_seeds)]
        change = x - y
        mean = float(change.mean())
        error = _standard_error(change)
        return _Effect(mean, error, n - 1, n, True, _correlation(x, y), not change.any())
    mean = float(x.mean() - y.mean())
    errors = _standard_error(x), _standard_error(y)
    error = math.hypot(*errors)
    df = math.nan
    if n > 1 and error > 0:
        df = error**4 / sum(e**4 / (len(side) - 1) for e, side in zip(errors, (x, y), strict=True))
    return _Effect(mean, error, df, n, False, math.nan, error == 0 and mean == 0)


def _standard_error(sample: np.ndarray) -> float:
    if len(sample) < 2:
        return math.nan
    # A constant sample's deviations can be a rounding error instead of 0.
    if (sample == sample[0]).all():
        return 0.0
    return float(sample.std(ddof=1)) / math.sqrt(len(sample))


def _correlation(x: np.ndarray, y: np.ndarray) -> float:
    x, y = x - x.mean(), y - y.mean()
    scale = math.sqrt(float(x @ x) * float(y @ y))
    return float(x @ y) / scale if scale > 0 else math.nan
