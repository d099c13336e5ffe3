"""Tests that rewriting a program changes how its convolutions are evaluated, and nothing else."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from tests.support.convolutional_networks import cnn, convolved, resnet
from xavier_cli.nn.programs.program import holds
from xavier_cli.nn.programs.rewriting import resolve_convolution, rewritten

X = np.random.default_rng(0).normal(size=(4, 6, 6, 2)).astype(np.float32)
W = np.random.default_rng(1).normal(size=(3, 3, 2, 2)).astype(np.float32)


def _plain_ones(function, *arguments):
    """Whether the program of `function` still has a convolution as JAX writes it."""
    return holds(jax.make_jaxpr(function)(*arguments).jaxpr, frozenset({"conv_general_dilated"}))


def _scanned(w, x):
    return lax.scan(lambda h, _: (jnp.tanh(convolved(h, w)), None), x, None, length=3)[0]


def _looped(w, x):
    return lax.while_loop(lambda h: jnp.sum(convolved(h, w) ** 2) > 1, lambda h: 0.1 * convolved(h, w), x)


def _chosen(w, x):
    return lax.cond(jnp.sum(x) > 0, lambda x: convolved(x, w), lambda x: x * 2, x)


def _checkpointed(w, x):
    return jax.checkpoint(lambda h: jnp.sin(jax.jit(convolved)(h, w)))(x)


@pytest.mark.parametrize("function", [_scanned, _looped, _chosen, _checkpointed])
def test_enters_calls_loops_and_choices(function):
    other = rewritten(function, "canonical")
    assert _plain_ones(function, W, X)
    assert not _plain_ones(other, W, X)
    np.testing.assert_allclose(other(W, X), function(W, X), rtol=1e-4, atol=1e-5)
    if function is not _looped:
        gradients = [jax.grad(lambda w, f=f: jnp.sum(f(w, X) ** 2)) for f in (other, function)]
        assert not _plain_ones(gradients[0], W)
        found, expected = (jax.jit(each)(W) for each in gradients)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


@jax.custom_vjp
def _backward_rule(w, x):
    return convolved(x, w)


# Three and five times the true gradients, so that it shows which are taken.
_backward_rule.defvjp(
    lambda w, x: (convolved(x, w), (w, x)),
    lambda kept, cotangent: tuple(
        by * each
        for by, each in zip((3, 5), jax.vjp(lambda w, x: convolved(x, w), *kept)[1](cotangent), strict=True)
    ),
)


@jax.custom_jvp
def _forward_rule(w, x):
    return convolved(x, w)


@_forward_rule.defjvp
def _(primals, tangents):
    (w, x), (dw, dx) = primals, tangents
    return convolved(x, w), 3 * convolved(x, dw) + 5 * convolved(dx, w)


@pytest.mark.parametrize("function", [_backward_rule, _forward_rule])
@pytest.mark.parametrize("in_loop", [False, True])
def test_a_derivative_of_the_users_stays(function, in_loop):
    def whole(w, x):
        if in_loop:
            return lax.scan(lambda h, _: (function(w, h), None), x, None, length=2)[0]
        return function(w, x)

    def gradients(function, w, x):
        return jax.grad(lambda w, x: jnp.sum(function(w, x) ** 2), (0, 1))(w, x)

    found = jax.jit(lambda w, x: gradients(rewritten(whole, "canonical"), w, x))
    expected = jax.jit(lambda w, x: gradients(whole, w, x))(W, X)
    assert not _plain_ones(found, W, X)
    for a, b in zip(found(W, X), expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-2)


def test_what_has_no_convolution_is_the_same_program():
    def function(x):
        return jax.nn.relu(x @ x.T), {"kept": None}

    x = np.ones((3, 2), np.float32)
    plain, other = (jax.make_jaxpr(each)(x) for each in (function, rewritten(function, "canonical")))
    assert str(plain) == str(other)


def _trained(network, form, updates, x, labels):
    apply = rewritten(network.apply, form)

    def update(params, batch):
        x, labels = batch

        def loss(params):
            logits = jax.nn.log_softmax(apply(params, x))
            return -jnp.mean(jnp.take_along_axis(logits, labels[:, None], axis=1))

        value, gradient = jax.value_and_grad(loss)(params)
        return jax.tree.map(lambda p, g: p - 0.05 * g, params, gradient), value

    def train(key):
        return lax.scan(update, network.init(key), (x, labels))

    # Compiling is most of the time, and nothing here needs to be fast.
    options = {"xla_backend_optimization_level": 0}
    members = jax.jit(lambda keys: lax.map(train, keys), compiler_options=options)
    return members(jax.random.split(jax.random.key(0), 2))


NETWORKS = {
    "cnn": (cnn((4, 6), size=8), "canonical"),
    "cnn by products": (cnn((4,), pooled=True, size=8), "product"),
    "resnet": (resnet(1, (4, 6)), "canonical"),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_trains_as_with_plain_convolutions(name):
    network, form = NETWORKS[name]
    numbers = np.random.default_rng(2)
    x = numbers.normal(size=(5, 8, 8, 8, 3)).astype(np.float32)
    labels = numbers.integers(0, 10, (5, 8))
    found = _trained(network, form, 5, x, labels)
    expected = _trained(network, "xla", 5, x, labels)
    losses = expected[1]
    assert np.all(losses[:, -1] != losses[:, 0])
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-4)


def test_auto_is_decided_by_the_platform():
    assert resolve_convolution("auto", "cpu") == "canonical"
    assert resolve_convolution("auto", "gpu") == "xla"
    assert resolve_convolution("product", "gpu") == "product"
