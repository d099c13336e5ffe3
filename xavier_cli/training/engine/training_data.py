"""Prepares the data of a training: the source of batches, and the validation, test and probe examples."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jax
import numpy as np

from xavier_cli.config.run import RunConfig
from xavier_cli.data import shapeset
from xavier_cli.data.load import load_data
from xavier_cli.data.moments import Standardizer
from xavier_cli.data.sets import Examples, FiniteSet
from xavier_cli.data.spread import PROBE_EXAMPLES, held_out, standardized
from xavier_cli.errors import ConfigError
from xavier_cli.training.engine import program_cache
from xavier_cli.training.engine.batches import BatchSource, FiniteBatches, ShapesetBatches
from xavier_cli.training.keys import Purpose, shared_key
from xavier_cli.training.probes.evaluation import BLOCK
from xavier_cli.vocabulary.datasets import DatasetInfo, DatasetSpec

HELD_OUT = 10_000
PIECE = 1000
# XLA's older emitters compile this program in two thirds of the time; it is as fast and gives the same bytes.
# The training step would be a third slower with them.
_PIECE_OPTIONS = {"images": {"xla_cpu_use_fusion_emitters": False}}


@dataclass(frozen=True)
class TrainingData:
    """The data of one training.

    Validation and test examples are reordered so that their first `eval_examples` are spread evenly over the
    set. `batch_source` differs between seeds; the rest is the same for all.
    """

    batch_source: BatchSource
    valid: Examples
    test: Examples
    probe: Examples
    test_order: np.ndarray
    """Shape `(n,)`: the index in the set's own order of each test example."""
    inputs: int
    classes: int
    facts: DatasetInfo | None = None


def prepare(config: RunConfig, data_dir: Path | None) -> TrainingData:
    """The data of `config`; finite sets are read from `data_dir` or from where they were downloaded to.

    Raises `DataMissingError`, `DataDamagedError`, `UserFunctionError` where code that `config` names has
    changed, and `ConfigError` for a batch larger than the set.
    """
    config.check_code()
    asked = config.dataset
    if asked.kind == "shapeset":
        return _shapeset(asked, config)
    finite, facts, _ = _standardized(load_data(asked, data_dir), asked, config)
    examples = held_out(finite, config.eval_examples)
    return TrainingData(
        _epochs(finite, config),
        examples.valid,
        examples.test,
        examples.probe,
        examples.test_order,
        facts.inputs,
        facts.classes,
        facts,
    )


def _shapeset(asked: DatasetSpec, config: RunConfig) -> TrainingData:
    finite, probe = shapeset_set(asked) if asked.examples else None, generated(Purpose.PROBE, PROBE_EXAMPLES)
    facts = shapeset_facts(asked, finite)
    if finite:
        finite, known, scale = _standardized(finite, asked, config)
        facts = facts.model_copy(update=known.model_dump(include={"notes", "warnings", "standardized"}))
        probe = scale.examples(probe) if scale else probe
    # All examples are used after training alone.
    count = HELD_OUT if config.updates or finite else -(-config.eval_examples // BLOCK) * BLOCK
    valid, test = (finite.valid, finite.test) if finite else _held_out(count)
    return TrainingData(
        _epochs(finite, config) if finite else ShapesetBatches(config.batch_size),
        valid,
        test,
        probe,
        np.arange(count),
        facts.inputs,
        facts.classes,
        facts=facts,
    )


def _standardized(
    finite: FiniteSet, asked: DatasetSpec, config: RunConfig
) -> tuple[FiniteSet, DatasetInfo, Standardizer | None]:
    return standardized(finite, asked.name, isinstance(config.coding, str), config.pixel_range)


def _epochs(finite: FiniteSet, config: RunConfig) -> FiniteBatches:
    if config.batch_size > len(finite.train.labels):
        raise ConfigError(
            f"batch_size: {config.data} has only {len(finite.train.labels):,} training examples"
        )
    return FiniteBatches(finite.train, config.batch_size)


def shapeset_set(asked: DatasetSpec) -> FiniteSet:
    """The finite Shapeset `asked` for: fixed images to train on, the stream's to validate and test on."""
    assert asked.builtin is not None
    train, (valid, test) = generated(Purpose.FIXED, asked.examples), _held_out(HELD_OUT)
    return FiniteSet(train, valid, test, asked.builtin.labels, asked.builtin.shape)


def shapeset_facts(asked: DatasetSpec, finite: FiniteSet | None) -> DatasetInfo:
    """The facts of Shapeset; chance level is that of the stream, also for a finite training set."""
    assert asked.facts is not None
    digest = finite.sha256 if finite else ""
    return asked.facts.model_copy(update={"valid": HELD_OUT, "test": HELD_OUT, "sha256": digest})


def _held_out(count: int) -> tuple[Examples, Examples]:
    return generated(Purpose.VALID, count), generated(Purpose.TEST, count)


def generated(purpose: Purpose, count: int) -> Examples:
    """The first `count` images of the stream that all seeds share for `purpose`."""
    # In pieces, so that all sets use one compiled program of moderate size.
    key, piece = shared_key(purpose), _piece()
    parts = [piece(key, np.uint32(first)) for first in range(0, count, PIECE)]
    pixels, labels = (np.concatenate([np.asarray(part[i]) for part in parts])[:count] for i in (0, 1))
    return Examples(pixels, labels)


@cache
def _piece() -> Any:
    """The compiled program that generates `PIECE` images from a key and the number of the first."""
    lower = {
        "images": lambda: jax.jit(shapeset.images, static_argnums=2).lower(
            shared_key(Purpose.PROBE), np.uint32(0), PIECE
        )
    }
    key = f"{PIECE} images of Shapeset"
    made, _ = program_cache.compiled(key, lower, _PIECE_OPTIONS, lambda: None, jax.local_devices()[:1])
    return made["images"]


assert HELD_OUT % BLOCK == 0
