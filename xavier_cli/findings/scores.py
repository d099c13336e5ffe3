"""Computes the errors per seed that tables and claims use."""

from __future__ import annotations

from typing import Literal

import numpy as np

from xavier_cli.runs.record import Run
from xavier_cli.statistics.estimate import late_mean

Examples = Literal["valid", "test"]


def final_error(run: Run, examples: Examples = "test") -> np.ndarray:
    """Each seed's error at the last record, a fraction, `(S,)`; shown by `train` and `compare`.

    The last record of a finished run uses all examples, earlier ones a part of them. A diverged seed has the
    error of chance, whatever its frozen weights would score; it is never left out.
    """
    return _guessing_where_diverged(run, run[f"curves/{examples}_error"][:, -1])


def late_error(run: Run, examples: Examples = "test") -> np.ndarray:
    """Each seed's mean error over the last 10 % of the records, `(S,)`; used by claims."""
    return _guessing_where_diverged(run, late_mean(run[f"curves/{examples}_error"]))


def error_curve(run: Run, examples: Examples = "test") -> np.ndarray:
    """Each seed's error at every record, `(S, R)`; that of chance from its divergence on."""
    curve, at = run[f"curves/{examples}_error"], run["final/diverged_at"][:, None]
    lost = (at >= 0) & (run.updates >= at)
    return np.where(lost | ~np.isfinite(curve), run.facts.guessing_error, curve)


def _guessing_where_diverged(run: Run, error: np.ndarray) -> np.ndarray:
    return np.where(run.diverged | ~np.isfinite(error), run.facts.guessing_error, error)
