"""Singular values against NumPy's SVD of Jacobians that JAX differentiates, in float64."""

from __future__ import annotations

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.numpy_network import ACT

from xavier_cli.nn.activations import make_activation
from xavier_cli.nn.mlp import layer_sizes
from xavier_cli.training.probes.jacobian import JacobianMeter, singular
from xavier_cli.vocabulary.resolve import find_activation

STATISTICS = {
    "mean": np.mean,
    "rms": lambda values: np.sqrt(np.mean(values**2)),
    "geometric_mean": lambda values: np.exp(np.mean(np.log(values))),
    "max": np.max,
}
# Layer 1 narrows, widens, is square; one hidden layer; a bottleneck for the classes.
SHAPES = [(20, 3, 12), (8, 3, 12), (12, 2, 12), (9, 1, 7), (6, 1, 9), (10, 2, 3)]
EXAMPLES = 3


def network(shape, scale=1.5, seed=0):
    inputs, depth, width = shape
    rng = np.random.default_rng(seed)
    sizes = layer_sizes(inputs, depth, width, 4)
    weights = [
        rng.normal(0, scale / np.sqrt(fan_in), (fan_in, fan_out)) for fan_in, fan_out in pairwise(sizes)
    ]
    return weights, rng.uniform(-1, 1, (EXAMPLES, inputs))


def jacobians(weights, x, act):
    """Jacobians by differentiation, `(examples, out, in)`: of each hidden layer, then of the network."""

    @jax.jit
    def differentiated(weights, z):
        def whole(z):
            for weight in weights[:-1]:
                z = act(z @ weight)
            return z @ weights[-1]

        layers, end_to_end = [], jax.vmap(jax.jacobian(whole))(z)
        for weight in weights[:-1]:

            def layer(below, weight=weight):
                return act(below @ weight)

            layers.append(jax.vmap(jax.jacobian(layer))(z))
            z = layer(z)
        return layers, end_to_end

    with jax.enable_x64(True):
        layers, whole = differentiated(weights, x)
        return [*map(np.asarray, layers)], np.asarray(whole)


def measured(weights, x, act):
    s, z = [], x
    for weight in weights[:-1]:
        s.append(z @ weight)
        z = np.asarray(act(jnp.asarray(s[-1], jnp.float32)), np.float64)
    return singular(weights, JacobianMeter(act).slopes(s))


@pytest.mark.parametrize("act", ACT)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_statistic_is_that_of_an_svd_of_the_differentiated_jacobian(shape, act):
    weights, x = network(shape)
    function = make_activation(find_activation(act))
    layers, whole = jacobians(weights, x, function)
    seen = measured(weights, x, function)

    for i, jacobian in enumerate(layers):
        values = np.linalg.svd(jacobian, compute_uv=False)
        count = values.shape[1]
        assert np.allclose(seen.values[i, :count], values.mean(axis=0), rtol=1e-5, atol=1e-7)
        assert np.isnan(seen.values[i, count:]).all()
        for name, statistic in STATISTICS.items():
            expected = np.mean([statistic(row) for row in values])
            assert seen.averages[name][i] == pytest.approx(expected, rel=1e-5), (name, i)
    values = np.linalg.svd(whole, compute_uv=False)[:, : min(min(weight.shape) for weight in weights)]
    for name, statistic in STATISTICS.items():
        expected = np.mean([statistic(row) for row in values])
        assert seen.averages[f"end_to_end_{name}"] == pytest.approx(expected, rel=1e-4), name


def test_jacobians_are_central_differences():
    weights, x = network((8, 2, 6))
    layers, whole = jacobians(weights, x, jnp.tanh)
    step = 1e-6

    def logits(x):
        z = x
        for weight in weights[:-1]:
            z = np.tanh(z @ weight)
        return z @ weights[-1]

    differences = [(logits(x + d) - logits(x - d)) / (2 * step) for d in step * np.eye(8)]
    assert np.allclose(np.stack(differences, axis=-1), whole, atol=1e-8)
    differences = [
        (np.tanh((x + d) @ weights[0]) - np.tanh((x - d) @ weights[0])) / (2 * step) for d in step * np.eye(8)
    ]
    assert np.allclose(np.stack(differences, axis=-1), layers[0], atol=1e-8)


def test_a_unit_deep_in_saturation_keeps_its_part_of_the_geometric_mean():
    weights, x = network((12, 1, 12))
    weights[0][:, 0] = 12 / np.sum(x[0]) * np.ones(12)
    x = x[:1]
    seen = measured(weights, x, jnp.tanh)
    (jacobian,), _ = jacobians(weights, x, jnp.tanh)
    _, log_volume = np.linalg.slogdet(jacobian[0])

    assert 1 - np.float32(np.tanh(12)) ** 2 == 0
    assert seen.averages["geometric_mean"][0] == pytest.approx(np.exp(log_volume / 12), rel=1e-3)


def test_a_rectifier_that_is_off_makes_a_layer_singular_and_nothing_else_wrong():
    weights, x = network((12, 2, 12))
    seen = measured(weights, x, jax.nn.relu)

    assert np.array_equal(seen.averages["geometric_mean"], [0, 0])
    assert np.isfinite(seen.averages["mean"]).all()


@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_what_is_not_finite_is_nan_and_stops_nobody(poison):
    weights, _ = network((12, 2, 12))
    weights[0][0, 0] = poison
    seen = singular(weights, [np.ones((EXAMPLES, 12))] * 2)

    assert np.isnan(seen.averages["mean"][0])
    assert np.isfinite(seen.averages["mean"][1])
    assert np.isnan(seen.averages["end_to_end_mean"])


@pytest.mark.parametrize(
    "strategy",
    ["sharded", pytest.param("map", marks=pytest.mark.slow), pytest.param("vmap", marks=pytest.mark.slow)],
)
def test_an_engine_measures_each_member_at_its_own_weights(make_engine, strategy):
    wanted = ("init", "advance", "jacobians")
    engine = make_engine(strategy, lrs=(0.1, 0.3), jacobian_examples=2, wanted=wanted)
    engine.advance(0, 20)
    members = engine.jacobians()
    engine.advance(20, 40)
    after = engine.jacobians()

    assert (len(members), len(members[0])) == (3, 2)
    seen = np.array([[future.result().averages["mean"] for future in seed] for seed in members])
    assert seen.shape == (3, 2, 3)
    assert len(np.unique(seen)) == seen.size
    params = jax.tree.map(lambda leaf: np.asarray(leaf[1, 1], np.float64), engine.state.params)
    from xavier_cli.data.coding import decode

    x = np.asarray(decode(engine.training_data.probe.pixels[[0, 150]], (0.0, 1.0)), np.float64)
    values = []
    for layer in params[:-1]:
        z = np.tanh(x @ layer.weight + layer.bias)
        values.append(
            np.mean([np.linalg.svd(layer.weight * (1 - row**2), compute_uv=False).mean() for row in z])
        )
        x = z
    assert np.allclose(after[1][1].result().averages["mean"], values, rtol=1e-4)
