"""What a population learns from and is tested on: a feed of batches, and the sets all seeds share."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import jax
import numpy as np

from xavier_cli import names
from xavier_cli.config import ConfigError, RunConfig
from xavier_cli.data import shapeset
from xavier_cli.data.sets import Examples, FiniteSet
from xavier_cli.training.evaluation import BLOCK, spread_order
from xavier_cli.training.feed import Feed, FiniteFeed, ShapesetFeed
from xavier_cli.training.keys import Purpose, shared_key

HELD_OUT = 10_000
PROBE_EXAMPLES = 300
PIECE = 1000


@dataclass(frozen=True)
class Material:
    """Data of one run. Validation and test examples come in an order whose head is spread over the set."""

    feed: Feed
    valid: Examples
    test: Examples
    probe: Examples
    test_order: np.ndarray
    """Shape `(n,)`: where in the set's own order each test example stands."""
    inputs: int
    classes: int
    checksums: dict[str, str] = field(default_factory=dict)


def prepare(config: RunConfig, data_dir: Path | None) -> Material:
    """The material of `config`; finite sets are read from `data_dir`.

    Raises `DataMissingError`, `DataDamagedError`, and `ConfigError` for a batch larger than the set.
    """
    words = names.DATA_SETS[config.data]
    if config.data == "shapeset":
        # Every example is looked at after training alone.
        held_out = HELD_OUT if config.updates else -(-config.eval_examples // BLOCK) * BLOCK
        valid, test, probe = (
            _generated(purpose, count)
            for purpose, count in (
                (Purpose.VALID, held_out),
                (Purpose.TEST, held_out),
                (Purpose.PROBE, PROBE_EXAMPLES),
            )
        )
        order = np.arange(held_out)
        return Material(
            ShapesetFeed(config.batch_size), valid, test, probe, order, words.inputs, words.classes
        )
    finite: FiniteSet = names.load(words.function)(data_dir)
    if config.batch_size > len(finite.train.labels):
        raise ConfigError(f"batch_size: {config.data} has only {len(finite.train.labels)} training examples")
    valid_order, order = (
        spread_order(len(part.labels), config.eval_examples) for part in (finite.valid, finite.test)
    )
    return Material(
        FiniteFeed(finite.train, config.batch_size),
        _taken(finite.valid, valid_order),
        _taken(finite.test, order),
        _taken(finite.test, spread_order(len(order), PROBE_EXAMPLES)[:PROBE_EXAMPLES]),
        order,
        words.inputs,
        words.classes,
        finite.checksums,
    )


def _generated(purpose: Purpose, count: int) -> Examples:
    # Piece by piece, so that all sets use one compiled program of moderate size.
    piece = jax.jit(shapeset.images, static_argnums=2)
    parts = [piece(shared_key(purpose), first, PIECE) for first in range(0, count, PIECE)]
    pixels, labels = (np.concatenate([np.asarray(part[i]) for part in parts])[:count] for i in (0, 1))
    return Examples(pixels, labels)


def _taken(examples: Examples, order: np.ndarray) -> Examples:
    return Examples(examples.pixels[order], examples.labels[order])


assert HELD_OUT % BLOCK == 0
