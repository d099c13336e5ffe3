"""Compares single trained networks, or a machine without seeds, by their answers on test examples.

The tests of two networks are not tests of two methods: for two seeds of the same configuration they reject at
p < .005 in 20 to 40 % of the pairs. Use them only where there is one network on each side, and say so next to
the result.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from xavier_cli.statistics import student
from xavier_cli.statistics.estimate import LEVEL, Estimate, mean_over_seeds


def two_proportions(errors_a: float, errors_b: float, n_a: int, n_b: int) -> float:
    """Two-sided p of the pooled z-test that two error rates (fractions over `n` examples) are equal.

    With n = 10,000 and p < .005, each entry against its column's best, it gives the bold entries of Table 1.
    """
    pooled = (errors_a * n_a + errors_b * n_b) / (n_a + n_b)
    variance = pooled * (1 - pooled) * (1 / n_a + 1 / n_b)
    if errors_a == errors_b:
        return 1.0
    return math.erfc(abs(errors_a - errors_b) / math.sqrt(2 * variance))


def mcnemar(correct_a: np.ndarray, correct_b: np.ndarray) -> float:
    """Two-sided exact p that two networks have equal error rates on the same examples.

    Both arrays have shape `(example,)` and hold 0 or 1; only examples that just one of them gets right count.
    """
    if correct_a.shape != correct_b.shape:
        raise ValueError("both networks need the same examples")
    only_a = int(((correct_a == 1) & (correct_b == 0)).sum())
    only_b = int(((correct_a == 0) & (correct_b == 1)).sum())
    return _sign_test(min(only_a, only_b), only_a + only_b)


def _sign_test(fewer: int, n: int) -> float:
    """Two-sided p of at most `fewer` heads, or as few tails, in `n` tosses of a fair coin."""
    log_half = -n * math.log(2)
    tail = math.fsum(
        math.exp(math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) + log_half)
        for k in range(fewer + 1)
    )
    return min(1.0, 2 * tail)


def proportion_interval(share: float, n: int, level: float = LEVEL) -> tuple[float, float]:
    """Wilson's interval of a probability of which `share`, out of `n` cases, came true."""
    z = NormalDist().inv_cdf((1 + level) / 2)
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + (z / (2 * n)) ** 2)
    return centre - half, centre + half


def proportion_less_mean(share: float, n: int, values: np.ndarray, level: float = LEVEL) -> Estimate:
    """The error rate `share` over `n` examples less the mean of one value per seed, with its interval.

    The first is uncertain by its binomial error, the second by the spread over seeds; Welch's degrees of
    freedom. Both need variation: the interval is NaN for a single seed.
    """
    mean = mean_over_seeds(values, level)
    binomial, seeds = share * (1 - share) / n, mean.sd**2 / mean.n
    error = math.sqrt(binomial + seeds)
    if math.isnan(error):
        return Estimate(share - mean.mean, math.nan, math.nan, mean.n)
    parts = ((binomial, n), (seeds, mean.n))
    spread = sum(part**2 / (count - 1) for part, count in parts)
    df = error**4 / spread if spread > 0 else math.inf
    reach = student.quantile(level, df) * error if 0 < df < math.inf else 0.0
    return Estimate(share - mean.mean, reach, error, mean.n)
