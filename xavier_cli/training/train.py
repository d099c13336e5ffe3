"""Training a configuration from beginning to end: one rate, or a search for the best and then all seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from xavier_cli.config.run import RunConfig
from xavier_cli.runs.normalized import how_normalized
from xavier_cli.runs.record import Run, best_rate
from xavier_cli.training.engine.engine import Engine
from xavier_cli.training.engine.layout import Strategy, choose_layout
from xavier_cli.training.engine.loop import NoRunError, Progress, TrainingHooks, train_population
from xavier_cli.training.engine.population import Population, Variant, population_of
from xavier_cli.training.engine.records import join_seeds
from xavier_cli.training.engine.snapshot import Snapshot
from xavier_cli.training.engine.training_data import TrainingData
from xavier_cli.training.provenance import provenance_of

SEARCH, SEEDS = "search", "seeds"
"""The stages of a training: all rates on the first seeds, and then the seeds at one rate."""


class SearchInterruptedError(NoRunError):
    """A search, or one of several batches, that was stopped, so that there is no run yet; it says where."""


def train(
    config: RunConfig,
    training_data: TrainingData,
    *,
    strategy: Strategy = "auto",
    watcher: TrainingHooks | None = None,
    member_batch: int | None = None,
    begun: Mapping[str, Snapshot] | None = None,
    save: Callable[[Mapping[str, Snapshot]], None] | None = None,
) -> tuple[Run, list[Run]]:
    """Train `config` on its training_data; of several rates, all seeds at the one best on the first seeds.

    `member_batch` is how many networks are trained at the same time, by default all; seeds then follow one
    another, which under `map` and `sharded` are the same bits. `save` is given what it takes to go on, now
    and again and at the end, from another thread too; given that as `begun`, training goes on from there.
    Returns the run, and the searched rates as runs of their own (none without a search). Raises
    `SearchInterruptedError`.
    """
    watcher = watcher or TrainingHooks()
    trained = _staged(training_data, strategy, member_batch, dict(begun or {}), save)
    if not config.search:
        return trained(SEEDS, population_of(config), watcher)[0], []

    seeds = config.seeds[: config.search_seeds]
    rest = config.seeds[config.search_seeds :]
    quiet = replace(watcher, publish=None)
    searched = trained(SEARCH, population_of(config.with_(seeds=seeds)), _phase(quiet, "searching rates"))
    if any(run.status != "complete" for run in searched):
        raise SearchInterruptedError("stopped while searching for the learning rate")
    errors = np.stack([_last_valid_error(run) for run in searched])
    best = searched[best_rate(errors)]
    parts = [best]
    if rest:
        # The searched seeds are trained already; under `map` they are the same bits.
        population = Population(config, rest, (Variant(config.init, best.lr),))
        parts += trained(SEEDS, population, _phase(quiet, f"lr {best.lr:g}"))
    if parts[-1].status != "complete":
        raise SearchInterruptedError(f"stopped after the search chose lr {best.lr:g}")
    run = join_seeds(parts, config.seeds)
    found: dict[str, np.ndarray] = {
        "search/rate": np.arange(len(config.search), dtype=np.int32),
        "search/search_seed": np.array(seeds, np.int64),
        "search/lr": np.array(config.search),
        "search/valid_error": errors,
    }
    return replace(run, config=config, arrays={**run.arrays, **found}), searched


def train_together(
    configs: Sequence[RunConfig],
    training_data: TrainingData,
    *,
    strategy: Strategy = "auto",
    watcher: TrainingHooks | None = None,
    member_batch: int | None = None,
    begun: Mapping[str, Snapshot] | None = None,
    save: Callable[[Mapping[str, Snapshot]], None] | None = None,
) -> list[Run]:
    """Train configurations that differ in initializer and rate alone as one population; a run for each.

    Without updates the networks are only looked at, as by `probe`. `member_batch`, `begun` and `save` are
    `train`'s. Raises `SearchInterruptedError` where it was stopped before all members had been begun.
    """
    variants = tuple(Variant(config.init, rate) for config in configs for rate in _given_rate(config))
    population = Population(configs[0], configs[0].seeds, variants)
    trained = _staged(training_data, strategy, member_batch, dict(begun or {}), save)
    return trained(SEEDS, population, watcher or TrainingHooks())


def _staged(
    training_data: TrainingData,
    strategy: Strategy,
    member_batch: int | None,
    stages: dict[str, Snapshot],
    save: Callable[[Mapping[str, Snapshot]], None] | None,
) -> Callable[[str, Population, TrainingHooks], list[Run]]:
    """What trains one stage of a training, from `stages` on where it was begun, and keeps them."""

    def trained(stage: str, population: Population, watcher: TrainingHooks) -> list[Run]:
        # What a training was begun with it goes on with: its batches' size, too.
        size = len(stages[stage].state["diverged_at"]) * len(population.variants) if stage in stages else None

        def one(batch: Population, number: int, watcher: TrainingHooks) -> list[Run]:
            # In the order of their names, the first as where there is no other.
            name = f"{stage}_{number:04}" if number else stage

            def keep(state: Snapshot) -> None:
                stages[name] = state
                if save:
                    save(stages)

            before = stages.get(name)
            # Since it may decide bits.
            chosen = before.layout["strategy"] if before and strategy == "auto" else strategy
            return _train(batch, training_data, chosen, replace(watcher, save=keep if save else None), before)

        return _in_batches(population, size or member_batch, watcher, one)

    return trained


def probe(
    config: RunConfig,
    training_data: TrainingData,
    *,
    strategy: Strategy = "auto",
    watcher: TrainingHooks | None = None,
) -> Run:
    """Look at the networks of `config` at initialization: a run with the single record 0.

    What concerns training alone is not looked at.
    """
    return _train(population_of(untrained(config)), training_data, strategy, watcher or TrainingHooks())[0]


_OF_TRAINING = (
    "lr",
    "search_seeds",
    "batch_size",
    "records",
    "optimizer",
    "schedule",
    "clip",
    "weight_decay",
    "dropout",
    "pretrain",
    "pretrain_updates",
    "pretrain_lr",
)


def untrained(config: RunConfig) -> RunConfig:
    """`config` without training, so that configurations that begin alike are the same one."""
    fields = RunConfig.model_fields
    kept = {name: fields[name].default for name in _OF_TRAINING}
    return config.with_(updates=0, update_rule="plain", **kept)


def _in_batches(
    population: Population,
    members: int | None,
    watcher: TrainingHooks,
    train_one: Callable[[Population, int, TrainingHooks], list[Run]],
) -> list[Run]:
    """Train `population`, at most so many `members` at a time but one seed at least; a run per variant."""
    size = max(1, (members or population.members) // len(population.variants))
    seeds = population.seeds
    batches = [replace(population, seeds=seeds[i : i + size]) for i in range(0, len(seeds), size)]
    if len(batches) == 1:
        return train_one(population, 0, watcher)
    provenance = {**watcher.provenance, "member_batch": size * len(population.variants)}
    # There is nothing to publish before every seed has got somewhere; what it takes to go on is kept.
    watcher = replace(watcher, publish=None, provenance=provenance)
    parts = []
    for number, batch in enumerate(batches):
        words = f"batch {number + 1} of {len(batches)}"
        parts.append(train_one(batch, number, _phase(watcher, words)))
        if any(run.status != "complete" for run in parts[-1]):
            raise SearchInterruptedError(f"stopped in {words}")
    return [join_seeds(of_variant, seeds) for of_variant in zip(*parts, strict=True)]


def _train(
    population: Population,
    training_data: TrainingData,
    strategy: Strategy,
    watcher: TrainingHooks,
    begun: Snapshot | None = None,
) -> list[Run]:
    layout = choose_layout(len(population.seeds), len(population.variants), strategy)
    provenance = {
        **provenance_of(layout),
        **how_normalized(population.config),
        "data_sha256": training_data.facts.sources if training_data.facts else {},
        **watcher.provenance,
    }
    engine = Engine(population, training_data, layout)
    return train_population(engine, replace(watcher, provenance=provenance), begun)


def _given_rate(config: RunConfig) -> tuple[float]:
    if isinstance(config.lr, tuple):
        raise ValueError("a search over rates is a population of its own")
    return (config.lr,)


def _phase(watcher: TrainingHooks, phase: str) -> TrainingHooks:
    def report(progress: Progress) -> None:
        both = f"{phase}, {progress.phase}" if progress.phase else phase
        watcher.report(replace(progress, phase=both))

    return replace(watcher, report=report)


def _last_valid_error(run: Run) -> np.ndarray:
    return np.where(run.diverged, np.nan, run["curves/valid_error"][:, -1])
