"""Offers `train` and `compare` to notebooks and scripts. Prints nothing."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

from threadpoolctl import threadpool_limits

from xavier_cli.config.run import RunConfig
from xavier_cli.files.locks import lock_output
from xavier_cli.findings import comparison
from xavier_cli.runs.finished import finished_run
from xavier_cli.runs.merge import merge_runs
from xavier_cli.runs.record import Run
from xavier_cli.runs.weights import Saved, has_saved
from xavier_cli.training.engine.layout import Strategy
from xavier_cli.training.engine.loop import Progress, TrainingHooks
from xavier_cli.training.session import session


def train(
    config: RunConfig,
    out: str | os.PathLike[str] | None = None,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    strategy: Strategy = "auto",
    report: Callable[[Progress], None] = lambda _: None,
    save_weights: Saved | None = None,
) -> Run:
    """Train all seeds of `config`, after a search where it has several learning rates, and return the run.

    The arrays of the run have the names of the run file: `run["curves/test_error"]`, `(S, R)`, seeds by
    records, in fractions; `run["activation/std"]`, `(S, R, L)`, with hidden layers from the input up;
    `run.updates`, `(R,)`, the number of updates at each record.

    With `out` the run is written to that file, with checkpoints on the way: an interrupted training is
    resumed, and a complete run is read instead of trained. Without it, the run is kept in memory only.
    With `save_weights`, "final" or "records", the weights are kept beside the file, or in `run.weights`:
    `read_weights` gives them by seed and record. A complete run without them is trained anew.
    `data_dir` is the folder of data sets; `report` is called with the progress. If JAX has already started
    with fewer devices than there are cores, a warning is given, and the seeds share the devices.

    Raises `ConfigError`, `DataMissingError`, `ResumeError` where `out` holds another configuration, and
    `StorageError` where it cannot be written.
    """
    path = Path(out) if out is not None else None
    run = finished_run(path, config) if path is not None else None
    if run and (save_weights is None or has_saved(run, save_weights)):
        return run
    begun = session(
        config,
        Path(data_dir) if data_dir is not None else None,
        strategy=strategy,
        # Attribute the warning to the line that called `train`, where something can be done about it.
        note=lambda text: warnings.warn(text, stacklevel=5),
    )
    hooks = TrainingHooks(report, save_weights=save_weights)
    # Training uses every core, so that BLAS should use one thread; NumPy is imported already, so that the
    # environment variable of the command has no effect here.
    with threadpool_limits(1, user_api="blas"):
        if path is None:
            return begun.train(hooks)
        with lock_output(path):
            return begun.train_to_file(path, hooks)


def compare(runs: Iterable[Run]) -> comparison.Comparison:
    """Rank `runs` by test error on each data set, and test which differ significantly from the best.

    Runs that differ only in their seeds are merged. In `sections[0].rows` the best comes first; a row has
    `settings`, `seeds` and `errors` (one per seed, fractions), `test_error` (a mean with its interval) and a
    `verdict` (`kind`, `p`, the `difference` from the best). Raises `RunFileError` where two runs contradict
    each other about a seed.
    """
    experiments, _ = merge_runs(runs)
    return comparison.compare(experiments)
