"""Rates per parameter against the slow way: explicit Jacobians, and every example's own gradient."""

from __future__ import annotations

from functools import cache, partial
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from xavier_cli.config.run import RunConfig
from xavier_cli.nn.losses import LOSSES, cross_entropy, logits_curvature, quadratic
from xavier_cli.nn.mlp import Dense, forward
from xavier_cli.training.step.member import init_state
from xavier_cli.training.step.second_order import averaged, begin, make_measure, make_second_order_step

SIZES, EXAMPLES = (4, 5, 3, 3), 6


def quick(function):
    # These programs run fast; optimizing them would take longer.
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})


@cache
def measure(loss, by_curvature):
    return quick(make_measure(jnp.tanh, loss, by_curvature))


@cache
def training_data():
    rng = np.random.default_rng(0)
    params = tuple(
        Dense(*(jnp.asarray(rng.normal(0, 0.7, shape), jnp.float32) for shape in ((a, b), (b,))))
        for a, b in pairwise(SIZES)
    )
    x = jnp.asarray(rng.normal(size=(EXAMPLES, SIZES[0])), jnp.float32)
    return params, x, jnp.asarray(rng.integers(0, SIZES[-1], EXAMPLES), jnp.int32)


def entering(layer, z):
    return z @ layer.weight + layer.bias


def explicit_curvature(params, x, loss):
    """The diagonals one layer after the other: of each map's Jacobian J, diag(Jᵀ diag(h) J), h from above."""

    def of_example(example):
        sums, inputs = [], [example]
        for layer in params:
            sums.append(entering(layer, inputs[-1]))
            inputs.append(jnp.tanh(sums[-1]))
        outputs = jax.jacobian(jax.nn.softmax)(sums[-1])
        # Of the outer loss: minus the logarithm of an output, 1/p² where it is the label's, as it is p of the
        # time; or half a square.
        inner = jnp.diag(1 / jax.nn.softmax(sums[-1])) if loss is cross_entropy else jnp.eye(SIZES[-1])
        h = jnp.diag(outputs.T @ inner @ outputs)
        layers = []
        for number in reversed(range(len(params))):
            of_layer, of_input = jax.jacobian(entering, argnums=(0, 1))(params[number], inputs[number])
            layers.append(Dense(*(jnp.einsum("k,k...->...", h, leaf**2) for leaf in of_layer[:2])))
            if number:
                h = h @ (of_input * (1 - jnp.tanh(sums[number - 1]) ** 2)) ** 2
        return tuple(layers[::-1])

    return jax.tree.map(lambda each: each.mean(axis=0), jax.vmap(of_example)(x))


@pytest.mark.parametrize("name", LOSSES)
def test_curvature_is_that_of_explicit_jacobians_layer_by_layer(name):
    params, x, labels = training_data()
    measured = measure(LOSSES[name], True)(params, x, labels)
    expected = quick(partial(explicit_curvature, loss=LOSSES[name]))(params, x)

    for seen, slow in zip(jax.tree.leaves(measured.size), jax.tree.leaves(expected), strict=True):
        assert np.allclose(seen, slow, rtol=1e-4, atol=1e-7)


def test_of_the_output_layer_it_is_the_whole_networks_gauss_newton_diagonal_and_the_hessians():
    params, x, labels = training_data()
    seen = measure(cross_entropy, True)(params, x, labels).size[-1]

    def mean_loss(output):
        return jnp.mean(cross_entropy(forward((*params[:-1], output), x, jnp.tanh)[0], labels))

    hessian = quick(jax.hessian(mean_loss))(params[-1])
    weights = np.asarray(hessian.weight.weight).reshape(seen.weight.size, -1)
    assert np.allclose(seen.weight.ravel(), np.diag(weights), rtol=1e-4, atol=1e-7)
    assert np.allclose(seen.bias, np.diag(hessian.bias.bias), rtol=1e-4, atol=1e-7)


def test_curvature_of_logits_is_the_hessians_of_cross_entropy_and_positive_of_the_quadratic_loss():
    logits = jnp.asarray([[0.3, -1.0, 2.0], [0.0, 0.0, 0.0]])
    hessians = quick(jax.vmap(jax.hessian(cross_entropy)))(logits, jnp.array([0, 2]))

    assert np.allclose(
        logits_curvature(cross_entropy, logits), jnp.diagonal(hessians, axis1=1, axis2=2), atol=1e-6
    )
    assert (logits_curvature(quadratic, logits) > 0).all()


def test_variance_is_that_of_every_examples_own_gradient():
    params, x, labels = training_data()
    measured = measure(cross_entropy, False)(params, x, labels)

    def own_loss(params, example, label):
        return cross_entropy(forward(params, example[None], jnp.tanh)[0][0], label)

    each = quick(jax.vmap(jax.grad(own_loss), in_axes=(None, 0, 0)))(params, x, labels)
    for size, mean, own in zip(*map(jax.tree.leaves, (measured.size, measured.gradient, each)), strict=True):
        assert np.allclose(mean, own.mean(axis=0), rtol=1e-4, atol=1e-6)
        assert np.allclose(size, own.var(axis=0), rtol=1e-3, atol=1e-6)


def test_averages_forget_at_the_rate_they_say_and_begin_at_the_first_batch():
    params, _, _ = training_data()
    running = begin(params)
    for value in (2.0, 4.0):
        running = averaged(running, jax.tree.map(lambda leaf, v=value: leaf * 0 + v, params), 0.75)
        if value == 2.0:
            assert np.allclose(running.average[0].weight / running.seen, 2.0)

    # (0.75 · 0.25 · 2 + 0.25 · 4) over the share seen, 1 − 0.75².
    assert np.allclose(running.average[0].weight / running.seen, 1.375 / 0.4375)


@pytest.mark.parametrize("name", ["diagonal_gauss_newton", "gradient_variance"])
def test_a_step_is_the_gradient_over_mu_and_what_was_measured(name):
    params, x, labels = training_data()
    config = RunConfig.of(optimizer=f"{name}:mu=0.3,decay=0.5")
    step = quick(make_second_order_step(jnp.tanh, cross_entropy, config))
    after = step(init_state(params, begin(params)), x, labels, 0.1, 0)
    measured = measure(cross_entropy, name == "diagonal_gauss_newton")(params, x, labels)

    for new, old, slope, size in zip(
        *map(jax.tree.leaves, (after.params, params, measured.gradient, measured.size)), strict=True
    ):
        size = size if name == "diagonal_gauss_newton" else np.sqrt(size)
        assert np.allclose(new, old - 0.1 * slope / (0.3 + size), atol=1e-6)
    assert int(after.diverged_at) == -1
