"""Prepares the programs to be timed: the engine's under every strategy, and minimal ones in JAX."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xavier_cli.config.run import RunConfig
from xavier_cli.data.coding import decode
from xavier_cli.data.layout import Channels, as_examples
from xavier_cli.data.sets import Examples
from xavier_cli.nn.losses import LOSSES, cross_entropy
from xavier_cli.nn.mlp import Dense, Params, forward
from xavier_cli.training.bench.turns import Timed
from xavier_cli.training.engine.architectures.finding import find_layers
from xavier_cli.training.engine.batches import FiniteBatches
from xavier_cli.training.engine.engine import Engine
from xavier_cli.training.engine.layout import SHARED, Strategy, choose_layout
from xavier_cli.training.engine.population import population_of
from xavier_cli.training.engine.training_data import TrainingData

INPUTS, CLASSES = 1024, 9
"""Of Shapeset."""
READY_UPDATES = 100
"""Ready-made batches: repeated, since where they lie matters and what they show does not."""


def sizes_of(config: RunConfig) -> tuple[int, ...]:
    """Units of a perceptron from the input to the logits."""
    return (INPUTS, *config.widths, CLASSES)


class ReadyBatches(NamedTuple):
    """Made-up batches as a network takes them.

    `x` is `(READY_UPDATES, batch, *example)`, float32, and `labels` `(READY_UPDATES, batch)`, int32.
    """

    x: np.ndarray
    labels: np.ndarray


def ready_batches(
    config: RunConfig, training_data: TrainingData | None = None, channels: Channels = "last"
) -> ReadyBatches:
    """Rows of Shapeset's size for a perceptron, or examples of the shape that `training_data` has."""
    facts = training_data.facts if training_data else None
    examples = _ready_examples(config.batch_size, training_data)
    x = decode(examples.pixels, config.pixel_range)
    x = as_examples(x, facts.shape, channels) if facts else x
    shape = (READY_UPDATES, config.batch_size)
    return ReadyBatches(x.reshape(*shape, *x.shape[1:]), examples.labels.reshape(shape))


def _ready_examples(batch_size: int, training_data: TrainingData | None) -> Examples:
    """Made-up images, as bytes."""
    inputs, classes = (training_data.inputs, training_data.classes) if training_data else (INPUTS, CLASSES)
    rng = np.random.default_rng(0)
    count = READY_UPDATES * batch_size
    return Examples(
        rng.integers(0, 256, (count, inputs)).astype(np.uint8),
        rng.integers(0, classes, count).astype(np.int32),
    )


class EngineProgram:
    """The engine of `config`, over `training_data`'s own batches or ready-made ones."""

    def __init__(self, config: RunConfig, training_data: TrainingData, strategy: Strategy, ready: bool):
        if ready:
            examples = FiniteBatches(_ready_examples(config.batch_size, training_data), config.batch_size)
            training_data = replace(training_data, batch_source=examples)
        layout = choose_layout(len(config.seeds), 1, strategy)
        self.engine = Engine(population_of(config), training_data, layout)
        if ready:
            self.engine.start(wanted=("init", "advance"))
        else:
            self.engine.start()
        self._done = 0

    @property
    def strategy(self) -> Strategy:
        """The layout that was chosen."""
        return self.engine.layout.strategy

    def advance(self, updates: int) -> None:
        """Train, and wait for it."""
        # Within what the configuration has, in which nothing depends on how far training is.
        if self._done + updates > self.engine.population.config.updates:
            self._done = 0
        self.engine.advance(self._done, self._done + updates)
        self.engine.wait()
        self._done += updates

    def record(self, number: int) -> None:
        """Take so many records: probe, evaluate and fetch."""
        examples = self.engine.population.config.eval_examples
        for _ in range(number):
            self.engine.read(self.engine.observe(1, examples), examples)

    def last_record(self) -> None:
        """Take the last record of a training, for which losses and errors are of all examples."""
        data = self.engine.training_data
        examples = max(len(data.valid.labels), len(data.test.labels))
        record = self.engine.observe(1, examples)
        self.engine.read(record, examples)
        self.engine.read_correct(record)

    def differentiate(self, number: int) -> None:
        """Take the Jacobians of so many records."""
        for _ in range(number):
            for row in self.engine.jacobians():
                for future in row:
                    future.result()


def bare_program(config: RunConfig) -> Timed:
    """`value_and_grad` and SGD in a loop over ready-made batches, members mapped and sharded; no engine.

    Nothing is watched, no divergence noticed.
    """
    seeds, lr = len(config.seeds), config.lr
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

    def loss(params: Params, x: Array, labels: Array) -> Array:
        return jnp.mean(cross_entropy(forward(params, x, jnp.tanh)[0], labels))

    def device_part(params: Any, updates: Array, x: Array, labels: Array) -> Any:
        def member(params: Params) -> Params:
            def update(i: Array, params: Params) -> Params:
                gradient = jax.grad(loss)(params, x[i % READY_UPDATES], labels[i % READY_UPDATES])
                return jax.tree.map(lambda w, g: w - lr * g, params, gradient)

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
    arguments = [layout.place(value, SHARED) for value in ready_batches(config)]
    params = layout.place(params, over_seeds)

    def run(updates: int) -> None:
        jax.block_until_ready(program(params, layout.place(np.int32(updates), SHARED), *arguments))

    return Timed(run, seeds)


class PlainLoop:
    """The loop that one would write for one custom network in JAX: a call of a jitted update at a time.

    The network is computed as its own code has it, on ready-made batches on the device.
    """

    def __init__(self, config: RunConfig, training_data: TrainingData):
        lr, loss_of = config.lr, LOSSES[config.loss]
        network = find_layers(config, training_data).network
        self._batches = [
            tuple(map(jnp.asarray, batch))
            for batch in zip(*ready_batches(config, training_data), strict=True)
        ]
        self._precision, self._key = config.precision, jax.random.key(0)
        self._params, self._state = jax.jit(network.init)(self._key)

        def update(params: Any, state: Any, key: Array, number: int, x: Array, labels: Array) -> Any:
            def loss(params: Any) -> Any:
                noise = jax.random.fold_in(key, number)
                logits, moved = network.apply(params, state, x, noise, "train")
                return jnp.mean(loss_of(logits, labels)), moved

            (value, moved), gradient = jax.value_and_grad(loss, has_aux=True)(params)
            return jax.tree.map(lambda w, g: w - lr * g, params, gradient), moved, value

        self._update = jax.jit(update)

    @property
    def flops(self) -> float | None:
        """Floating-point operations of one update, as XLA counts those of this program; None if unknown."""
        x, labels = self._batches[0]
        lowered = self._update.lower(self._params, self._state, self._key, 0, x, labels)
        found = (lowered.cost_analysis() or {}).get("flops")
        return float(found) if found and found > 0 else None

    def run(self, updates: int) -> None:
        """Train, and wait for it."""
        with jax.default_matmul_precision(self._precision):
            for i in range(updates):
                batch = self._batches[i % READY_UPDATES]
                self._params, self._state, _ = self._update(self._params, self._state, self._key, i, *batch)
        jax.block_until_ready(self._params)
