"""Corrects p-values for multiple comparisons."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values, in the order given, which control the family-wise error rate.

    If the best row of a table was chosen by the same data, pass all k(k-1)/2 pairs: correcting only for the
    k-1 comparisons with the best has an error rate of up to 12 % at a nominal 5 %.
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, p_values[index] * (len(p_values) - rank)))
        adjusted[index] = largest
    return adjusted
