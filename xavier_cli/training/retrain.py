"""Trains part of a run again and says how far the numbers are from those in its file."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import get_args

from xavier_cli.errors import ConfigError
from xavier_cli.runs.record import Run
from xavier_cli.runs.weights import Saved, weights_info
from xavier_cli.training.engine.engine import Engine
from xavier_cli.training.engine.layout import Strategy, choose_layout
from xavier_cli.training.engine.loop import Progress, TrainingHooks, train_population
from xavier_cli.training.engine.population import Population, Variant
from xavier_cli.training.engine.training_data import TrainingData, prepare
from xavier_cli.training.provenance import provenance_of
from xavier_cli.vocabulary.network_info import NetworkInfo
from xavier_cli.vocabulary.networks import refuse_watched

SECONDS = 30.0
"""The longest training where the number of updates is not given, beyond the first record after 0."""

ROUNDING = 1e-3
"""Differences up to this share of an array's largest number count as rounding.

Batched members against members one by one (a deep tanh network, 4,000 updates) are 1e-5 apart, and where a
network saturates and its training becomes chaotic, 0.1 and more after 15,000 updates.
"""


def train_again(
    run: Run,
    data_dir: Path | None,
    *,
    seeds: Sequence[int] | None = None,
    updates: int | None = None,
    hooks: TrainingHooks | None = None,
) -> Run:
    """The first updates of `seeds` (by default all) of `run` once more, laid out as its provenance says.

    Up to the last record that `updates` reaches; without it, as many records as `SECONDS` allow, at least one
    after the start. Raises `ConfigError` where the run has no such seeds or records, and `UserFunctionError`
    for one that was watched.
    """
    refuse_watched(run.config.network)
    hooks = hooks or TrainingHooks()
    chosen = tuple(run.seeds.tolist()) if seeds is None else tuple(seeds)
    if missing := set(chosen) - set(run.seeds.tolist()):
        raise ConfigError(f"seeds: the run has no seed {min(missing)}")
    records = run.updates.tolist()
    until = records[-1] if updates is None else max(record for record in records if record <= updates)
    variant = Variant(run.config.init, run.known_lr)
    population = Population(run.config, chosen, (variant,))
    strategy: Strategy = next(
        (word for word in get_args(Strategy) if word == run.provenance.get("strategy")), "auto"
    )
    layout = choose_layout(len(chosen), 1, strategy)
    training_data = _same_data(run, data_dir)
    engine = Engine(population, training_data, layout)
    refuse_other_layers(run, engine.architecture.info)
    done, began, report, stopped = 0, 0.0, hooks.report, hooks.stopped
    # All of it comes before the first record, so that no part of it would do.
    pretrained = run.config.pretrain == "none"

    def note(progress: Progress) -> None:
        nonlocal done, began, pretrained
        if progress.doing == "pretraining":
            pretrained = progress.updates == progress.total
        else:
            done = progress.updates
        began = began or (time.perf_counter() if progress.doing == "training" else 0.0)
        report(progress)

    def enough() -> bool:
        too_long = updates is None and done >= records[min(1, len(records) - 1)]
        long_enough = done >= until or (too_long and time.perf_counter() - began > SECONDS)
        return stopped() or (pretrained and long_enough)

    # Compared where the end of the training is reached.
    saved: Saved | None = "final" if weights_info(run) else None
    hooks = replace(hooks, report=note, stopped=enough, provenance=provenance_of(layout), save_weights=saved)
    return train_population(engine, hooks)[0]


def refuse_other_layers(run: Run, network: NetworkInfo | None) -> None:
    """Raise `ConfigError` where the custom network of `run` has other weight layers or parameters now.

    Its code is the same, as the configuration says: another version of its framework makes it so.
    """
    if run.network is None or network is None:
        return
    for what in ("layers", "parameters"):
        was, now = ([(each.name, each.shape) for each in getattr(of, what)] for of in (run.network, network))
        if was != now:
            named = next(
                (f": `{new[0]}` {new[1]}" for old, new in zip_longest(was, now) if new and old != new), ""
            )
            kind = "weight layers" if what == "layers" else what
            raise ConfigError(
                f"net: `{run.config.network.short}` has {len(now)} {kind} now, others than the {len(was)} of "
                f"the file{named}: its framework may be of another version"
            )


def _same_data(run: Run, data_dir: Path | None) -> TrainingData:
    """The data of `run`; raises `ConfigError` where its files are others now."""
    training_data = prepare(run.config, data_dir)
    if run.data and training_data.facts and run.data.sha256 != training_data.facts.sha256:
        raise ConfigError(f"data: the files of {run.config.data} are not those that the run was trained on")
    return training_data
