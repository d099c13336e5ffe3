"""What the commands do, for notebooks and scripts: train a configuration, compare runs. It prints nothing."""

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
) -> Run:
    """Train all seeds of `config`, several rates after a search, and return the run.

    Arrays of the run are found by their names in the run file: `run["curves/test_error"]` has shape `(S, R)`,
    seeds by records, as fractions; `run["activation/std"]` `(S, R, L)`, by hidden layers from the input up;
    `run.updates`, `(R,)`, are the updates done at each record.

    With `out` it goes to that file as well, and on the way there now and again: what was interrupted goes on
    where it stopped, and what is finished is read, not trained. Without, it lives in memory alone. `data_dir`
    is where data sets' files lie; `report` is told where training stands. Where JAX has started already with
    fewer devices than there are cores, a warning says so, and the seeds share what there is.

    Raises `ConfigError`, `DataMissingError`, `ResumeError` where another configuration lies at `out`, and
    `StorageError` where that cannot be written.
    """
    path = Path(out) if out is not None else None
    if path is not None and (run := finished_run(path, config)):
        return run
    begun = session(
        config,
        Path(data_dir) if data_dir is not None else None,
        strategy=strategy,
        # As if from the line that called this function: there it can be acted upon.
        note=lambda text: warnings.warn(text, stacklevel=5),
    )
    hooks = TrainingHooks(report)
    # Every core has work of ours; the command says so before NumPy is imported, which is too late here.
    with threadpool_limits(1, user_api="blas"):
        if path is None:
            return begun.train(hooks)
        with lock_output(path):
            return begun.train_to_file(path, hooks)


def compare(runs: Iterable[Run]) -> comparison.Comparison:
    """Rank `runs` by their test error, and tell which can be told apart from the best, by data set.

    Runs that differ in their seeds alone count as one. Of `sections[0].rows`, the best comes first; a row has
    `settings`, `seeds` and `errors` (one per seed, fractions), `test_error` (a mean with its interval) and a
    `verdict` (`kind`, `p`, the `difference` from the best). Raises `RunFileError` where two disagree about a
    seed.
    """
    experiments, _ = merge_runs(runs)
    return comparison.compare(experiments)
