"""Delayed updates train as plain ones do but for rounding, and how training is cut up changes no bit."""

from __future__ import annotations

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from xavier_cli.config.run import RunConfig
from xavier_cli.errors import ConfigError
from xavier_cli.nn.initializers import make_initializer
from xavier_cli.nn.losses import cross_entropy
from xavier_cli.nn.mlp import Dense, init_params, layer_sizes
from xavier_cli.training.engine.layout import GRID, choose_layout
from xavier_cli.training.step.delayed import init_pending, make_delayed_multi_step
from xavier_cli.training.step.member import factored_gradients, init_state, make_multi_step, make_sgd_step
from xavier_cli.vocabulary.resolve import find_initializer

SIZES = layer_sizes(inputs=20, depth=3, width=14, classes=5)
BATCH, UPDATES, LR, EVERY = 4, 100, 0.1, 7
RNG = np.random.default_rng(0)
X = jnp.asarray(RNG.uniform(-1, 1, (UPDATES, BATCH, SIZES[0])), jnp.float32)
LABELS = jnp.asarray(RNG.integers(0, SIZES[-1], (UPDATES, BATCH)), jnp.int32)


def batches(t):
    return X[t], LABELS[t]


@cache
def start():
    return init_state(
        jax.jit(init_params, static_argnums=(1, 2))(
            key(), SIZES, make_initializer(find_initializer("normalized"))
        )
    )


def key():
    return jax.random.key(1)


def delayed_start():
    state = start()
    return state._replace(optimizer=init_pending(state.params, EVERY * BATCH))


@cache
def trained(kind: str):
    """A function `(state, first, last, lr, records) -> state`, compiled."""
    multi_step = (
        make_multi_step(make_sgd_step(jnp.tanh, cross_entropy))
        if kind == "plain"
        else make_delayed_multi_step(jnp.tanh, cross_entropy, EVERY)
    )
    return jax.jit(
        lambda state, first, last, lr, records: multi_step(state, first, last, batches, lr, records)
    )


def assert_close(params, others) -> None:
    for a, b in zip(jax.tree.leaves(params), jax.tree.leaves(others), strict=True):
        assert np.allclose(a, b, rtol=2e-5, atol=2e-6)


def test_a_hundred_delayed_updates_are_a_hundred_plain_ones():
    plain = trained("plain")(start(), 0, UPDATES, LR, (0, UPDATES))
    delayed = trained("delayed")(delayed_start(), 0, UPDATES, LR, (0, UPDATES))

    assert_close(delayed.params, plain.params)
    assert float(delayed.loss_sum) == pytest.approx(float(plain.loss_sum), rel=1e-5)
    # At a record nothing is pending.
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(delayed.optimizer))


def test_in_between_the_weights_rest_and_the_change_is_a_product_of_rows():
    """The twin: whole weights W + Uᵀ V made anew for each update, rows kept in lists."""
    state = delayed_start()
    params, us, vs = list(state.params), [[] for _ in SIZES[1:]], [[] for _ in SIZES[1:]]
    gradients = jax.jit(
        lambda params, x, labels: factored_gradients(
            params,
            x,
            labels,
            jnp.float32(LR),
            jnp.tanh,
            cross_entropy,
            lambda i, z: z @ params[i].weight,
            lambda i, delta: delta @ params[i].weight.T,
        )
    )
    last = 2 * EVERY + 3
    for t in range(last):
        whole = [
            layer._replace(weight=layer.weight + sum(u.T @ v for u, v in zip(*rows, strict=True)))
            for layer, rows in zip(params, zip(us, vs, strict=True), strict=True)
        ]
        factored = gradients(tuple(whole), *batches(t))
        for i, (z, delta) in enumerate(zip(factored.inputs, factored.deltas, strict=True)):
            us[i].append(np.asarray(z))
            vs[i].append(-LR * np.asarray(delta))
            params[i] = Dense(params[i].weight, params[i].bias + vs[i][-1].sum(axis=0))
            if len(us[i]) == EVERY:
                change = sum(u.T @ v for u, v in zip(us[i], vs[i], strict=True))
                params[i], us[i], vs[i] = Dense(params[i].weight + change, params[i].bias), [], []
    state = trained("delayed")(state, 0, last, LR, (0, UPDATES))

    assert_close(state.params, tuple(params))
    for got, rows in zip(state.optimizer.inputs, us, strict=True):
        assert np.allclose(got[: 3 * BATCH], np.concatenate(rows), atol=1e-5)
        assert not np.any(got[3 * BATCH :])


def test_segments_change_no_bit_and_records_decide_where_weights_are_whole():
    train = trained("delayed")
    whole = train(delayed_start(), 0, 40, LR, (0, 40))
    cut = delayed_start()
    for first, last in [(0, 3), (3, 8), (8, 14), (14, 15), (15, 40)]:
        cut = train(cut, first, last, LR, (0, 40))
    recorded = train(train(delayed_start(), 0, 10, LR, (0, 10)), 10, 40, LR, (10, 40))

    for a, b in zip(jax.tree.leaves(whole), jax.tree.leaves(cut), strict=True):
        assert np.array_equal(a, b)
    assert_close(recorded.params, whole.params)
    assert not np.array_equal(recorded.params[0].weight, whole.params[0].weight)


def test_a_bad_update_freezes_the_member_as_the_plain_step_does():
    states = {"plain": start(), "delayed": delayed_start()}
    for kind, state in states.items():
        for first, last, lr in [(0, 30, LR), (30, 31, 1e30), (31, 60, LR)]:
            state = trained(kind)(state, first, last, lr, (0, 60))
        states[kind] = state
    healthy = trained("delayed")(delayed_start(), 0, 30, LR, (0, 30))

    assert int(states["plain"].diverged_at) == int(states["delayed"].diverged_at)
    assert int(states["delayed"].diverged_at) in (30, 31)
    assert_close(states["delayed"].params, states["plain"].params)
    if int(states["delayed"].diverged_at) == 30:
        assert_close(states["delayed"].params, healthy.params)


def test_a_population_over_two_devices_is_the_mapped_one_bit_for_bit():
    multi_step = make_delayed_multi_step(jnp.tanh, cross_entropy, EVERY)
    rates = np.array([[0.1], [0.2], [0.3], [0.4]], np.float32)

    def program(layout):
        def member(lr):
            return multi_step(delayed_start(), 0, 10, batches, lr, (0, UPDATES))

        spread = layout.spread(lambda rates: layout.over(layout.over(member))(rates), (GRID,))
        return jax.jit(spread)(layout.place(rates, GRID))

    mapped, sharded = (program(choose_layout(4, 1, strategy)) for strategy in ("map", "sharded"))

    assert len(sharded.loss_sum.sharding.device_set) == 2
    for a, b in zip(jax.tree.leaves(mapped), jax.tree.leaves(sharded), strict=True):
        assert np.array_equal(a, b)


@pytest.fixture(scope="module")
def make_delayed(make_engine):
    def make(strategy):
        return make_engine(strategy, update_rule="delayed:7", records="every:50", jacobian_examples=0)

    return make


@pytest.mark.slow
def test_devices_segments_and_going_on_change_no_bit(make_delayed):
    mapped, sharded = make_delayed("map"), make_delayed("sharded")
    # The last two updates follow a record, and wait.
    mapped.advance(0, 102)
    sharded.advance(0, 31)
    sharded.start(sharded.host_state())
    for first, last in [(31, 50), (50, 61), (61, 102)]:
        sharded.advance(first, last)

    assert any(np.any(leaf) for leaf in jax.tree.leaves(mapped.state.optimizer))
    for a, b in zip(*(jax.tree.leaves(engine.state) for engine in (mapped, sharded)), strict=True):
        assert np.array_equal(np.asarray(a)[:3], np.asarray(b)[:3])


def test_auto_is_resolved_by_the_shape_before_it_is_hashed():
    assert RunConfig.of().update_rule == "plain"
    assert RunConfig.of(update_rule="plain").sha256() == RunConfig.of().sha256()
    assert RunConfig.of(width=1000).update_rule == "delayed:8"
    assert RunConfig.of(width=1000, updates=0).update_rule == "plain"
    assert RunConfig.of(width=1000, batch_size=100).update_rule == "plain"
    assert RunConfig.of(width=(1000, 300)).update_rule == "plain"
    assert RunConfig.of(width=1000, update_rule="plain").update_rule == "plain"
    assert RunConfig.of(update_rule="delayed:08").update_rule == "delayed:8"


@pytest.mark.parametrize(
    "text", ["delayed", "delayed:1", "delayed:-3", "delayed:x", "plain:2", "delayed:1001", ""]
)
def test_other_rules_are_refused_by_name(text):
    with pytest.raises(ConfigError, match="update_rule: should be `auto`, `plain` or `delayed:K`"):
        RunConfig.of(update_rule=text)
