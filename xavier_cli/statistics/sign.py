"""Implements the sign test of paired differences."""

from __future__ import annotations

import math


def sign_test(positive: int, negative: int) -> float:
    """Two-sided exact p for `positive` differences above 0 and `negative` below, not counting ties."""
    n = positive + negative
    fewer = min(positive, negative)
    tail = sum(math.comb(n, k) for k in range(fewer + 1))
    return min(1.0, 2 * tail / 2**n)
