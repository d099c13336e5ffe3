"""Compares all pairs of a table at once: simultaneous intervals, and the p that agree with them.

Five seeds leave a pair four degrees of freedom, with which nothing survives a correction over 780 pairs. From
three rows on the variances of the pairs are therefore moderated (empirical Bayes: Smyth 2004, Statistical
Applications in Genetics and Molecular Biology 3:3): each is pulled to what is usual among all of them, which
adds degrees of freedom. Bonferroni's correction over all pairs gives interval and p, so that p < .05 exactly
where the interval leaves zero.
"""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, replace

from xavier_cli.statistics.difference import (
    Difference,
    MeanDifference,
    Sample,
    assess,
    correlation,
    mean_difference,
)
from xavier_cli.statistics.polygamma import digamma, trigamma, trigamma_inverse

ALPHA = 0.05
"""The share of tables in which a pair that does not differ may be called different."""

# Log variances are taken to be at least this many of their sampling errors below the median. Rows that are
# stuck at chance hardly vary, and would otherwise look as if no variance foretold another.
_LOWEST = 3.0


@dataclass(frozen=True)
class Prior:
    """What variance is usual among the pairs, and how many degrees of freedom this is worth."""

    variance: float
    df: float

    def moderate(self, measured: MeanDifference) -> MeanDifference:
        """`measured` with the variance (d0 s0² + d s²)/(d0 + d) and d0 + d degrees of freedom."""
        if not self.df or not measured.error > 0:
            return measured
        df = self.df + measured.df
        variance = (self.df * self.variance + measured.df * _variance(measured)) / df
        return replace(measured, error=math.sqrt(variance * _scale(measured)), df=df)


class AllPairs:
    """All pairs of several samples of one value per seed.

    `pairs` counts those with an interval, over which is corrected, and `tests` those with a p. `moderated`
    says whether the pairs' variances were. Two samples are compared as `difference` does.
    """

    def __init__(self, samples: Sequence[tuple[Sample, Sequence[int]]]) -> None:
        self._samples = samples
        self._measured = {
            (i, j): mean_difference(a, b, a_seeds, b_seeds)
            for (i, (a, a_seeds)), (j, (b, b_seeds)) in itertools.combinations(enumerate(samples), 2)
        }
        family = [each for each in self._measured.values() if each.has_interval]
        self.pairs = len(family)
        self.tests = sum(each.untested is None for each in self._measured.values())
        vary = {
            row
            for row, (values, _) in enumerate(samples)
            if max(values) - min(values) > 1e-12 * max(map(abs, values))
        }
        compared = {row for pair, each in self._measured.items() if each.has_interval for row in pair}
        self.prior = prior(family, len(compared & vary))
        self.moderated = self.prior.df > 0

    def measured(self, a: int, b: int) -> MeanDifference:
        """Sample `a` minus sample `b`, with its moderated standard error."""
        measured = self.prior.moderate(self._measured[min(a, b), max(a, b)])
        return measured if a < b else replace(measured, mean=-measured.mean)

    def difference(self, a: int, b: int) -> Difference:
        """Sample `a` minus sample `b`: the interval is simultaneous, p is not yet corrected."""
        (one, one_seeds), (other, other_seeds) = self._samples[a], self._samples[b]
        related = correlation(one, other, one_seeds, other_seeds)
        return assess(self.measured(a, b), 1 - ALPHA / max(1, self.pairs), related)

    def corrected(self, p: float) -> float:
        """The p of a difference over all pairs; NaN stays NaN."""
        return min(p * self.pairs, 1.0) if p == p else p


def prior(family: Sequence[MeanDifference], rows: int) -> Prior:
    """The usual variance of pairs among `rows` rows that vary, by the moments of the log variances.

    Pairs share rows: k rows have k variances, not k(k-1)/2. So the degrees of freedom are capped at those of
    (k-2)/3 pairs: with more, tables of few rows err too often where their spreads differ.
    """
    known = [each for each in family if each.error > 0]
    cap = (rows - 2) / 3 * statistics.median(each.df for each in known) if known else 0.0
    if cap <= 0 or len(known) < 2:
        return Prior(math.nan, 0.0)
    logs = [math.log(_variance(each)) - digamma(each.df / 2) + math.log(each.df / 2) for each in known]
    sampling = [trigamma(each.df / 2) for each in known]
    lowest = statistics.median(logs) - _LOWEST * math.sqrt(statistics.median(sampling))
    logs = [max(each, lowest) for each in logs]
    center = math.fsum(logs) / len(logs)
    spread = math.fsum((each - center) ** 2 for each in logs) / (len(logs) - 1)
    beyond = spread - math.fsum(sampling) / len(sampling)
    if beyond <= 0:
        # The variances differ no more than by chance.
        return Prior(math.exp(center), cap)
    df = 2 * trigamma_inverse(beyond)
    return Prior(math.exp(center + digamma(df / 2) - math.log(df / 2)), min(df, cap))


def _scale(measured: MeanDifference) -> float:
    """What a variance is multiplied by to be that of the mean difference; 2/n for two samples of n."""
    a, b = measured.seeds
    return 1 / a + 1 / b


def _variance(measured: MeanDifference) -> float:
    """The variance per seed, which does not depend on the numbers of seeds."""
    return measured.error**2 / _scale(measured)
