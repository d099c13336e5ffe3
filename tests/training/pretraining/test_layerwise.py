"""Pre-training is what it says, against NumPy and a plain loop; and nothing else moves for it."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from xavier_cli.config.run import RunConfig
from xavier_cli.data.coding import decode
from xavier_cli.nn.activations import make_activation
from xavier_cli.nn.mlp import Dense
from xavier_cli.runs.checkpoint import checkpoint_paths, read_checkpoint
from xavier_cli.runs.deviation import differences
from xavier_cli.runs.store import read_run
from xavier_cli.training import retrain
from xavier_cli.training.engine import loop
from xavier_cli.training.engine.engine import Engine
from xavier_cli.training.engine.layout import choose_layout
from xavier_cli.training.engine.loop import NoRunError, TrainingHooks
from xavier_cli.training.engine.population import population_of
from xavier_cli.training.keys import Purpose, seed_key
from xavier_cli.training.pretraining.autoencoder import autoencoder_gradient, masked
from xavier_cli.training.pretraining.boltzmann import divergence
from xavier_cli.training.pretraining.layerwise import make_gradient, make_pretraining, units_below
from xavier_cli.training.pretraining.units import FactoredGradient, Units
from xavier_cli.training.resumable import train_to_file
from xavier_cli.vocabulary.resolve import find_activation

BATCH, FAN_IN, FAN_OUT = 7, 6, 5
SYMMETRIC, UNIT, REAL = Units(-1.0, 1.0), Units(0.0, 1.0), Units()


def case(units, seed=0):
    """A layer, its visible biases, and a batch within the units' range, in double precision."""
    rng = np.random.default_rng(seed)
    weight, bias, visible = (
        rng.normal(0, 0.5, (FAN_IN, FAN_OUT)),
        rng.normal(size=FAN_OUT),
        rng.normal(size=6),
    )
    low, high = (units.low, units.high) if units.are_binary else (-2.0, 3.0)
    return weight, bias, visible, rng.uniform(low, high, (BATCH, FAN_IN))


def in_single(weight, bias, visible, x):
    return Dense(jnp.float32(weight), jnp.float32(bias)), jnp.float32(visible), jnp.float32(x)


def numpy_loss(weight, bias, visible, given, x, units):
    """The reconstruction loss as the textbooks write it, of tanh hidden units."""
    a = np.tanh(given @ weight + bias) @ weight.T + visible
    if units == SYMMETRIC:
        each = -(1 + x) / 2 * np.log((1 + np.tanh(a)) / 2) - (1 - x) / 2 * np.log((1 - np.tanh(a)) / 2)
    elif units == UNIT:
        r = 1 / (1 + np.exp(-a))
        each = -x * np.log(r) - (1 - x) * np.log(1 - r)
    else:
        each = (x - a) ** 2 / 2
    return each.sum(axis=1).mean()


@pytest.mark.parametrize("units", [SYMMETRIC, UNIT, REAL], ids=["symmetric", "unit", "gaussian"])
def test_an_auto_encoders_gradient_is_that_of_central_differences(units):
    *parameters, x = case(units)
    given = np.where(np.random.default_rng(1).random(x.shape) < 0.7, x, 0.0)
    layer, visible, single = in_single(*parameters, x)
    factored = autoencoder_gradient(layer, visible, jnp.float32(given), single, jnp.tanh, units)
    found = factored.left.T @ factored.right, factored.hidden, factored.visible

    for number, gradient in enumerate(found):
        differences = np.empty(gradient.shape)
        for at in np.ndindex(gradient.shape):
            ends = []
            for side in (1e-5, -1e-5):
                moved = [each.copy() for each in parameters]
                moved[number][at] += side
                ends.append(numpy_loss(*moved, given, x, units))
            differences[at] = (ends[0] - ends[1]) / 2e-5
        np.testing.assert_allclose(gradient, differences, rtol=2e-4, atol=2e-5)


def test_an_auto_encoders_gradient_by_hand_is_jaxs_own():
    layer, visible, x = in_single(*case(SYMMETRIC))
    given = masked(jax.random.key(3), x, 0.3)

    def loss(layer, visible):
        a = jnp.tanh(given @ layer.weight + layer.bias) @ layer.weight.T + visible
        # Cross-entropy of units of the values -1 and 1, in logits.
        return jnp.mean(jnp.sum(jax.nn.softplus(2 * a) - (1 + x) * a, axis=1))

    by_jax = jax.grad(loss, (0, 1))(layer, visible)
    factored = autoencoder_gradient(layer, visible, given, x, jnp.tanh, SYMMETRIC)

    np.testing.assert_allclose(factored.left.T @ factored.right, by_jax[0].weight, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(factored.hidden, by_jax[0].bias, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(factored.visible, by_jax[1], rtol=1e-5, atol=1e-6)


def sigmoid(s):
    return 1 / (1 + np.exp(-s))


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("units", [UNIT, REAL, SYMMETRIC], ids=["unit", "gaussian", "symmetric"])
def test_contrastive_divergence_is_numpys_with_the_same_random_bits(units, steps):
    weight, bias, visible, x = case(units)
    hidden = SYMMETRIC if units == SYMMETRIC else UNIT
    key = jax.random.key(5)
    layer, single_visible, single = in_single(weight, bias, visible, x)
    factored = divergence(layer, single_visible, single, key, units, hidden, steps)

    v = x
    for k in range(steps):
        drawn = np.asarray(jax.random.uniform(jax.random.fold_in(key, k), (BATCH, FAN_OUT)))
        s = v @ weight + bias
        h = np.where(drawn < sigmoid(2 * s), 1, -1) if hidden == SYMMETRIC else drawn < sigmoid(s)
        a = h @ weight.T + visible
        v = a if units == REAL else np.tanh(a) if units == SYMMETRIC else sigmoid(a)
    mean = np.tanh if hidden == SYMMETRIC else sigmoid
    seen, dreamt = mean(x @ weight + bias), mean(v @ weight + bias)
    np.testing.assert_allclose(
        factored.left.T @ factored.right, (v.T @ dreamt - x.T @ seen) / BATCH, rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(factored.hidden, (dreamt - seen).mean(axis=0), rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(factored.visible, (v - x).mean(axis=0), rtol=1e-4, atol=1e-5)
    assert float(factored.error) == pytest.approx(((v - x) ** 2).mean(), rel=1e-4)


def test_masking_leaves_out_its_share_and_nothing_else():
    x = jnp.ones((200, 500))
    kept = np.asarray(masked(jax.random.key(0), x, 0.25))

    assert set(np.unique(kept)) == {0.0, 1.0}
    assert kept.mean() == pytest.approx(0.75, abs=0.01)
    assert np.array_equal(masked(jax.random.key(0), x, 0.0), x)


@pytest.mark.parametrize(
    ("settings", "images", "above"),
    [
        ({"pretrain": "dae", "act": "tanh"}, SYMMETRIC, SYMMETRIC),
        ({"pretrain": "dae", "act": "relu", "coding": "0,1"}, UNIT, Units(0.0, math.inf)),
        ({"pretrain": "rbm", "act": "sigmoid"}, REAL, UNIT),
        ({"pretrain": "rbm", "act": "sigmoid", "coding": "0,1"}, UNIT, UNIT),
        ({"pretrain": "rbm:visible=binary", "act": "tanh"}, SYMMETRIC, SYMMETRIC),
        ({"pretrain": "dae", "act": "tanh", "data": "mnist", "coding": "standardize"}, REAL, SYMMETRIC),
        ({"pretrain": "rbm", "act": "sigmoid", "data": "mnist", "coding": "standardize"}, REAL, UNIT),
        ({"pretrain": "rbm:visible=gaussian", "act": "sigmoid", "coding": "0,1"}, REAL, UNIT),
    ],
)
def test_what_a_layer_is_rebuilt_in_follows_from_coding_and_activation(settings, images, above):
    config = RunConfig.of(**settings)
    ranges = {"tanh": (-1.0, 1.0), "sigmoid": (0.0, 1.0), "relu": (0.0, math.inf)}

    assert units_below(config, 0, ranges[config.act]) == images
    assert units_below(config, 1, ranges[config.act]) == above
    assert above.are_binary == (config.act != "relu")


def config_of(**settings):
    return RunConfig.of(
        **{"data": "mnist", "depth": 2, "width": 10, "updates": 60, "records": "3", "eval_examples": 200}
        | {"seeds": 3, "lr": 0.1, "jacobian_examples": 0}
        | {"pretrain": "dae", "pretrain_updates": 50, "pretrain_lr": 0.02}
        | settings
    )


def engine_of(training_data, config, strategy="map", programs=("init", "pretrain")):
    layout = choose_layout(len(config.seeds), 1, strategy)
    engine = Engine(population_of(config), training_data, layout)
    engine.start(wanted=programs)
    return engine


@pytest.fixture(scope="module")
def pretrained(training_data):
    """What members are one after another, before and after: its engine, and two states on the host."""
    engine = engine_of(training_data, config_of())
    before = engine.host_state()
    # In pieces that fit neither chunks nor layers.
    for first, last in [(0, 1), (1, 47), (47, 52), (52, 100)]:
        engine.pretrain(first, last)
    return engine, before, engine.host_state()


def test_the_compiled_program_is_a_plain_loop_over_the_layers(pretrained, training_data):
    engine, before, after = pretrained
    config, batch_source, act = (
        config_of(),
        training_data.batch_source,
        make_activation(find_activation("tanh")),
    )
    gradients = [jax.jit(make_gradient(config, act, (-1.0, 1.0), number)) for number in (0, 1)]
    seed = 1
    layers = [Dense(*(before[f"params/{i}/{part}"][seed, 0] for part in ("weight", "bias"))) for i in (0, 1)]
    visible, errors = [np.zeros(16, np.float32), np.zeros(10, np.float32)], np.zeros((2, 50))
    key, chunk = seed_key(seed, Purpose.PRETRAINING_NOISE), -1

    @jax.jit
    def taken(chunk):
        cursor = batch_source.start(jnp.uint32(seed), chunk, batch_source.arrays, pretraining=True)
        return decode(batch_source.next_chunk(cursor, chunk, batch_source.arrays)[1].pixels, config.coding)

    for t in range(100):
        if t // 23 != chunk:
            chunk = t // 23  # An epoch, of which each is a chunk.
            images = np.asarray(taken(chunk))
        x, number = images[(t - 23 * chunk) * 10 :][:10], t // 50
        for below in layers[:number]:
            x = np.tanh(x @ below.weight + below.bias)
        factored = gradients[number](layers[number], visible[number], x, jax.random.fold_in(key, t))
        left, right, down, up, error = map(np.asarray, factored)
        weight, bias = layers[number][:2]
        layers[number] = Dense(weight - 0.02 * left.T @ right, bias - 0.02 * down)
        visible[number] = visible[number] - 0.02 * up
        errors[number, t % 50] = error

    for number, layer in enumerate(layers):
        np.testing.assert_allclose(after[f"params/{number}/weight"][seed, 0], layer.weight, atol=1e-5)
        np.testing.assert_allclose(after[f"params/{number}/bias"][seed, 0], layer.bias, atol=1e-5)
        np.testing.assert_allclose(
            after[f"pretraining/visible/{number}"][seed, 0], visible[number], atol=1e-5
        )
    by_record = [errors[:, first : first + 3].mean(axis=1) for first in range(0, 50, 3)]
    np.testing.assert_allclose(engine.reconstruction_errors()[seed, 0].T, by_record, rtol=1e-4)


def test_hidden_layers_learn_to_rebuild_and_the_output_layer_stays(pretrained):
    engine, before, after = pretrained
    errors = engine.reconstruction_errors()

    assert errors.shape == (3, 1, 2, 17)
    assert (errors[..., -1] < 0.9 * errors[..., 0]).all()
    assert np.array_equal(after["params/2/weight"], before["params/2/weight"])
    assert not after["params/2/bias"].any()


@pytest.mark.slow
def test_members_spread_over_devices_are_the_same_bits(pretrained, training_data):
    spread = engine_of(training_data, config_of(), "sharded")
    spread.pretrain(0, 100)
    state = spread.host_state()

    assert all(np.array_equal(state[name], array) for name, array in pretrained[2].items())


@pytest.mark.slow
def test_one_seed_alone_is_that_seed_among_others(pretrained, training_data):
    alone = engine_of(training_data, config_of(seeds="1,"))
    alone.pretrain(0, 100)

    for name, array in alone.host_state().items():
        assert np.array_equal(array[0], pretrained[2][name][1]), name


@pytest.mark.slow
@pytest.mark.parametrize("pretrain", ["dae", "rbm"])
def test_members_at_the_same_time_agree_to_rounding(training_data, pretrain):
    states = []
    for strategy in ("map", "vmap"):
        engine = engine_of(training_data, config_of(pretrain=pretrain), strategy)
        engine.pretrain(0, 100)
        states.append(engine.host_state())

    for name, array in states[0].items():
        np.testing.assert_allclose(states[1][name], array, atol=1e-4, err_msg=name)


@pytest.mark.slow
def test_training_after_it_sees_the_batches_that_it_would_see_without(training_data):
    """A rate so small that nothing moves leaves the bits of a training without pre-training."""
    still, without = config_of(pretrain_lr=1e-30), config_of(pretrain="none")
    programs = ("init", "pretrain", "advance")
    engines = [engine_of(training_data, config, programs=programs) for config in (still, without)]
    engines[0].pretrain(0, 100)
    for engine in engines:
        engine.advance(0, 60)
    states = [engine.host_state() for engine in engines]

    for name, array in states[1].items():
        assert np.array_equal(states[0][name], array), name


def test_a_member_that_diverges_is_frozen_while_finite():
    config = config_of(act="identity", pretrain_lr=1e5, depth=1)
    pretrain = make_pretraining(config, make_activation(find_activation("identity")), (-math.inf, math.inf))
    from xavier_cli.nn.network import make_network
    from xavier_cli.training.engine.architectures.perceptron_programs import make_begin

    params = tuple(Dense(jnp.full(shape, 0.5), jnp.zeros(shape[1])) for shape in ((16, 10), (10, 3)))
    state = make_begin(config, make_network(config))(params, jnp.uint32(0))
    x = jnp.asarray(np.random.default_rng(0).random((500, 16), np.float32))
    after = jax.jit(
        lambda state: pretrain(state, jnp.int32(0), 0, 50, lambda t: t * 10, x, jax.random.key(0))
    )(state)

    assert int(after.diverged_at) == 0
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(after.params))
    assert np.isnan(after.pretraining.errors[0, -1])


@pytest.mark.parametrize("stops", [[30, 70], [100, -40]], ids=["in either layer", "at its end, in training"])
def test_a_pre_training_that_was_interrupted_ends_in_the_same_bits(
    training_data, whole, tmp_path, monkeypatch, stops
):
    path, notes = tmp_path / "run.h5", []
    for stop in stops:
        with monkeypatch.context() as patch:
            patch.setattr(loop, "FIRST_SEGMENT", 7)
            patch.setattr(loop, "SEGMENT_SECONDS", 0.0)
            reached = []

            def report(progress, stop=stop, reached=reached):
                in_training = progress.doing == "training"
                if progress.updates >= abs(stop) and (
                    in_training if stop < 0 else progress.doing == "pretraining"
                ):
                    reached.append(progress)

            hooks = TrainingHooks(report, lambda reached=reached: bool(reached))
            if 0 < stop < 100:
                with pytest.raises(NoRunError, match=f"stopped in pre-training layer {stop // 50 + 1} of 2"):
                    train_to_file(config_of(), training_data, path, hooks=hooks, note=notes.append)
                assert not path.exists()
                kept = read_checkpoint(checkpoint_paths(path)[0]).arrays
                assert stop <= kept["seeds/history/pretrained"] < stop + 7
            else:
                assert train_to_file(config_of(), training_data, path, hooks=hooks).status == "interrupted"
    train_to_file(config_of(), training_data, path)
    run = read_run(path)

    assert set(run.arrays) == set(whole.arrays)
    for name, array in run.arrays.items():
        assert array.tobytes() == whole[name].tobytes(), name


@pytest.fixture(scope="module")
def whole(training_data, tmp_path_factory, compiled_once):
    path = tmp_path_factory.mktemp("whole") / "run.h5"
    train_to_file(config_of(), training_data, path)
    return read_run(path)


def test_a_run_file_has_the_curve_of_every_layer_and_no_predictions(whole):
    error = whole["pretraining/reconstruction_error"]

    assert error.shape == (3, 2, 17)
    assert whole["pretrain_update"].tolist() == [*range(3, 50, 3), 50]
    assert (error[..., -1] < error[..., 0]).all()
    assert not [name for name in whole.arrays if name.startswith("theory/")]


def test_a_run_spread_over_devices_has_the_bits_of_members_one_after_another(whole, pretrained):
    errors = pretrained[0].reconstruction_errors()[:, 0].astype(np.float32)

    assert whole.provenance["strategy"] == "sharded"
    assert whole["pretraining/reconstruction_error"].tobytes() == errors.tobytes()


def test_thin_factors_have_two_rows_for_each_example():
    layer, visible, x = in_single(*case(UNIT))
    for factored in (
        autoencoder_gradient(layer, visible, x, x, jnp.tanh, UNIT),
        divergence(layer, visible, x, jax.random.key(0), UNIT, UNIT, 1),
    ):
        assert isinstance(factored, FactoredGradient)
        assert factored.left.shape == (2 * BATCH, FAN_IN)
        assert factored.right.shape == (2 * BATCH, FAN_OUT)


@pytest.mark.parametrize("updates", [0, 30])
def test_verify_pre_trains_all_of_it_before_it_compares(whole, training_data, monkeypatch, updates):
    monkeypatch.setattr(retrain, "prepare", lambda config, data_dir: training_data)
    again = retrain.train_again(whole, None, updates=updates)

    assert again.updates.tolist() == [0, 30][: 1 + bool(updates)]
    assert all(each.same_bits for each in differences(whole, again))
