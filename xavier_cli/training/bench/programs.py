"""Prepares the programs to be timed: the engine's under every strategy, and a minimal one in JAX."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xavier_cli.config.run import RunConfig
from xavier_cli.data.sets import Examples
from xavier_cli.nn.losses import cross_entropy
from xavier_cli.nn.mlp import Dense, Params, forward
from xavier_cli.training.engine.batches import FiniteBatches
from xavier_cli.training.engine.engine import Engine
from xavier_cli.training.engine.layout import SHARED, Strategy, choose_layout
from xavier_cli.training.engine.population import population_of
from xavier_cli.training.engine.training_data import TrainingData

INPUTS, CLASSES, BATCH, LR = 1024, 9, 10, 0.03
READY_UPDATES = 100
"""Ready-made batches: repeated, since where they lie matters and what they show does not."""


@dataclass(frozen=True)
class Timed:
    """What is timed: `run(updates)` trains `seeds` networks by so many updates each, and waits."""

    run: Callable[[int], None]
    seeds: int


def sizes_of(config: RunConfig) -> tuple[int, ...]:
    """Units from the input to the logits."""
    return (INPUTS, *config.widths, CLASSES)


def ready_batches() -> Examples:
    """Made-up images of the paper's size, as bytes."""
    rng = np.random.default_rng(0)
    count = READY_UPDATES * BATCH
    return Examples(
        rng.integers(0, 256, (count, INPUTS)).astype(np.uint8),
        rng.integers(0, CLASSES, count).astype(np.int32),
    )


class EngineProgram:
    """The engine of `config`, over `training_data`'s own batches or ready-made ones."""

    def __init__(self, config: RunConfig, training_data: TrainingData, strategy: Strategy, ready: bool):
        if ready:
            training_data = replace(training_data, batch_source=FiniteBatches(ready_batches(), BATCH))
        layout = choose_layout(len(config.seeds), 1, strategy)
        self.engine = Engine(population_of(config), training_data, layout)
        self.engine.start(wanted=("init", "advance") if ready else ("init", "advance", "observe"))
        self._done = 0

    def advance(self, updates: int) -> None:
        """Train, and wait for it."""
        # Within what the configuration has, in which nothing depends on how far training is.
        if self._done + updates > self.engine.population.config.updates:
            self._done = 0
        self.engine.advance(self._done, self._done + updates)
        self.engine.wait()
        self._done += updates

    def observe(self, records: int) -> None:
        """Probe, evaluate and fetch so many records."""
        config = self.engine.population.config
        for _ in range(records):
            self.engine.read(self.engine.observe(1, config.eval_examples), config.eval_examples)


def bare_program(config: RunConfig) -> Timed:
    """`value_and_grad` and SGD in a loop over ready-made batches, members mapped and sharded; no engine.

    Nothing is watched, no divergence noticed.
    """
    seeds = len(config.seeds)
    layout = choose_layout(seeds, 1)
    over_seeds = jax.sharding.PartitionSpec("seed")
    rng = np.random.default_rng(0)
    params: Any = tuple(
        Dense(
            jnp.asarray(rng.uniform(-1, 1, (seeds, m, n)) * (6 / (m + n)) ** 0.5, jnp.float32),
            jnp.zeros((seeds, n)),
        )
        for m, n in pairwise(sizes_of(config))
    )
    ready = ready_batches()
    x = jnp.asarray(ready.pixels / 127.5 - 1, jnp.float32).reshape(READY_UPDATES, BATCH, INPUTS)
    labels = jnp.asarray(ready.labels).reshape(READY_UPDATES, BATCH)

    def loss(params: Params, x: Array, labels: Array) -> Array:
        return jnp.mean(cross_entropy(forward(params, x, jnp.tanh)[0], labels))

    def device_part(params: Any, updates: Array, x: Array, labels: Array) -> Any:
        def member(params: Params) -> Params:
            def update(i: Array, params: Params) -> Params:
                gradient = jax.grad(loss)(params, x[i % READY_UPDATES], labels[i % READY_UPDATES])
                return jax.tree.map(lambda w, g: w - LR * g, params, gradient)

            return jax.lax.fori_loop(0, updates, update, params)

        return layout.over(member)(params)

    program = jax.jit(
        jax.shard_map(
            device_part,
            mesh=layout.mesh,
            in_specs=(over_seeds, SHARED, SHARED, SHARED),
            out_specs=over_seeds,
            check_vma=False,
        )
    )
    arguments = [layout.place(value, SHARED) for value in (x, labels)]
    params = layout.place(params, over_seeds)

    def run(updates: int) -> None:
        jax.block_until_ready(program(params, layout.place(np.int32(updates), SHARED), *arguments))

    return Timed(run, seeds)
