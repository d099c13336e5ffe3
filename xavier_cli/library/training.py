"""Trains a configuration from a notebook or script."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from xavier_cli.config.layers import by_field
from xavier_cli.config.run import RunConfig
from xavier_cli.files.locks import lock_output
from xavier_cli.library.run import Run
from xavier_cli.runs.own_file import finished_run
from xavier_cli.runs.weights import Saved, has_saved
from xavier_cli.training.engine.layout import Strategy
from xavier_cli.training.engine.loop import Progress, TrainingHooks
from xavier_cli.training.session import session


def train(
    config: RunConfig | None = None,
    out: str | os.PathLike[str] | None = None,
    *,
    data_dir: str | os.PathLike[str] | None = None,
    strategy: Strategy = "auto",
    report: Callable[[Progress], None] = lambda _: None,
    save_weights: Saved | None = None,
    **settings: Any,
) -> Run:
    """Train all seeds of a configuration, after a search where it has several learning rates.

        run = train(act="tanh", init="normalized", width=100, updates=5000, seeds=5, out="runs/tanh.h5")
        run.plot("saturation")
        train(run.config, init="standard", out="runs/standard.h5")     # the same with another initialization

    `settings` are the options of `xavier train` by their names (`lr=0.1`, `batch_size=20`); beside a `config`
    they change it. `xavier.toml` and environment variables are not read: the call says everything.

    With `out` the run is written to that file, with checkpoints on the way: an interrupted training is
    resumed, and a complete run is read instead of trained. Without it, the run is kept in memory only.
    With `save_weights`, "final" or "records", the weights are kept beside the file, or in `run.weights`:
    `read_weights` gives them by seed and record. A complete run without them is trained again.
    `data_dir` is the folder of data sets; `report` is called with the progress. If JAX has already started
    with fewer devices than there are cores, a warning is given, and the seeds share the devices.

    Raises `ConfigError`, `DataMissingError`, `ResumeError` where `out` holds another configuration, and
    `StorageError` where it cannot be written.
    """
    settings = by_field(settings, str)
    config = RunConfig.of(**settings) if config is None else config.with_(**settings) if settings else config
    path = Path(out) if out is not None else None
    run = finished_run(path, config) if path is not None else None
    if run and (save_weights is None or has_saved(run, save_weights)):
        return Run.of(run)
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
            return Run.of(begun.train(hooks))
        with lock_output(path):
            return Run.of(begun.train_to_file(path, hooks))
