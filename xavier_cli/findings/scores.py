"""Computes the errors per seed that tables and claims use."""

from __future__ import annotations

import numpy as np

from xavier_cli.runs.counting import Examples, chance_where_lost
from xavier_cli.runs.record import Run
from xavier_cli.statistics.estimate import late_mean, late_records


def final_error(run: Run, examples: Examples = "test") -> np.ndarray:
    """Each seed's error at the last record, a fraction, `(S,)`; shown by `train` and `compare`.

    The last record of a finished run uses all examples, earlier ones a part of them. A diverged seed has the
    error of chance, whatever its frozen weights would score; it is never left out.
    """
    return _guessing_where_diverged(run, run[f"curves/{examples}_error"][:, -1])


def late_error(run: Run, examples: Examples = "test") -> np.ndarray:
    """Each seed's mean error over the last 10 % of the records, at least five, `(S,)`; used by claims."""
    return _guessing_where_diverged(run, late_mean(run[f"curves/{examples}_error"]))


def late_window(run: Run) -> str:
    """The records that a late mean is over: `the last 10 of 101 records, updates 91,000-100,000`."""
    updates = run.updates
    number = min(late_records(len(updates)), len(updates))
    return f"the last {number} of {len(updates)} records, updates {updates[-number]:,}-{updates[-1]:,}"


def _guessing_where_diverged(run: Run, error: np.ndarray) -> np.ndarray:
    return chance_where_lost(run, error, run.diverged)
