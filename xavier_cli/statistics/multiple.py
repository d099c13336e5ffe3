"""Corrects p-values for the number of comparisons in one table."""

from __future__ import annotations

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p, in the order given: "at most alpha" then holds for all of them together.

    A table whose best row was chosen by the same data needs all k(k-1)/2 pairs in here. Correcting for
    the k-1 comparisons with the best alone errs in up to 12 % of the tables where 5 % is meant.
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        largest = max(largest, min(1.0, p_values[index] * (len(p_values) - rank)))
        adjusted[index] = largest
    return adjusted
