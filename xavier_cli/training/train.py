"""Trains a configuration: all seeds at one rate, or a search for the best rate and then all seeds at it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from xavier_cli.config.run import RunConfig
from xavier_cli.config.settings import settings_of_training
from xavier_cli.runs.batch_normalization import how_normalized
from xavier_cli.runs.record import Run, best_rate
from xavier_cli.training.engine.engine import Engine
from xavier_cli.training.engine.layout import Strategy, choose_layout
from xavier_cli.training.engine.loop import NoRunError, Progress, TrainingHooks, train_population
from xavier_cli.training.engine.population import Population, Variant, population_of
from xavier_cli.training.engine.records import join_seeds
from xavier_cli.training.engine.snapshot import Snapshot
from xavier_cli.training.engine.training_data import TrainingData
from xavier_cli.training.provenance import provenance_of
from xavier_cli.vocabulary.grammar import show_value

SEARCH, SEEDS = "search", "seeds"
"""The phases of a training: all rates on the first seeds, then all seeds at the best rate."""


class SearchInterruptedError(NoRunError):
    """A search, or one of several batches, stopped before there was a run; the message says where."""


def train(
    config: RunConfig,
    training_data: TrainingData,
    *,
    strategy: Strategy = "auto",
    hooks: TrainingHooks | None = None,
    member_batch: int | None = None,
    begun: Mapping[str, Snapshot] | None = None,
    save: Callable[[Mapping[str, Snapshot]], None] | None = None,
) -> tuple[Run, list[Run]]:
    """Train `config`; of several rates, all seeds at the one with the lowest error on the first seeds.

    **Arguments:** `member_batch`, how many networks are trained at the same time, by default all: more seeds
    are then trained in turn, to the same bits under `map` and `sharded`. `save` is called with snapshots by
    name, at intervals and at the end, also from another thread; `begun`, such snapshots, resumes a training.

    **Returns:** the run, and the searched rates as runs of their own (none without a search).

    Raises `SearchInterruptedError`.
    """
    hooks = hooks or TrainingHooks()
    trained = _staged(training_data, strategy, member_batch, dict(begun or {}), save)
    if not config.search:
        return trained(SEEDS, population_of(config), hooks)[0], []

    seeds = config.seeds[: config.search_seeds]
    rest = config.seeds[config.search_seeds :]
    quiet = replace(hooks, publish=None)
    searched = trained(SEARCH, population_of(config.with_(seeds=seeds)), _phase(quiet, "searching rates"))
    if any(run.status != "complete" for run in searched):
        raise SearchInterruptedError("stopped while searching for the learning rate")
    errors = np.stack([_last_valid_error(run) for run in searched])
    best = searched[best_rate(errors)]
    parts = [best]
    if rest:
        # The searched seeds are trained already; under `map` they are the same bits.
        population = Population(config, rest, (Variant(config.init, best.lr),))
        parts += trained(SEEDS, population, _phase(quiet, f"lr {show_value(best.lr)}", follows_search=True))
    if parts[-1].status != "complete":
        raise SearchInterruptedError(f"stopped after the search chose lr {show_value(best.lr)}")
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
    hooks: TrainingHooks | None = None,
    member_batch: int | None = None,
    begun: Mapping[str, Snapshot] | None = None,
    save: Callable[[Mapping[str, Snapshot]], None] | None = None,
) -> list[Run]:
    """Train configurations that differ in initializer and rate alone as one population; a run for each.

    Without updates the networks are only probed, as by `probe`. `member_batch`, `begun` and `save` are those
    of `train`. Raises `SearchInterruptedError` where one of several batches of members was stopped.
    """
    variants = tuple(Variant(config.init, rate) for config in configs for rate in _given_rate(config))
    population = Population(configs[0], configs[0].seeds, variants)
    trained = _staged(training_data, strategy, member_batch, dict(begun or {}), save)
    return trained(SEEDS, population, hooks or TrainingHooks())


def _staged(
    training_data: TrainingData,
    strategy: Strategy,
    member_batch: int | None,
    stages: dict[str, Snapshot],
    save: Callable[[Mapping[str, Snapshot]], None] | None,
) -> Callable[[str, Population, TrainingHooks], list[Run]]:
    """A function that trains one phase, resumed from `stages` where those have it, and updates `stages`."""

    def trained(stage: str, population: Population, hooks: TrainingHooks) -> list[Run]:
        # A resumed training keeps the size of its batches of members.
        size = len(stages[stage].state["diverged_at"]) * len(population.variants) if stage in stages else None

        def one(batch: Population, number: int, hooks: TrainingHooks) -> list[Run]:
            # In the order of their names, the first as where there is no other.
            name = f"{stage}_{number:04}" if number else stage

            def keep(state: Snapshot) -> None:
                stages[name] = state
                if save:
                    save(stages)

            before = stages.get(name)
            # The strategy can change the last bits, so keep the checkpoint's.
            chosen = before.layout["strategy"] if before and strategy == "auto" else strategy
            return _train(batch, training_data, chosen, replace(hooks, save=keep if save else None), before)

        return _in_batches(population, size or member_batch, hooks, one)

    return trained


def probe(
    config: RunConfig,
    training_data: TrainingData,
    *,
    strategy: Strategy = "auto",
    hooks: TrainingHooks | None = None,
) -> Run:
    """Measure the networks of `config` at initialization: a run with the single record 0.

    Settings that concern training alone have no effect.
    """
    return _train(population_of(untrained(config)), training_data, strategy, hooks or TrainingHooks())[0]


def untrained(config: RunConfig) -> RunConfig:
    """`config` with the settings of training at their defaults, so that equal initializations hash alike."""
    fields = RunConfig.model_fields
    unused = {name: fields[name].default for name in settings_of_training()}
    return config.with_(**{**unused, "updates": 0})


def _in_batches(
    population: Population,
    members: int | None,
    hooks: TrainingHooks,
    train_one: Callable[[Population, int, TrainingHooks], list[Run]],
) -> list[Run]:
    """Train `population`, at most so many `members` at a time but one seed at least; a run per variant."""
    size = max(1, (members or population.members) // len(population.variants))
    seeds = population.seeds
    batches = [replace(population, seeds=seeds[i : i + size]) for i in range(0, len(seeds), size)]
    if len(batches) == 1:
        return train_one(population, 0, hooks)
    provenance = {**hooks.provenance, "member_batch": size * len(population.variants)}
    # No run is published before every seed is trained; snapshots are saved all the same.
    hooks = replace(hooks, publish=None, provenance=provenance)
    parts = []
    for number, batch in enumerate(batches):
        words = f"batch {number + 1} of {len(batches)}"
        parts.append(train_one(batch, number, _phase(hooks, words)))
        if any(run.status != "complete" for run in parts[-1]):
            raise SearchInterruptedError(f"stopped in {words}")
    return [join_seeds(of_variant, seeds) for of_variant in zip(*parts, strict=True)]


def _train(
    population: Population,
    training_data: TrainingData,
    strategy: Strategy,
    hooks: TrainingHooks,
    begun: Snapshot | None = None,
) -> list[Run]:
    layout = choose_layout(len(population.seeds), len(population.variants), strategy)
    provenance = {
        **provenance_of(layout),
        **how_normalized(population.config),
        "data_sha256": training_data.facts.sources if training_data.facts else {},
        **hooks.provenance,
    }
    engine = Engine(population, training_data, layout)
    return train_population(engine, replace(hooks, provenance=provenance), begun)


def _given_rate(config: RunConfig) -> tuple[float]:
    if isinstance(config.lr, tuple):
        raise ValueError("a search over rates is trained apart")
    return (config.lr,)


def _phase(hooks: TrainingHooks, phase: str, follows_search: bool = False) -> TrainingHooks:
    def report(progress: Progress) -> None:
        both = f"{phase}, {progress.phase}" if progress.phase else phase
        follows = progress.follows_search or follows_search
        hooks.report(replace(progress, phase=both, follows_search=follows))

    return replace(hooks, report=report)


def _last_valid_error(run: Run) -> np.ndarray:
    return np.where(run.diverged, np.nan, run["curves/valid_error"][:, -1])
