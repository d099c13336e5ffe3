"""Tests the arithmetic of rates, the plain loop, and (slow) that everything that is timed runs."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.trained_networks import by_hand, config_of

from xavier_cli.config.run import RunConfig
from xavier_cli.training.bench.limits import Limits, measure_limits
from xavier_cli.training.bench.programs import READY_UPDATES, PlainLoop, ready_batches
from xavier_cli.training.bench.rates import (
    PLAIN_JAX,
    QUICK,
    THOROUGH,
    TRAIN,
    WHOLE,
    flops,
    measure,
    settings,
    traffic,
    with_looks,
)
from xavier_cli.training.bench.turns import Times
from xavier_cli.training.session import begin

LIMITS = Limits(2, 50.0, 100.0, 20.0, 10.0, 12.0)
SHORT = replace(QUICK, rounds=1, seconds=0)


def test_work_is_counted_as_the_paper_s_network_needs_it():
    plain, delayed = (settings(1000, 5, 4, rule) for rule in ("plain", "delayed:8"))
    weights = 1024 * 1000 + 4 * 1000**2 + 1000 * 9

    assert flops(plain) == flops(delayed) == 10 * (6 * weights - 2 * 1024 * 1000)
    # 20 MB forward, 16 back, 20 written.
    assert traffic(plain) == pytest.approx(56e6, rel=0.01)
    assert traffic(delayed) == pytest.approx(36e6 + 40e6 / 8, rel=0.01)


def test_what_is_timed_is_a_default_run_but_for_its_shape():
    assert settings(40, 3, 4) == RunConfig.of(width=40, depth=3, seeds=4)


@pytest.mark.parametrize("given", [{}, {"updates": 600, "records": 4, "jacobian_examples": 0}])
def test_looks_are_as_many_as_the_configuration_has(given):
    config = RunConfig.of(**given)
    records, differentiated = (20, 6) if not given else (4, 0)
    update, record, jacobians = Times(1, 0.5, 2), Times(30, 20, 40), Times(6, 5, 7)
    found = with_looks(config, update, 100.0, record, *[jacobians] * bool(differentiated))

    expected = 1 + ((records - 1) * 30 + 100 + differentiated * 6) / config.updates
    assert found.median == pytest.approx(expected)
    assert found.fastest < found.median < found.slowest


@pytest.fixture
def data(training_data):
    """The examples under a name that says nothing of their size."""
    return replace(training_data, facts=training_data.facts.model_copy(update={"name": "tiny"}))


def test_the_plain_loop_trains_the_network_as_its_code_has_it(data):
    config = config_of("by_hand", batch_size=10)
    loop = PlainLoop(config, data)
    loop.run(READY_UPDATES + 3)

    init, apply = by_hand((16,), 3)
    params = init(jax.random.key(0))
    x, labels = map(jnp.asarray, ready_batches(config, data))

    def loss(params, x, labels):
        logits = apply(params, x)
        return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), labels[:, None], 1))

    gradient_of = jax.jit(jax.grad(loss))
    for i in [*range(READY_UPDATES), 0, 1, 2]:
        gradient = gradient_of(params, x[i], labels[i])
        params = jax.tree.map(lambda w, g: w - 0.1 * g, params, gradient)
    for found, expected in zip(jax.tree.leaves(loop._params), jax.tree.leaves(params), strict=True):
        np.testing.assert_allclose(found, expected, rtol=2e-4, atol=2e-5)
    # A product of 16·12 + 2·12·12 + 12·3 weights ahead, twice back, but for the inputs' own.
    assert loop.flops == pytest.approx(10 * (6 * 516 - 2 * 192), rel=0.5)


def test_batches_have_channels_where_each_framework_has_them(data):
    facts = data.facts.model_copy(update={"inputs": 48, "shape": (3, 4, 4)})
    coloured = replace(data, inputs=48, facts=facts)
    config = config_of("by_hand", batch_size=7)
    last, first = (ready_batches(config, coloured, where) for where in ("last", "first"))

    assert last.x.shape == (READY_UPDATES, 7, 4, 4, 3)
    assert last.labels.shape == (READY_UPDATES, 7)
    np.testing.assert_array_equal(first.x, np.moveaxis(last.x, -1, 2))


@pytest.mark.slow
def test_every_program_of_a_perceptron_runs_and_the_limits_are_limits():
    rates, _ = measure(
        begin([settings(20, 2, 2)], None),
        measure_limits(2),
        replace(THOROUGH, rounds=1, compiled=False, seconds=0),
    )

    names = [rate.what for rate in rates if not rate.is_rival]
    assert names[0] == "bare JAX"
    assert names[-3:] == ["with generator", WHOLE, TRAIN]
    assert {"step, map", "step, vmap", "step, delayed:8"} <= {*names}
    assert all(0 < rate.flops_share < 1.5 for rate in rates)


@pytest.mark.slow
def test_every_program_of_a_custom_network_runs(data):
    has_torch = importlib.util.find_spec("torch") is not None

    def model():
        import torch

        return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 3))

    config = config_of("by_hand", updates=2000, records="20")
    training = begin([config], None, read=lambda *_: data)
    rates, _ = measure(training, LIMITS, SHORT, torch_model=model if has_torch else None)

    names = [rate.what for rate in rates if not rate.is_rival]
    assert names[0] == PLAIN_JAX
    assert names[-3:] == ["with shuffled data", WHOLE, TRAIN]
    assert {rate.net for rate in rates} == {"by_hand"}
    assert {rate.batch_size for rate in rates} == {10}
    assert any(rate.is_rival for rate in rates) == has_torch


def test_the_twins_in_pytorch_have_what_the_recipes_name():
    """The benchmark asks for a twin by the name of its recipe."""
    folder = Path(__file__).parents[3]
    twins = (folder / "tests" / "support" / "torch_recipe_networks.py").read_text()

    assert all(f'"{path.stem}": ' in twins for path in (folder / "recipes" / "networks").glob("*.py"))
