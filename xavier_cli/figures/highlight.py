"""Chooses the few lines that are coloured and named where there are too many to tell apart."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from xavier_cli.runs.counting import error_curve
from xavier_cli.runs.record import Run
from xavier_cli.statistics.estimate import over_seeds

MANY = 10
"""With more lines than this, all but the best are grey."""
BEST = 5
"""So many are coloured in all; fewer in each of several panels."""


def best_few(scores: Sequence[float], members: Sequence[Sequence[int]]) -> list[int]:
    """The indices with the lowest `scores` in each panel, whose indices are `members`; NaN is never best.

    About `BEST` in all; the first ones of a panel in which no score is known.
    """
    each = max(1, BEST // len(members))
    chosen: list[int] = []
    for own in members:
        known = sorted((i for i in own if np.isfinite(scores[i])), key=lambda i: scores[i])
        chosen += (known or list(own))[:each]
    return sorted(chosen)


def final_error(run: Run) -> float:
    """The mean test error at the last record, a score; NaN for a network that was not trained."""
    if "curves/test_error" not in run or run.updates[-1] == 0:
        return math.nan
    return float(over_seeds(error_curve(run)[:, -1:]).center[0])


def highlight_note(coloured: int, lines: int, which: str) -> str:
    """The sentence that says what is coloured: `which` follows the number of them."""
    return f"Coloured: the {coloured} {which}; grey: the other {lines - coloured}."


def facet_hint(differing: Sequence[str], facet: str | None) -> tuple[str, ...]:
    """How to see more than the coloured lines, as a line for the terminal; empty where there is no way."""
    if not differing or facet is not None:
        return ()
    return (f"most lines are grey: `--facet {differing[0]}` gives each value of a setting a panel",)
