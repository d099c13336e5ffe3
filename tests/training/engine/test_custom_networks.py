"""Tests that the engine trains custom networks as reliably as perceptrons, whatever they are made of."""

from __future__ import annotations

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.trained_networks import FILE, config_of, engine_of

from xavier_cli.training.engine.architectures.architecture import sizes_of_network, with_layers
from xavier_cli.vocabulary.network_info import NetworkError
from xavier_cli.vocabulary.user_functions import UserFunctionError

UPDATES = 60
# Programs that a test has no use for need not be compiled.
TRAINED = ("init", "advance")
SEEN = (*TRAINED, "observe")


@pytest.fixture(scope="module")
def data(training_data):
    """The examples under a name that says nothing of their size."""
    return replace(training_data, facts=training_data.facts.model_copy(update={"name": "tiny"}))


def numbers(engine, *names) -> list[np.ndarray]:
    """The parameters of all members, or the parts of the state of these names."""
    return [
        np.asarray(leaf)
        for leaf in jax.tree.leaves([getattr(engine.state, name) for name in names or ("params",)])
    ]


def assert_same(some, others, rtol: float = 0.0) -> None:
    assert len(some) == len(others)
    for a, b in zip(some, others, strict=True):
        assert np.allclose(a, b, rtol=rtol, atol=rtol / 10) if rtol else a.tobytes() == b.tobytes()


def both(data, updates, wanted=SEEN, **settings):
    """The engines of `mlp` and of the same by hand, after so many updates."""
    lrs = settings.pop("lrs", (0.1, 0.02))
    engines = [
        engine_of(config_of(net, updates=updates, **settings, **more), data, lrs=lrs, wanted=wanted)
        for net, more in (("by_hand", {}), ("", {"net": "mlp", "depth": 3, "width": 12}))
    ]
    for engine in engines:
        engine.advance(0, updates)
    return engines


@pytest.mark.parametrize(
    "settings",
    [
        {"optimizer": "momentum:0.9"},
        {"optimizer": "adam", "lrs": (0.01, 0.003), "weight_decay": 0.1, "clip": 0.5, "schedule": "cosine"},
    ],
    ids=("momentum", "adam"),
)
def test_by_hand_it_trains_to_the_bits_of_mlp(data, settings):
    custom, perceptron = both(data, 120, **settings)

    assert_same(numbers(custom, "params", "optimizer"), numbers(perceptron, "params", "optimizer"))
    assert_same(numbers(custom, "loss_sum", "diverged_at"), numbers(perceptron, "loss_sum", "diverged_at"))
    mine, theirs = (engine.read(engine.observe(120, 1000), 1000) for engine in (custom, perceptron))
    for name in theirs:
        if name in mine and mine[name].shape == theirs[name].shape and "histogram" not in name:
            assert np.allclose(mine[name], theirs[name], rtol=1e-3, atol=1e-5, equal_nan=True), name
    assert {"weight/std", "backprop/std", "activation/saturated"} <= mine.keys() & theirs.keys()


def test_by_plain_descent_it_is_mlp_but_for_rounding(data):
    custom, perceptron = both(data, 1000, TRAINED, lrs=(0.1,))

    assert_same(numbers(custom), numbers(perceptron), rtol=1e-3)


@pytest.fixture(scope="module")
def mapped(data):
    engine = engine_of(config_of("by_hand", optimizer="momentum:0.9"), data, lrs=(0.1, 0.05))
    engine.advance(0, UPDATES)
    return numbers(engine, "params", "optimizer")


def test_however_they_are_laid_out_they_are_the_same(data, mapped):
    config = config_of("by_hand", optimizer="momentum:0.9")
    sharded, batched = (engine_of(config, data, each, lrs=(0.1, 0.05)) for each in ("sharded", "vmap"))
    sharded.advance(0, UPDATES)
    batched.advance(0, UPDATES)

    assert_same([leaf[:3] for leaf in numbers(sharded, "params", "optimizer")], mapped)
    assert_same(numbers(batched, "params", "optimizer"), mapped, rtol=1e-3)
    alone = engine_of(config.with_(seeds=(2,)), data, lrs=(0.05,))
    alone.advance(0, 23)
    alone.advance(23, UPDATES)
    assert_same(numbers(alone, "params", "optimizer"), [leaf[2:, 1:] for leaf in mapped])


@pytest.mark.parametrize("strategy", ["map", "vmap"])
def test_a_member_that_diverges_is_frozen_and_the_others_go_on(data, mapped, strategy):
    config = config_of("by_hand", optimizer="momentum:0.9")
    engine = engine_of(config, data, strategy, lrs=(1e38, 0.05), wanted=SEEN)
    engine.advance(0, UPDATES)
    diverged = engine.diverged_at()

    assert (diverged[:, 0] >= 0).all()
    assert (diverged[:, 1] == -1).all()
    found = numbers(engine, "params", "optimizer")
    assert all(np.isfinite(leaf).all() for leaf in found)
    assert_same([leaf[:, 1] for leaf in found], [leaf[:, 1] for leaf in mapped], 1e-3 * (strategy == "vmap"))
    seen = engine.read(engine.observe(UPDATES, 200), 200)
    assert np.isnan(seen["curves/train_loss"][:, 0]).all()
    assert np.isfinite(seen["curves/train_loss"][:, 1]).all()


def learning(data, net):
    """The engine of a network that learns with all that an update may have."""
    # Adam's epsilon is 0 in half precision.
    optimizer, lr = ("momentum:0.9", 0.05) if net == "of_float16" else ("adam", 0.02)
    settings = {"optimizer": optimizer, "clip": 1.0, "weight_decay": 0.01}
    return engine_of(config_of(net, seeds=1, **settings), data, lrs=(lr,), wanted=SEEN)


@pytest.mark.parametrize(
    "net",
    [
        "masked",
        "in_half_precision",
        "of_float16",
        "with_integers",
        "bare",
        "tied",
        "scanned",
        "by_custom_vjp",
        "oddly_named",
    ],
)
def test_whatever_it_is_made_of_it_learns_and_keeps_its_types(data, net):
    engine = learning(data, net)
    before, types = numbers(engine), [leaf.dtype for leaf in jax.tree.leaves(engine.state)]
    engine.advance(0, UPDATES)

    assert engine.diverged_at().item() == -1
    assert [leaf.dtype for leaf in jax.tree.leaves(engine.state)] == types
    assert any(not np.array_equal(a, b) for a, b in zip(before, numbers(engine), strict=True))
    first = np.asarray(engine.read(engine.observe(UPDATES, 200), 200)["curves/valid_error"]).item()
    assert first < 0.5  # of 0.67 by chance


def test_what_is_not_real_is_state_and_stays_as_it_was(data):
    engine = learning(data, "with_integers")
    before = numbers(engine, "moving")
    engine.advance(0, UPDATES)

    assert {leaf.dtype.name for leaf in before} == {"int32", "bool", "int8"}
    assert_same(numbers(engine, "moving"), before)


def test_weights_decay_and_nothing_else_does(data):
    """A parameter without effect, a scale: only decay could move the first."""
    decay, plain = (engine_of(config_of("unused", seeds=1, weight_decay=share), data) for share in (0.5, 0.0))
    names = [each.name for each in decay.architecture.info.trained]
    for engine in (decay, plain):
        engine.advance(0, 1)
    moved = {
        name: not np.array_equal(a, b)
        for name, a, b in zip(names, numbers(decay), numbers(plain), strict=True)
    }

    assert moved == {"a": True, "b": True, "nowhere": False, "scale": False}
    assert (numbers(decay)[names.index("nowhere")] == 1).all()


def test_no_gradient_moves_a_layer_that_is_frozen(data):
    engine = engine_of(config_of("frozen", seeds=1), data)
    first, last = numbers(engine)
    engine.advance(0, UPDATES)

    assert np.array_equal(numbers(engine)[0], first)
    assert not np.array_equal(numbers(engine)[1], last)


@pytest.mark.slow
def test_hundreds_of_small_parameters_compile(data):
    engine = engine_of(config_of("many", seeds=1), data)
    engine.advance(0, UPDATES)
    assert len(numbers(engine)) == 302


@pytest.mark.parametrize(
    ("net", "error", "told"),
    [
        ("failing", UserFunctionError, "failing` fails in training: ValueError: an odd batch"),
        ("empty", NetworkError, "its `none` of shape (0, 3) holds no numbers: leave it out"),
        ("control_characters", NetworkError, "has a name with control characters"),
    ],
)
def test_what_cannot_be_trained_is_told_in_a_line_before_training(data, net, error, told):
    with pytest.raises(error) as raised:
        engine_of(config_of(net), data)
    assert told in str(raised.value)
    assert str(FILE) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_sizes_are_those_of_the_network(data):
    config = config_of("by_hand")
    sizes = sizes_of_network(config, data)
    wide, classes, examples = data.inputs, data.classes, len(data.probe.labels)

    assert sizes.parameters == sizes.kept == 13 * 12 * 2 + (wide + 1) * 12 + 13 * classes
    assert sizes.met == examples * (wide + 12 * 6 + classes)
    (counted,) = with_layers([config], data)
    assert (counted.weight_layers, counted.sha256()) == (4, config.sha256())


def test_numbers_that_were_infinite_may_stay_so_and_no_others_become_so():
    from xavier_cli.training.step.member import freeze_if_diverged, init_state

    mask, weight = jnp.array([0.0, -jnp.inf]), jnp.ones(2)
    state = init_state((mask, weight), moving=(jnp.ones(1),))

    def after(mask, weight, moving=1.0):
        return freeze_if_diverged(
            state, (mask, weight), (), jnp.float32(1), 7, (jnp.full(1, moving),), may_be_infinite=True
        )

    assert after(mask, 2 * weight).diverged_at == -1
    assert after(mask, 2 * weight, -jnp.inf).diverged_at == -1
    for lost in (after(mask - jnp.inf, weight), after(mask, weight * jnp.nan), after(mask, weight, jnp.nan)):
        assert lost.diverged_at == 7
        assert_same([*map(np.asarray, lost.params)], [np.asarray(mask), np.asarray(weight)])
        assert lost.moving[0] == 1
