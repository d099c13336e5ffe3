"""Programs that once could not be looked at, or were measured with something dropped or left out."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from tests.support.drawn_numbers import normal, normals_by_key
from xavier_cli.nn.adapters.network import adapt
from xavier_cli.nn.inspection.prepare import prepare
from xavier_cli.vocabulary.user_functions import UserFunctionError

INPUTS, CLASSES = (3, 4), 5
KEY = jax.random.key(0)


def prepared(init, apply):
    return prepare(lambda key: (init, apply), INPUTS, CLASSES, "nets.py:net", jnp.ones((300, *INPUTS)) / 2)


def weights(key):
    return dict(zip("abw", normals_by_key(key, (12, 6), (12, 6), (6, CLASSES)), strict=True))


def test_a_loop_that_counts_has_no_gradient_and_does_not_fail():
    def apply(p, x):
        h = x.reshape(len(x), -1) @ p["a"]
        return lax.while_loop(lambda c: c[0] < 3, lambda c: (c[0] + 1, jnp.tanh(c[1])), (0, h))[1] @ p["w"]

    found = prepared(weights, apply)
    params, _ = jax.jit(found.network.init)(KEY)
    x, first = jnp.ones((300, *INPUTS)), found.layers[0].first.site

    def total(zero):
        return found.tapped.run(params, x, {}, KEY, zeros={first: zero})[0].sum()

    assert np.isnan(jax.jit(jax.grad(total))(jnp.zeros((300, 6)))).all()


def test_numbers_that_are_drawn_as_it_runs_are_told():
    pytest.importorskip("haiku")
    import haiku as hk

    def net(x):
        x = hk.Linear(6)(x.reshape(len(x), -1))
        return hk.Linear(CLASSES)(x + jax.random.normal(hk.next_rng_key(), x.shape))

    x = normal(0, 300, *INPUTS)
    found = prepare(lambda key: hk.transform(net), INPUTS, CLASSES, "nets.py:net", x)
    assert found.info.notes == (
        "It draws random numbers when it runs, so that its statistics are of one draw of them.",
    )


def of_haiku(key):
    hk = pytest.importorskip("haiku")

    def net(x, is_training):
        return hk.Linear(CLASSES)(hk.dropout(hk.next_rng_key(), 0.5 * is_training, x.reshape(len(x), -1)))

    return hk.transform(net)


def of_linen(key):
    nn = pytest.importorskip("flax.linen")

    class Net(nn.Module):
        @nn.compact
        def __call__(self, x, train):
            x = nn.MultiHeadDotProductAttention(2, dropout_rate=0.5)(x, x, deterministic=not train)
            return nn.Dense(CLASSES)(x.mean(1))

    return Net()


def of_nnx(key):
    nnx = pytest.importorskip("flax.nnx")

    class Net(nnx.Module):
        def __init__(self, rngs):
            self.a = nnx.MultiHeadAttention(2, 4, dropout_rate=0.5, decode=False, rngs=rngs)
            self.o = nnx.Linear(4, CLASSES, rngs=rngs)

        def __call__(self, x):
            return self.o(self.a(x).mean(1))

    return Net(nnx.Rngs(key))


@pytest.mark.parametrize("make", [of_haiku, of_linen, of_nnx])
def test_nothing_is_dropped_when_it_is_looked_at(make):
    x = normal(0, 8, *INPUTS)
    network = adapt(make, x[:1], KEY)
    params, state = jax.jit(network.init)(KEY)
    looked, used = (
        jax.jit(lambda *given, mode=mode: network.apply(*given, mode)[0])(params, state, x, KEY)
        for mode in ("look", "evaluate")
    )
    np.testing.assert_allclose(looked, used, rtol=1e-5, atol=1e-6)


def test_products_of_complex_numbers_are_named_and_not_measured():
    def apply(p, x):
        return jnp.abs(x.reshape(len(x), -1) @ (p["a"] + 1j * p["b"])) @ p["w"]

    found = prepared(weights, apply)
    assert [layer.name for layer in found.layers] == ["w"]
    assert found.info.unseen == (
        "Not looked into: a product of complex numbers, with the parameters `a`, `b`.",
    )

    def alone(p, x):
        return jnp.abs(x.reshape(len(x), -1) @ (p["w"] + 1j * p["w"]))

    with pytest.raises(UserFunctionError, match="products of complex numbers are not looked at"):
        prepared(lambda key: {"w": jnp.ones((12, CLASSES))}, alone)
