"""Normalization, skips, dropout and learned slopes, against the obvious and against PyTorch."""

from __future__ import annotations

from functools import cache, partial
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.drawn_numbers import normal

from xavier_cli.config.run import RunConfig
from xavier_cli.nn import mlp
from xavier_cli.nn.activations import prelu
from xavier_cli.nn.losses import cross_entropy
from xavier_cli.nn.network import Network, make_network, normalized, normalized_in_training

SIZES = (6, 5, 5, 4, 3)
PLAIN = Network(jnp.tanh)


def quick(function):
    # These programs run fast; optimizing them would take longer.
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})


@cache
def params():
    return tuple(
        mlp.Dense(normal(at, *fans, std=0.4) + 0.05, jnp.full(fans[1], 0.05))
        for at, fans in enumerate(pairwise(SIZES))
    )


@cache
def x():
    return jnp.asarray(np.random.default_rng(0).normal(size=(8, SIZES[0])), jnp.float32)


def test_a_plain_network_is_the_plain_forward_pass_and_has_no_more_parameters():
    logits, taps = PLAIN.forward(params(), x())
    expected, _ = mlp.forward(params(), x(), jnp.tanh)

    assert PLAIN.is_plain
    assert jax.tree.structure(PLAIN.add_extra_params(params())) == jax.tree.structure(params())
    assert np.array_equal(logits, expected)
    assert np.allclose(PLAIN.train(params(), x())[0], expected, atol=1e-6)
    assert all(map(np.array_equal, taps.inputs[1:], taps.activations))


def test_skips_add_what_enters_a_layer_where_it_is_as_wide_as_the_one_below():
    network = Network(jnp.tanh, residual=True)
    logits, taps = network.forward(params(), x())
    first, second, third, output = params()
    z1 = jnp.tanh(x() @ first.weight + first.bias)
    inner = jnp.tanh(z1 @ second.weight + second.bias)
    z2 = z1 + inner
    z3 = jnp.tanh(z2 @ third.weight + third.bias)

    assert np.allclose(logits, z3 @ output.weight + output.bias, atol=1e-6)
    assert np.allclose(network.train(params(), x())[0], logits, atol=1e-6)
    # The recorded activation is the output of the non-linearity itself.
    assert np.allclose(taps.activations[1], inner, atol=1e-6)
    assert np.allclose(taps.inputs[2], z2, atol=1e-6)
    assert [network.skips(i, layer) for i, layer in enumerate(params()[:-1])] == [False, True, False]


@pytest.mark.parametrize("kind", ["batch", "layer"])
def test_normalization_is_pytorchs(kind):
    torch = pytest.importorskip("torch")
    s = np.random.default_rng(1).normal(2, 3, (8, 5)).astype(np.float32)
    norm = Network(jnp.tanh, normalization=kind).add_extra_params(params())[0].norm
    norm = norm._replace(scale=jnp.linspace(0.5, 2, 5), shift=jnp.linspace(-1, 1, 5))
    theirs = torch.nn.BatchNorm1d(5) if kind == "batch" else torch.nn.LayerNorm(5)
    theirs.weight.data = torch.tensor(np.array(norm.scale))
    theirs.bias.data = torch.tensor(np.array(norm.shift))
    for _ in range(2):
        trained, norm = normalized_in_training(norm, jnp.asarray(s))
        expected = theirs(torch.tensor(s)).detach().numpy()
    theirs.eval()

    assert np.allclose(trained, expected, atol=1e-5)
    assert np.allclose(normalized(norm, jnp.asarray(s)), theirs(torch.tensor(s)).detach(), atol=1e-5)
    if kind == "batch":
        assert np.allclose(norm.mean, theirs.running_mean, atol=1e-6)
        assert np.allclose(norm.variance, theirs.running_var, rtol=1e-5)
        # Used and trained, the network is another one.
        assert not np.allclose(trained, normalized(norm, jnp.asarray(s)), atol=0.1)


def test_dropout_leaves_out_its_share_and_keeps_the_mean_and_nothing_is_dropped_in_use():
    network = Network(lambda s: jnp.ones_like(s), dropout=0.25)
    wide = (mlp.Dense(jnp.ones((6, 400)), jnp.zeros(400)), mlp.Dense(jnp.ones((400, 1)), jnp.zeros(1)))
    many = jnp.ones((50, 6))
    train = quick(network.train)
    sums, again, other = (train(wide, many, jax.random.key(seed))[0] for seed in (1, 1, 2))
    kept = np.asarray(sums) * 0.75 / 400

    assert np.allclose(network.forward(wide, many)[0], 400)
    assert np.allclose(kept * 400, np.round(kept * 400), atol=1e-3)
    assert kept.mean() == pytest.approx(0.75, abs=4 * np.sqrt(0.25 * 0.75 / (400 * 50)))
    assert np.array_equal(sums, again)
    assert not np.array_equal(sums, other)


def test_slopes_are_learned_one_per_hidden_layer_from_a_quarter():
    network = make_network(RunConfig.of(act="prelu"))
    dressed = network.add_extra_params(params())
    dressed = (dressed[0]._replace(slope=jnp.float32(-1.0)), *dressed[1:])
    _, taps = network.forward(dressed, x())
    first, second = taps.preactivations[:2]

    assert [layer.slope for layer in dressed] == [-1, 0.25, 0.25, None]
    # With a slope of −1 it is the absolute value.
    assert np.allclose(taps.activations[0], np.abs(first), atol=1e-6)
    assert np.allclose(taps.activations[1], np.where(second > 0, second, 0.25 * second), atol=1e-6)

    def total(a):
        return jnp.sum(network.forward((dressed[0]._replace(slope=a), *dressed[1:]), x())[0])

    step = 1e-2
    ends = [quick(total)(a) for a in (-1.0 - step, -1.0 + step)]
    assert float(quick(jax.grad(total))(-1.0)) == pytest.approx(
        float(ends[1] - ends[0]) / (2 * step), rel=2e-2
    )
    assert np.array_equal(prelu(jnp.array([-2.0, 2.0])), [-0.5, 2.0])


@pytest.mark.parametrize(
    "network",
    [
        Network(jnp.tanh, normalization="layer", residual=True),
        pytest.param(Network(jnp.tanh, normalization="batch", residual=True), marks=pytest.mark.slow),
        Network(prelu, prelu, 0.25, normalization="batch"),
    ],
    ids=["layer, residual", "batch, residual", "prelu, batch"],
)
def test_jacobians_and_gradients_inside_are_those_that_are_differentiated(network):
    from xavier_cli.theory.regions import Regions
    from xavier_cli.training.probes.jacobian import JacobianMeter, factors
    from xavier_cli.training.probes.probe import make_probe

    rng = np.random.default_rng(2)
    dressed = jax.tree.map(
        lambda leaf: leaf + jnp.asarray(rng.uniform(0, 0.4, jnp.shape(leaf)), jnp.float32),
        network.add_extra_params(params()),
    )
    few = x()[:2]
    seen = JacobianMeter(network).singular(*quick(partial(factors, network=network))(dressed, few))

    def layer(number, z):
        # The layer alone: the one whose input is `z`.
        at = dressed[number]
        s = normalized(at.norm, (z @ at.weight + at.bias)[None])[0]
        out = network.act_of(at)(s)
        return out + z if network.skips(number, at) else out

    @quick
    def differentiated(few):
        inputs = network.forward(dressed, few)[1].inputs
        layers = [jax.vmap(jax.jacobian(partial(layer, i)))(inputs[i]) for i in range(3)]
        whole = jax.vmap(jax.jacobian(lambda example: network.forward(dressed, example[None])[0][0]))(few)
        return [*layers, whole]

    jacobians = differentiated(few)
    for number in range(3):
        values = np.linalg.svd(jacobians[number], compute_uv=False)
        assert np.allclose(seen.averages["mean"][number], values.mean(), rtol=1e-4), number
        assert np.allclose(seen.averages["max"][number], values[:, 0].mean(), rtol=1e-4), number
        rms = np.sqrt((values**2).mean(axis=1)).mean()
        assert np.allclose(seen.averages["rms"][number], rms, rtol=1e-4), number
    values = np.linalg.svd(jacobians[-1], compute_uv=False)
    assert np.allclose(seen.averages["end_to_end_mean"], values.mean(), rtol=1e-4)

    labels = jnp.array([0, 2])

    def own_loss(dressed, example, label):
        return cross_entropy(network.forward(dressed, example[None])[0][0], label)

    slopes = [at.slope for at in dressed[:-1] if at.slope is not None]
    if network.normalization == "batch":
        # Its examples have no loss of their own; `test_batch_normalized` goes through its layers by hand.
        many = jnp.arange(len(x())) % SIZES[-1]
        observation = quick(make_probe(network, cross_entropy, Regions(), {}))(dressed, x(), many)
        mean_loss = quick(jax.grad(lambda at: cross_entropy(network.train(at, x())[0], many).mean()))
        expected = [at.weight.std() for at in mean_loss(dressed)]
        assert np.allclose(observation["weight_gradient/std"], expected, rtol=1e-4)
        assert slopes == observation.get("activation/slope", np.array([])).tolist()
        return
    observation = quick(make_probe(network, cross_entropy, Regions(), {}))(dressed, few, labels)
    each = quick(jax.vmap(jax.grad(own_loss), in_axes=(None, 0, 0)))(dressed, few, labels)
    rms = [np.sqrt(np.mean(np.square(at.weight))) for at in each]
    assert np.allclose(observation["weight_gradient/example_rms"], rms, rtol=1e-4)
    assert slopes == observation.get("activation/slope", np.array([])).tolist()
    assert np.allclose(
        observation["weight_gradient/std"], [at.weight.mean(axis=0).std() for at in each], rtol=1e-4
    )
