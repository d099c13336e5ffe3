"""Which seeds of a run count in what, where some of them diverged: the same for tables, figures and checks.

An error of a diverged seed counts as that of chance, and is never left out. What is measured of layers tells
nothing about a network once it has diverged: diverged seeds are left out of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from xavier_cli.runs import schema
from xavier_cli.runs.layer_statistics import BY_PATH
from xavier_cli.runs.record import Run
from xavier_cli.statistics.estimate import Band, over_seeds

Examples = Literal["valid", "test"]
ERRORS: Mapping[str, Examples] = {"valid_error": "valid", "test_error": "test"}
"""The curves that are errors, by name, with the examples that they are taken on."""


def error_curve(run: Run, examples: Examples = "test") -> np.ndarray:
    """Each seed's error at every record, `(S, R)`; that of chance from its divergence on."""
    return chance_where_lost(run, run[f"curves/{examples}_error"], _lost(run, "update"))


def chance_where_lost(run: Run, error: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """`error` with that of chance for networks that are `lost`; NaN where a watched training told none."""
    # Elsewhere an error is NaN only where its seed diverged.
    unknown = lost if run.config.is_watched else lost | ~np.isfinite(error)
    return np.where(unknown, run.facts.guessing_error, error)


def lost_at_record(record: Mapping[str, np.ndarray], update: int) -> np.ndarray:
    """Mask of the members that had diverged by a record just taken after `update` updates.

    `record` has arrays by their paths in the run file, of any leading shape, which the mask has. The mean
    training loss since the record before is NaN for a member that has diverged, and for all at record 0.
    """
    return np.asarray(np.isnan(record["curves/train_loss"]) & (update > 0))


def error_at_record(
    record: Mapping[str, np.ndarray], update: int, guessing: float, examples: Examples = "valid"
) -> np.ndarray:
    """Each member's error at a record as for `lost_at_record`; `guessing` is that of chance."""
    error = record[f"curves/{examples}_error"]
    return np.where(lost_at_record(record, update) | ~np.isfinite(error), guessing, error)


def layers_of(run: Run, array: str | np.ndarray, seeds: np.ndarray | None = None) -> np.ndarray:
    """What counts of an array of `run`, `(S, R, …)`, given itself or by its path: `(counted seeds, R, …)`.

    Seeds that diverged are left out. Where all of `seeds` did (their indices; None: all), all are kept, each
    until it diverged, and NaN from there on. An array that is given itself lies on the scale `update`.
    """
    records = records_of(array) if isinstance(array, str) else "update"
    array = run[array] if isinstance(array, str) else array
    rows = np.arange(len(array)) if seeds is None else seeds
    alive = rows[~lost_seeds(run)[rows]]
    if len(alive):
        return np.asarray(array[alive])
    return _nan_where_lost(array[rows], _lost(run, records)[rows])


def counted_by_seed(run: Run, path: str) -> np.ndarray:
    """What counts of the array at `path` for each seed by itself, `(S, R, …)`, in floats.

    From its divergence on a seed's error is that of chance, and all else of it NaN.
    """
    group, _, name = path.partition("/")
    if group == "curves" and name in ERRORS:
        return error_curve(run, ERRORS[name])
    return _nan_where_lost(run[path], _lost(run, records_of(path)))


def records_of(path: str) -> str:
    """The scale of the records at which the array at `path` is taken: Jacobians and spectra have fewer."""
    return schema.dims(path)[1]


def layers_over_seeds(run: Run, path: str) -> Band:
    """The estimate of the `LayerStatistic` at `path` over the seeds that count, `(R, L)`."""
    return over_seeds(layers_of(run, path), BY_PATH[path].mean_over_seeds)


def known_records(run: Run, seeds: np.ndarray | None = None, records: str = "update") -> np.ndarray:
    """Mask of the records at which some of `seeds` count in what is measured of layers, `(R,)`."""
    lost = _lost(run, records)
    return np.asarray(~(lost if seeds is None else lost[seeds]).all(axis=0))


def lost_seeds(run: Run) -> np.ndarray:
    """Mask of the seeds that diverged, `(S,)`; of none where a file does not say."""
    return run.diverged if "final/diverged_at" in run else np.zeros(len(run.seeds), bool)


def in_words(run: Run) -> str:
    """How many seeds diverged, for beside a run's name or status: `2 of 5 seeds diverged`; empty for none."""
    lost, seeds = int(lost_seeds(run).sum()), len(run.seeds)
    if not lost:
        return ""
    return "diverged" if seeds == 1 else f"{lost} of {seeds} seeds diverged"


def stopped_in_words(run: Run) -> str:
    """How far an unfinished run's records go; training may have gone on for a while after the last one."""
    return f"{run.status}; last record at update {int(run.updates[-1]):,} of {run.config.updates:,}"


def _nan_where_lost(array: np.ndarray, lost: np.ndarray) -> np.ndarray:
    return np.where(lost.reshape(*lost.shape, *[1] * (array.ndim - 2)), np.nan, array)


def _lost(run: Run, records: str) -> np.ndarray:
    """Mask of the records at which a seed had diverged, `(S, R)`."""
    if "final/diverged_at" not in run:
        return np.zeros((len(run.seeds), len(run[records])), bool)
    at = run["final/diverged_at"][:, None]
    return np.asarray((at >= 0) & (run[records] >= at))
