"""Computes the digamma and the trigamma function, and the latter's inverse, for single positive numbers.

They are the mean and the variance of the logarithm of a chi-squared variable. Importing `scipy.special` takes
longer than a comparison does; tests compare these functions with SciPy's.
"""

from __future__ import annotations

import functools
import math

# From here on the asymptotic series are exact to 1e-15.
_LARGE = 15.0


@functools.lru_cache(maxsize=4096)
def digamma(x: float) -> float:
    """The derivative of log Γ at `x` > 0."""
    below = 0.0
    while x < _LARGE:
        below += 1 / x
        x += 1
    y = 1 / (x * x)
    series = y * (1 / 12 - y * (1 / 120 - y * (1 / 252 - y * (1 / 240 - y * (1 / 132 - y * 691 / 32760)))))
    return math.log(x) - 0.5 / x - series - below


@functools.lru_cache(maxsize=4096)
def trigamma(x: float) -> float:
    """The second derivative of log Γ at `x` > 0."""
    below = 0.0
    while x < _LARGE:
        below += 1 / (x * x)
        x += 1
    y = 1 / (x * x)
    series = y * (1 / 6 - y * (1 / 30 - y * (1 / 42 - y * (1 / 30 - y * (5 / 66 - y * 691 / 2730)))))
    return (1 + 0.5 / x + series) / x + below


def trigamma_inverse(value: float) -> float:
    """The x > 0 whose trigamma is `value` > 0, by bisection of its logarithm, which needs no derivative."""
    # 1/x < trigamma(x) < 1/x + 1/x².
    low, high = 1 / value, 0.5 / value + math.sqrt(0.25 / value**2 + 1 / value)
    while high - low > 1e-13 * high:
        middle = math.sqrt(low) * math.sqrt(high)
        low, high = (middle, high) if trigamma(middle) > value else (low, middle)
    return low
