"""Loss surfaces against NumPy, and around a network that is trained again."""

import jax
import numpy as np
import pytest
from support.numpy_network import as_float64, forward, losses

from xavier_cli.config.run import RunConfig
from xavier_cli.nn.initializers import make_initializer
from xavier_cli.nn.mlp import init_params, layer_sizes
from xavier_cli.runs.surface import SurfaceConfig
from xavier_cli.training import surface as room
from xavier_cli.training.engine.layout import choose_layout
from xavier_cli.training.engine.loop import TrainingHooks
from xavier_cli.vocabulary.resolve import find_initializer

TINY = RunConfig.of(data="mnist", depth=3, width=12, updates=40, lr=0.1, seeds="1,2")


@pytest.fixture(scope="module")
def trained():
    params = init_params(
        jax.random.key(0), layer_sizes(16, 3, 12, 3), make_initializer(find_initializer("normalized"))
    )
    rng = np.random.default_rng(0)
    inputs = rng.uniform(-1, 1, (7, 16)).astype(np.float32)
    return room.Trained(None, params, inputs, rng.integers(0, 3, 7), choose_layout(1, 1, "map"))


@pytest.fixture(scope="module")
def around_config():
    return SurfaceConfig.of(low=-1, high=1, points=3, examples=7, around=TINY.with_(seeds=(1,)))


@pytest.mark.parametrize("act", ["tanh", "sigmoid"])
def test_the_surface_over_two_weights_is_numpys(act):
    surface = room.two_weights(SurfaceConfig.of(act=act, points=5, examples=3, seed=4))

    labels = surface["surface/label"]
    for j, w2 in enumerate(np.linspace(-4, 4, 5)):
        for i, w1 in enumerate(np.linspace(-4, 4, 5)):
            params = [(np.array([[w1]]), np.zeros(1)), (np.array([[0, w2]]), np.zeros(2))]
            logits, _, _ = forward(params, surface["surface/input"][:, None], act)
            for loss in ("cross_entropy", "quadratic"):
                expected = losses(logits, labels, loss).mean()
                assert surface.loss(loss)[j, i] == pytest.approx(expected, rel=1e-5), (w1, w2)


def test_the_seed_decides_the_random_data():
    one, same, other = (room.two_weights(SurfaceConfig.of(points=3, seed=seed)) for seed in (0, 0, 1))

    assert np.array_equal(one["surface/cross_entropy"], same["surface/cross_entropy"])
    assert one["surface/input"] != other["surface/input"]


def test_a_direction_is_as_long_as_the_weights_into_each_unit(trained):
    drawn = room.direction(jax.random.key(1), trained.params)

    for layer, weights in zip(drawn, trained.params, strict=True):
        lengths = [np.linalg.norm(array.weight, axis=0) for array in (layer, weights)]
        np.testing.assert_allclose(*lengths, rtol=1e-5)
        assert not np.any(layer.bias)
        assert not np.allclose(layer.weight, weights.weight)


def test_the_losses_around_a_network_are_those_of_the_moved_weights(trained, around_config):
    surface = room.around(around_config, trained)

    leaves, tree = jax.tree.flatten(trained.params)
    cuts = np.cumsum([leaf.size for leaf in leaves])[:-1]
    assert len(surface["surface/direction_x"]) == sum(leaf.size for leaf in leaves)
    for j, b in enumerate(surface.y):
        for i, a in enumerate(surface.x):
            # The file alone is enough to have the network at any point.
            at = surface["surface/origin"].astype(np.float64)
            at += a * surface["surface/direction_x"] + b * surface["surface/direction_y"]
            parts = [p.reshape(w.shape) for w, p in zip(leaves, np.split(at, cuts), strict=True)]
            params = as_float64(jax.tree.unflatten(tree, parts))
            logits, _, _ = forward(params, np.asarray(trained.inputs, np.float64), "tanh")
            for loss in ("cross_entropy", "quadratic"):
                expected = losses(logits, trained.labels, loss).mean()
                assert surface.loss(loss)[j, i] == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
def test_a_run_trained_again_is_that_run(training_data, make_engine, around_config, monkeypatch):
    monkeypatch.setattr(room, "prepare", lambda config, data_dir: training_data)
    engine = make_engine(seeds=(0, 1))
    engine.advance(0, 40)

    again = room.train_again(around_config, None)

    assert again.run["update"].tolist() == [0, 40]
    for got, want in zip(jax.tree.leaves(again.params), jax.tree.leaves(engine.state.params), strict=True):
        assert np.array_equal(got, np.asarray(want)[1, 0])
    assert np.array_equal(again.labels, training_data.valid.labels[:7])


def test_a_stop_leaves_nothing_half(trained, around_config):
    with pytest.raises(room.SurfaceInterruptedError, match="nothing was saved"):
        room.around(around_config, trained, TrainingHooks(stopped=lambda: True))
