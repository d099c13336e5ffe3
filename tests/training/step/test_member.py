"""One update of one network, against NumPy in float64 and against the obvious step."""

from __future__ import annotations

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.numpy_network import ACT, as_float64, gradients, losses
from support.numpy_network import forward as numpy_forward
from support.reference_step import make_reference_step

from xavier_cli.nn.activations import make_activation
from xavier_cli.nn.initializers import make_initializer
from xavier_cli.nn.losses import LOSSES, cross_entropy
from xavier_cli.nn.mlp import init_params, layer_sizes
from xavier_cli.training.step.member import init_state, make_sgd_step
from xavier_cli.vocabulary.resolve import find_activation, find_initializer

SIZES = layer_sizes(inputs=20, depth=4, width=30, classes=5)
LR = 0.1


def batch(examples: int = 10, seed: int = 0) -> tuple[jnp.ndarray, jnp.ndarray]:
    rng = np.random.default_rng(seed)
    x = jnp.asarray(rng.uniform(-1, 1, (examples, SIZES[0])), jnp.float32)
    return x, jnp.asarray(rng.integers(0, SIZES[-1], examples), jnp.int32)


@cache
def start():
    draw = jax.jit(
        lambda key: init_state(init_params(key, SIZES, make_initializer(find_initializer("normalized"))))
    )
    return draw(jax.random.key(3))


def relative_error(params, expected) -> float:
    """The largest error of an update, relative to the largest weight of its layer."""
    return max(
        float(np.abs(np.asarray(got, np.float64) - want).max() / np.abs(want).max())
        for layer, (weight, bias) in zip(params, expected, strict=True)
        for got, want in ((layer.weight, weight), (layer.bias, bias))
    )


def numpy_step(params, x, labels, act, loss="cross_entropy"):
    params = as_float64(params)
    _, gradient = gradients(params, np.asarray(x, np.float64), np.asarray(labels), act, loss)
    return [(w - LR * dw, b - LR * db) for (w, b), (dw, db) in zip(params, gradient, strict=True)]


@pytest.mark.parametrize("make_step", [make_reference_step, make_sgd_step])
@pytest.mark.parametrize("act", ACT)
def test_one_step_is_numpys_in_float64(make_step, act):
    x, labels = batch()
    state = start()
    stepped = jax.jit(make_step(make_activation(find_activation(act)), cross_entropy))(
        state, x, labels, LR, 0
    )

    assert relative_error(stepped.params, numpy_step(state.params, x, labels, act)) < 1e-5
    logits, _, _ = numpy_forward(as_float64(state.params), np.asarray(x, np.float64), act)
    assert float(stepped.loss_sum) == pytest.approx(losses(logits, np.asarray(labels)).mean(), rel=1e-6)


@pytest.mark.parametrize("make_step", [make_reference_step, make_sgd_step])
def test_one_step_on_the_quadratic_loss_is_numpys_in_float64(make_step):
    x, labels = batch()
    state = start()
    stepped = jax.jit(make_step(jnp.tanh, LOSSES["quadratic"]))(state, x, labels, LR, 0)

    assert relative_error(stepped.params, numpy_step(state.params, x, labels, "tanh", "quadratic")) < 1e-5
    # The loss it is compared with is another one.
    assert relative_error(stepped.params, numpy_step(state.params, x, labels, "tanh")) > 1e-3
    logits, _, _ = numpy_forward(as_float64(state.params), np.asarray(x, np.float64), "tanh")
    expected = losses(logits, np.asarray(labels), "quadratic").mean()
    assert float(stepped.loss_sum) == pytest.approx(expected, rel=1e-6)


def test_the_same_comparison_notices_products_in_bfloat16():
    x, labels = batch()
    state = start()

    def rounded(tree):
        return jax.tree.map(lambda a: a.astype(jnp.bfloat16).astype(jnp.float32), tree)

    step = jax.jit(make_sgd_step(jnp.tanh, cross_entropy))
    stepped = step(state._replace(params=rounded(state.params)), rounded(x), labels, LR, 0)

    assert relative_error(stepped.params, numpy_step(state.params, x, labels, "tanh")) > 1e-4


@pytest.mark.parametrize("act", ACT)
def test_backprop_by_hand_is_value_and_grad(act):
    steps = [
        jax.jit(make_step(make_activation(find_activation(act)), cross_entropy))
        for make_step in (make_reference_step, make_sgd_step)
    ]
    states = [start(), start()]
    for update in range(50):
        x, labels = batch(seed=update)
        states = [step(s, x, labels, LR, update) for step, s in zip(steps, states, strict=True)]

    for a, b in zip(*map(jax.tree.leaves, states), strict=True):
        assert np.allclose(a, b, rtol=2e-5, atol=2e-6)


@pytest.mark.parametrize("make_step", [make_reference_step, make_sgd_step])
@pytest.mark.parametrize("poison", [np.nan, np.inf])
def test_a_bad_update_freezes_the_member_at_its_last_finite_state(make_step, poison):
    step = jax.jit(make_step(jnp.tanh, cross_entropy))
    x, labels = batch()
    healthy = step(start(), x, labels, LR, 0)
    struck = step(healthy, jnp.full_like(x, poison), labels, 1e30, 1)
    after = step(struck, x, labels, LR, 2)

    assert int(healthy.diverged_at) == -1
    assert int(struck.diverged_at) == int(after.diverged_at) == 1
    for before, now in zip(jax.tree.leaves(healthy.params), jax.tree.leaves(after.params), strict=True):
        assert np.array_equal(before, now)
        assert np.isfinite(now).all()
    assert float(after.loss_sum) == float(healthy.loss_sum)


def test_a_deeper_network_starts_with_the_layers_of_a_shallower_one():
    draw = jax.jit(init_params, static_argnums=(1, 2))
    deep, shallow = (
        draw(jax.random.key(0), layer_sizes(8, depth, 6, 3), make_initializer(find_initializer("standard")))
        for depth in (5, 3)
    )

    for a, b in zip(deep[:3], shallow[:3], strict=True):
        assert np.array_equal(a.weight, b.weight)
    assert len(np.unique(np.stack([layer.weight[0, 0] for layer in deep]))) == 6
