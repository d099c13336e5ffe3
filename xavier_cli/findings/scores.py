"""One number per seed out of a run: the errors that tables and claims are about."""

from __future__ import annotations

from typing import Literal

import numpy as np

from xavier_cli.runs.record import Run
from xavier_cli.statistics.estimate import late_mean

Examples = Literal["valid", "test"]


def final_error(run: Run, examples: Examples = "test") -> np.ndarray:
    """Shape `(S,)`: each seed's error at the last record, as a fraction; what `train` and `compare` show.

    The last record of a finished run is taken on all of the examples, the ones before on some. A seed that
    diverged counts as guessing: it is never dropped, whatever its frozen weights would still score.
    """
    return _guessing_where_diverged(run, run[f"curves/{examples}_error"][:, -1])


def late_error(run: Run, examples: Examples = "test") -> np.ndarray:
    """Shape `(S,)`: each seed's mean error over the last 10 % of the records; what claims are about."""
    return _guessing_where_diverged(run, late_mean(run[f"curves/{examples}_error"]))


def error_curve(run: Run, examples: Examples = "test") -> np.ndarray:
    """Shape `(S, R)`: each seed's error at every record, guessing from where it diverged on."""
    curve, at = run[f"curves/{examples}_error"], run["final/diverged_at"][:, None]
    lost = (at >= 0) & (run.updates >= at)
    return np.where(lost | ~np.isfinite(curve), run.facts.guessing_error, curve)


def _guessing_where_diverged(run: Run, error: np.ndarray) -> np.ndarray:
    return np.where(run.diverged | ~np.isfinite(error), run.facts.guessing_error, error)
