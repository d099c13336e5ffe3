"""Tests that networks of every framework become pure functions that do what the framework does."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.support.drawn_numbers import normal
from tests.support.framework_networks import FRAMEWORKS
from xavier_cli.nn.adapters.network import UnknownNetworkError, adapt
from xavier_cli.nn.programs.layers import gather
from xavier_cli.nn.programs.taps import tap

KEY = jax.random.key(0)
X = normal(0, 6, 8, 8, 3)
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(params=FRAMEWORKS, scope="module")
def network(request):
    pytest.importorskip(request.param.partition(".")[0], reason=f"{request.param} is not installed")
    return adapt(FRAMEWORKS[request.param](), X[:1], KEY)


@pytest.fixture(scope="module")
def begun(network):
    """The first parameters and state of one key."""
    return jax.jit(network.init)(KEY)


def applied(network):
    """`network.apply` by one program for each mode, where every operation would be compiled by itself."""
    return jax.jit(network.apply, static_argnums=4)


def test_draws_seeds_together_as_one_by_one(network):
    keys, init = jax.random.split(KEY, 3), jax.jit(network.init)
    together = jax.jit(jax.vmap(network.init))(keys)
    for at, key in enumerate(keys):
        for a, b in zip(jax.tree.leaves(together), jax.tree.leaves(init(key)), strict=True):
            if jnp.issubdtype(b.dtype, jnp.floating):
                np.testing.assert_allclose(a[at], b, rtol=1e-6)


def _moved(before, after):
    pairs = zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True)
    return any(bool(np.any(np.asarray(a) != b)) for a, b in pairs if jnp.issubdtype(a.dtype, jnp.floating))


def test_training_moves_the_state_and_drops_looking_does_not(network, begun):
    (params, state), apply = begun, applied(network)
    for mode in ("look", "train", "evaluate"):
        first, after = apply(params, state, X, jax.random.key(1), mode)
        second, _ = apply(params, state, X, jax.random.key(2), mode)
        assert first.shape == (6, 10)
        assert _moved(state, after) == (mode == "train")
        if network.framework != "Haiku" or mode == "evaluate":
            assert np.any(np.asarray(first) != second) == (mode == "train")


def test_looked_at_it_normalizes_by_the_batch(network, begun):
    (params, state), apply = begun, applied(network)
    looked, _ = apply(params, state, X, KEY, "look")
    shifted, _ = apply(params, state, 3 * X, KEY, "look")
    # The batch's own scale is divided out; running averages, 0 and 1 at first, would let it through.
    np.testing.assert_allclose(looked, shifted, rtol=1e-2, atol=1e-2)


def test_its_layers_are_found(network, begun):
    params, state = begun

    def logits(params, x, state):
        return network.apply(params, state, x, KEY, "look")[0]

    tapped = tap(logits, params, X, state)
    layers = gather(tapped.layers, tapped.applications)
    assert [(each.fan_in, each.fan_out, each.has_bias) for each in layers] == [(27, 72, True), (8, 10, True)]
    assert [each.function for each, _ in layers[0].applied] == ["relu"]
    assert not tapped.unseen


def test_a_network_may_hold_a_table_and_a_class_of_its_own_each_time():
    eqx = pytest.importorskip("equinox", reason="equinox is not installed")

    def make(key):
        class Network(eqx.Module):
            last: eqx.nn.Linear
            picked: jax.Array
            scaled: object

            def __init__(self):
                table = jnp.linspace(1, 2, 192)
                self.scaled = lambda x: x * table
                self.picked = jnp.flip(jnp.arange(192))
                self.last = eqx.nn.Linear(192, 10, key=key)

            def __call__(self, x):
                return self.last(self.scaled(x.ravel())[self.picked])

        return Network()

    network = adapt(make, X[:1], KEY)
    params, state = network.init(jax.random.key(4))
    expected = jax.vmap(make(jax.random.key(4)))(X)
    np.testing.assert_allclose(network.apply(params, state, X, None, "look")[0], expected, rtol=1e-5)
    # Whole numbers are no parameters to be trained.
    assert [leaf.shape for leaf in jax.tree.leaves(params)] == [(10, 192), (10,)]


def test_noise_of_another_name_gets_a_key():
    nn = pytest.importorskip("flax.linen", reason="flax is not installed")

    class Network(nn.Module):
        @nn.compact
        def __call__(self, x):
            return nn.Dense(10)(x.reshape(len(x), -1)) + jax.random.normal(self.make_rng("noise"), (10,))

    network = adapt(lambda key: Network(), X[:1], KEY)
    params, state = jax.jit(network.init)(KEY)
    one, same, other = (
        applied(network)(params, state, X, jax.random.key(at), "train")[0] for at in (1, 1, 2)
    )
    assert jnp.array_equal(one, same)
    assert not jnp.allclose(one, other)


@pytest.mark.frameworks
def test_linen_without_a_switch_is_as_it_was_written():
    """Batch normalization and dropout that are always as in training can be looked at, and used."""
    nn = pytest.importorskip("flax.linen", reason="flax is not installed")

    class Network(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = nn.BatchNorm(use_running_average=False)(x.reshape(len(x), -1))
            return nn.Dense(10)(nn.Dropout(0.5, deterministic=False)(x))

    network = adapt(lambda key: Network(), X[:1], KEY)
    params, state = network.init(KEY)
    looked, used = (network.apply(params, state, X, None, mode) for mode in ("look", "evaluate"))
    np.testing.assert_allclose(looked[0], used[0], rtol=1e-6)
    assert looked[1] is state
    assert used[1] is state
    _, moved = network.apply(params, state, X, KEY, "train")
    assert not jnp.allclose(jax.tree.leaves(moved)[0], jax.tree.leaves(state)[0])


@pytest.mark.frameworks
def test_haiku_without_a_key_and_with_another_switch():
    hk = pytest.importorskip("haiku", reason="haiku is not installed")

    def network(x, train):
        return hk.Linear(10)(x.reshape(len(x), -1)) * (2 if train else 1)

    adapted = adapt(lambda key: hk.without_apply_rng(hk.transform(network)), X[:1], KEY)
    params, state = adapted.init(KEY)
    used, trained = (adapted.apply(params, state, X, None, mode)[0] for mode in ("evaluate", "train"))
    np.testing.assert_allclose(trained, 2 * used)


def test_a_pair_of_functions():
    network = adapt(
        lambda key: (lambda key: {"w": jax.random.normal(key, (3, 2))}, lambda p, x: x @ p["w"]), X, KEY
    )
    params, state = network.init(KEY)
    assert network.apply(params, state, jnp.ones((4, 3)), None, "train")[0].shape == (4, 2)


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (3, "it returns int"),
        (dict, "the class dict: call it"),
        ((1, 2), "tuple"),
        (lambda x: x, "a function alone: .* `hk.transform` of it"),
    ],
)
def test_what_is_no_network_is_refused_in_a_line(made, told):
    with pytest.raises(UnknownNetworkError, match=told):
        adapt(lambda key: made, X, KEY)


@pytest.mark.parametrize("mode", ["look", "train", "evaluate"])
def test_convolutions_in_another_form_give_the_same_network(network, begun, mode):
    params, state = begun
    rewritten = network.with_convolution("canonical")
    assert network.with_convolution("xla") is network

    def outputs_and_gradients(network):
        @jax.jit
        def both(params):
            def loss(params):
                answer, after = network.apply(params, state, X, jax.random.key(1), mode)
                return jnp.sum(answer**2), (answer, after)

            gradients, outputs = jax.grad(loss, has_aux=True)(params)
            return outputs, gradients

        return both(params)

    found, expected = map(outputs_and_gradients, (rewritten, network))
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        if jnp.issubdtype(b.dtype, jnp.floating):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)


def test_its_layers_are_the_same_in_another_form(network, begun):
    params, state = begun

    def layers(network):
        tapped = tap(lambda p, x, s: network.apply(p, s, x, KEY, "look"), params, X, state)
        return [
            (layer.name, layer.first.kind, layer.first.shape, layer.fan_in, layer.fan_out)
            for layer in gather(tapped.layers)
        ]

    assert layers(network.with_convolution("canonical")) == layers(network)


def test_a_module_of_nnx_may_ask_for_streams_with_every_call():
    nnx = pytest.importorskip("flax.nnx", reason="flax is not installed")

    class Net(nnx.Module):
        def __init__(self, rngs):
            self.first, self.drop = nnx.Linear(3, 64, rngs=rngs), nnx.Dropout(0.5)
            self.last = nnx.Linear(64, 10, rngs=rngs)

        def __call__(self, x, rngs):
            return self.last(self.drop(self.first(x), rngs=rngs))

    x = jnp.ones((4, 3))
    network = adapt(lambda key: Net(nnx.Rngs(key)), x[:1], KEY)
    params, state = network.init(KEY)
    looked, _ = network.apply(params, state, x, jax.random.key(1), "look")
    again, _ = network.apply(params, state, x, jax.random.key(2), "look")
    np.testing.assert_array_equal(looked, again)
    trained, _ = network.apply(params, state, x, jax.random.key(1), "train")
    assert bool(jnp.any(trained != looked))
    network.apply(params, state, x, None, "evaluate")
