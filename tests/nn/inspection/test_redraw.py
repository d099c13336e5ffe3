"""Weights of a custom network's layers drawn anew, by each layer's own fans."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from xavier_cli.nn import mlp
from xavier_cli.nn.initializers import make_initializer
from xavier_cli.nn.inspection.draws import drawn_parameters
from xavier_cli.nn.inspection.prepare import prepare
from xavier_cli.nn.inspection.redraw import make_redraw
from xavier_cli.vocabulary.resolve import find_initializer, find_layer_initializers
from xavier_cli.vocabulary.user_functions import UserFunctionError

KEY = jax.random.key(5)


def two_layers(key):
    """Weights as PyTorch writes them, so that they are transposed where they are used."""

    def init(key):
        a, b = jax.random.split(key)
        first, last = jax.random.normal(a, (12, 20)), jax.random.normal(b, (10, 12))
        return {"first": first, "bias": jnp.ones(12), "last": last}

    def apply(params, x):
        return jnp.tanh(x @ params["first"].T + params["bias"]) @ params["last"].T

    return init, apply


@pytest.mark.parametrize("name", ["he_normal", "normalized", "orthogonal", "normal:std=0.02", "zeros"])
def test_a_perceptron_by_hand_gets_the_perceptrons_weights(name):
    prepared = prepare(two_layers, (20,), 10, "nets.py:two")
    params, _ = prepared.network.init(KEY)
    drawn = make_redraw(prepared, find_layer_initializers(name, 1), "nets.py:two")(params, KEY)
    wanted = mlp.init_params(KEY, (20, 12, 10), make_initializer(find_initializer(name)))
    np.testing.assert_allclose(drawn["first"].T, wanted[0].weight, rtol=1e-6)
    np.testing.assert_allclose(drawn["last"].T, wanted[1].weight, rtol=1e-6)
    np.testing.assert_array_equal(drawn["bias"], params["bias"])


def test_one_layer_alone():
    prepared = prepare(two_layers, (20,), 10, "nets.py:two")
    params, _ = prepared.network.init(KEY)
    drawn = make_redraw(prepared, find_layer_initializers("network,output=zeros", 1), "w")(params, KEY)
    np.testing.assert_array_equal(drawn["first"], params["first"])
    assert not drawn["last"].any()


def stacked(key):
    """A convolution in two groups, and three layers of one stack."""

    def init(key):
        a, b, c = jax.random.split(key, 3)
        return {
            "kernel": jax.random.normal(a, (3, 3, 2, 16)),
            "stack": jax.random.normal(b, (3, 16, 16)),
            "head": jax.random.normal(c, (16, 10)),
        }

    def apply(params, x):
        y = jax.lax.conv_general_dilated(
            x,
            params["kernel"],
            (1, 1),
            "SAME",
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=2,
        )
        y = jax.nn.relu(y).mean((1, 2))
        y, _ = jax.lax.scan(lambda y, w: (jax.nn.relu(y @ w), None), y, params["stack"])
        return y @ params["head"]

    return init, apply


def test_fans_are_the_layers_own_and_slices_are_drawn_apart():
    prepared = prepare(stacked, (8, 8, 4), 10, "nets.py:stacked")
    rows = find_layer_initializers("glorot_normal", 4)
    redraw = make_redraw(prepared, rows, "nets.py:stacked")
    params, _ = prepared.network.init(KEY)
    many = [redraw(params, jax.random.key(seed)) for seed in range(40)]
    kernels = np.stack([each["kernel"] for each in many])
    # Nine places, two channels of a group in, eight units of a group out.
    assert kernels.std() == pytest.approx((2 / (9 * 2 + 9 * 8)) ** 0.5, rel=0.02)
    stack = np.asarray(many[0]["stack"])
    assert not np.array_equal(stack[0], stack[1])
    assert np.stack([each["stack"] for each in many]).std() == pytest.approx((2 / 32) ** 0.5, rel=0.02)
    layers = drawn_parameters(prepared, many[0]).layers
    np.testing.assert_array_equal(layers[2], stack[1])


def computed(key):
    def init(key):
        return {"v": jax.random.normal(key, (20, 12)), "last": jax.random.normal(key, (12, 10))}

    def apply(params, x):
        v = params["v"]
        return jnp.tanh(x @ (v / jnp.linalg.norm(v, axis=0))) @ params["last"]

    return init, apply


def test_a_weight_that_is_computed_is_refused_with_the_remedy():
    prepared = prepare(computed, (20,), 10, "nets.py:computed")
    params, _ = prepared.network.init(KEY)
    redraw = make_redraw(prepared, find_layer_initializers("he_normal", 1), "nets.py:computed")
    with pytest.raises(UserFunctionError, match=r"weight of `v` is not a parameter's own numbers.*1=network"):
        redraw(params, KEY)
    make_redraw(prepared, find_layer_initializers("he_normal,1=network", 1), "w")(params, KEY)


def test_what_draws_by_data_is_refused():
    prepared = prepare(two_layers, (20,), 10, "nets.py:two")
    with pytest.raises(UserFunctionError, match="for `mlp` alone"):
        make_redraw(prepared, find_layer_initializers("lsuv", 1), "w")
