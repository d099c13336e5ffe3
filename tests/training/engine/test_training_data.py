"""Tests the training data of a population: fixed Shapeset images, floats, held-out parts of any size."""

from __future__ import annotations

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.drawn_numbers import normal

from xavier_cli.config.run import RunConfig
from xavier_cli.data.coding import decode
from xavier_cli.data.sets import DataDamagedError
from xavier_cli.data.spread import spread_order
from xavier_cli.nn.activations import make_activation
from xavier_cli.nn.losses import LOSSES
from xavier_cli.nn.mlp import Dense
from xavier_cli.nn.network import Network
from xavier_cli.training.engine.batches import FiniteBatches
from xavier_cli.training.engine.training_data import prepare
from xavier_cli.training.probes import evaluation
from xavier_cli.training.probes.evaluation import evaluate
from xavier_cli.vocabulary.datasets import DatasetInfo, find_data
from xavier_cli.vocabulary.resolve import find_activation


@pytest.fixture(scope="module")
def stream_and_fixed():
    return tuple(prepare(RunConfig.of(data=data), None) for data in ("shapeset", "shapeset:40"))


def test_a_finite_shapeset_has_the_streams_test_set_and_other_images_to_train_on(stream_and_fixed):
    stream, fixed = stream_and_fixed

    for part in ("valid", "test", "probe"):
        for one, other in zip(getattr(stream, part), getattr(fixed, part), strict=True):
            assert np.array_equal(one, other)
    assert isinstance(fixed.batch_source, FiniteBatches)
    assert fixed.batch_source.arrays.pixels.shape == (40, 1024)
    train = {np.asarray(row).tobytes() for row in fixed.batch_source.arrays.pixels}
    assert len(train) == 40
    assert not train & {row.tobytes() for row in fixed.test.pixels}


def test_more_fixed_images_begin_with_the_same_ones(stream_and_fixed):
    fixed = stream_and_fixed[1]
    more = prepare(RunConfig.of(data="shapeset:50"), None)

    assert np.array_equal(more.batch_source.arrays.pixels[:40], fixed.batch_source.arrays.pixels)
    assert more.facts.sha256 != fixed.facts.sha256
    assert more.facts.guessing_error == find_data("shapeset").facts.guessing_error


def test_arrays_are_learnt_from_as_they_are(tmp_path):
    x = np.random.default_rng(0).normal(size=(4000, 3)).astype(np.float32)
    np.savez(tmp_path / "set.npz", x=x, y=np.arange(4000) % 2)
    training_data = prepare(RunConfig.of(data=str(tmp_path / "set.npz")), None)
    seen = np.asarray(decode(jnp.asarray(training_data.probe.pixels), (0.0, 1.0)))

    assert (training_data.inputs, training_data.classes) == (3, 2)
    assert {row.tobytes() for row in seen} <= {row.tobytes() for row in x}
    assert np.allclose(decode(jnp.asarray(x), (-1.0, 1.0)), 2 * x - 1)


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_standardized_inputs_have_the_training_parts_mean_and_deviation(tmp_path, kind):
    x = np.random.default_rng(0).integers(30, 230, (4000, 3)).astype(kind)
    np.savez(tmp_path / "set.npz", x=x, y=np.arange(4000) % 2)
    plain = prepare(RunConfig.of(data=str(tmp_path / "set.npz")), None)
    config = RunConfig.of(data=str(tmp_path / "set.npz"), coding="standardize")
    training_data = prepare(config, None)
    train = np.asarray(training_data.batch_source.arrays.pixels)
    mean, deviation = training_data.facts.standardized

    assert train.dtype == np.float32
    assert abs(train.mean()) < 1e-5
    assert abs(train.std() - 1) < 1e-5
    white = 255 if kind == np.uint8 else 1
    for part in ("valid", "test", "probe"):
        one, other = getattr(plain, part).pixels, getattr(training_data, part).pixels
        assert np.allclose(other * deviation + mean, one / white, rtol=1e-5, atol=1e-5)
    # What a run was trained on is known by what was read, whatever was made of it.
    assert training_data.facts.sha256 == plain.facts.sha256
    assert DatasetInfo.from_json(training_data.facts.to_json()) == training_data.facts
    assert any("standardized: mean" in note for note in training_data.facts.notes)
    assert bool(plain.facts.warnings) == (kind == np.float32)
    assert not training_data.facts.warnings


def test_a_finite_shapeset_is_standardized_with_all_its_parts():
    plain = prepare(RunConfig.of(data="shapeset:50"), None)
    training_data = prepare(RunConfig.of(data="shapeset:50", coding="standardize"), None)
    mean, deviation = training_data.facts.standardized

    for part in ("valid", "test", "probe"):
        one, other = getattr(plain, part).pixels, getattr(training_data, part).pixels
        assert np.allclose(other * deviation + mean, one / 255, atol=1e-5)


def test_constant_inputs_cannot_be_standardized(tmp_path):
    np.savez(tmp_path / "set.npz", x=np.full((4000, 3), 0.5), y=np.arange(4000) % 2)

    with pytest.raises(DataDamagedError, match=r"all training pixels are 0\.5"):
        prepare(RunConfig.of(data=str(tmp_path / "set.npz"), coding="standardize"), None)


@cache
def evaluated(count):
    """A function of a number of examples: what `evaluate` says of the first of `count`; and all of them."""
    rng = np.random.default_rng(1)
    params = tuple(Dense(normal(at, *fans), jnp.zeros(fans[1])) for at, fans in enumerate([(4, 6), (6, 3)]))
    x, labels = rng.random((count, 4), np.float32), np.arange(count, dtype=np.int32) % 3
    act, loss = make_activation(find_activation("tanh")), LOSSES["cross_entropy"]

    @jax.jit
    def first(examples):
        def logits_of(x):
            return Network(act).forward(params, x)[0]

        return evaluate(jnp.asarray(x), jnp.asarray(labels), examples, logits_of, loss, (0.0, 1.0))

    logits = np.tanh(x @ np.asarray(params[0].weight)) @ np.asarray(params[1].weight)
    return first, np.argmax(logits, axis=-1) == labels, np.asarray(loss(logits, labels))


@pytest.mark.parametrize("count", [7, 450, 500, 501, 1250])
@pytest.mark.parametrize("examples", [1, 499, 2000])
def test_errors_on_any_number_of_examples_are_those_of_one_big_batch(count, examples):
    first, right, losses = evaluated(count)
    seen = first(jnp.int32(examples))

    few = min(examples, count)
    assert np.array_equal(seen.correct, np.where(np.arange(count) < few, right, 0))
    assert float(seen.error) == pytest.approx(1 - right[:few].mean(), abs=1e-6)
    assert float(seen.loss) == pytest.approx(losses[:few].mean(), rel=1e-5)


def test_an_order_of_few_examples_holds_each_once():
    assert sorted(spread_order(450, 2000).tolist()) == list(range(450))
    assert evaluation.BLOCK > 450
