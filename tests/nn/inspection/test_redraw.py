"""Weights of a custom network's layers drawn anew, by each layer's own fans."""

from __future__ import annotations

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.support.drawn_numbers import normals_by_key
from xavier_cli.config.run import RunConfig
from xavier_cli.errors import ConfigError
from xavier_cli.nn import mlp
from xavier_cli.nn.initializers import make_biases, make_initializer
from xavier_cli.nn.inspection.draws import drawn_parameters
from xavier_cli.nn.inspection.first_pass import QUICK
from xavier_cli.nn.inspection.prepare import prepare
from xavier_cli.nn.inspection.redraw import make_redraw
from xavier_cli.vocabulary.resolve import find_initializer
from xavier_cli.vocabulary.user_functions import UserFunctionError

KEY, BIAS_KEY = jax.random.key(5), jax.random.key(6)


@cache
def prepared_of(function, inputs):
    return prepare(function, inputs, 10, f"nets.py:{function.__name__}")


@cache
def begun(function, inputs):
    """The network that is prepared, and the parameters that it draws itself by `KEY`, by one program."""
    prepared = prepared_of(function, inputs)
    return prepared, jax.jit(prepared.network.init, compiler_options=QUICK)(KEY)[0]


def redrawn(prepared, config):
    """As `make_redraw`, in a program that compiles soon; within the engine's it is one of no more effort."""
    return jax.jit(make_redraw(prepared, config), compiler_options=QUICK)


def of_mlp(name, biases=None):
    """The weights of `mlp` with 20 inputs, 12 units and 10 classes, by one program."""
    draw = make_initializer(find_initializer(name))
    return jax.jit(lambda: mlp.init_params(KEY, (20, 12, 10), draw, biases), compiler_options=QUICK)()


def asked(init="network", bias_init="network"):
    return RunConfig.of(net=f"{__file__}:two_layers", act="network", init=init, bias_init=bias_init)


def two_layers(key):
    """Weights as PyTorch writes them, so that they are transposed where they are used."""

    def init(key):
        first, last = normals_by_key(key, (12, 20), (10, 12))
        return {"first": first, "bias": jnp.ones(12), "last": last}

    def apply(params, x):
        return jnp.tanh(x @ params["first"].T + params["bias"]) @ params["last"].T

    return init, apply


@pytest.mark.parametrize("name", ["he_normal", "normalized", "orthogonal", "normal:std=0.02", "zeros"])
def test_a_perceptron_by_hand_gets_the_perceptrons_weights(name):
    prepared, params = begun(two_layers, (20,))
    drawn = redrawn(prepared, asked(name))(params, KEY)
    wanted = of_mlp(name)
    np.testing.assert_allclose(drawn["first"].T, wanted[0].weight, rtol=1e-6)
    np.testing.assert_allclose(drawn["last"].T, wanted[1].weight, rtol=1e-6)
    np.testing.assert_array_equal(drawn["bias"], params["bias"])


def perceptron(key):
    def init(key):
        first, last = normals_by_key(key, (20, 12), (12, 10))
        return [(first, jnp.ones(12)), (last, jnp.ones((1, 10)))]

    def apply(params, x):
        (first, bias), (last, more) = params
        return jnp.tanh(x @ first + bias) @ last + more

    return init, apply


@pytest.mark.parametrize("name", ["standard", "normal:std=0.02", "uniform", "constant:value=2", "zeros"])
def test_a_perceptron_by_hand_gets_the_perceptrons_biases(name):
    prepared, params = begun(perceptron, (20,))
    drawn = redrawn(prepared, asked("he_normal", name))(params, KEY, BIAS_KEY)
    biases = make_biases(find_initializer(name), (20, 12, 10)) or (lambda key, at, fans: jnp.zeros(fans[1]))
    wanted = of_mlp("he_normal", lambda at, fans: biases(BIAS_KEY, at, fans))
    for (weight, bias), layer in zip(drawn, wanted, strict=True):
        np.testing.assert_allclose(weight, layer.weight, rtol=1e-6)
        np.testing.assert_allclose(bias.ravel(), layer.bias, rtol=1e-6)
    alone = redrawn(prepared, asked("network", f"{name},1=network"))(params, KEY, BIAS_KEY)
    np.testing.assert_array_equal(alone[0][1], params[0][1])
    np.testing.assert_array_equal(alone[1][1], drawn[1][1])
    np.testing.assert_array_equal(alone[0][0], params[0][0])


def test_biases_are_drawn_by_a_key_of_their_own():
    prepared, params = begun(perceptron, (20,))
    with pytest.raises(TypeError, match="bias_key"):
        redrawn(prepared, asked("he_normal", "standard"))(params, KEY)


def test_one_layer_alone():
    prepared, params = begun(two_layers, (20,))
    drawn = redrawn(prepared, asked("network,output=zeros"))(params, KEY)
    np.testing.assert_array_equal(drawn["first"], params["first"])
    assert not drawn["last"].any()
    assert make_redraw(prepared, asked())(params, KEY) is params


@pytest.mark.parametrize("init", ["network,*=he_normal,fir*=zeros", "first=zeros,l?st=he", "he;1=zeros"])
def test_layers_by_name_and_pattern(init):
    prepared, params = begun(two_layers, (20,))
    drawn = redrawn(prepared, asked(init))(params, KEY)
    assert not drawn["first"].any()
    np.testing.assert_array_equal(drawn["last"], redrawn(prepared, asked("he"))(params, KEY)["last"])


def test_a_pattern_of_no_layer_is_refused_with_the_nearest():
    prepared = prepared_of(two_layers, (20,))
    with pytest.raises(ConfigError, match=r"^init: unknown layer `frist`: did you mean `first`\?$"):
        make_redraw(prepared, asked("network,frist=zeros"))
    with pytest.raises(ConfigError, match=r"^bias_init: unknown layer `mlp/\*`: known: first, last$"):
        make_redraw(prepared, asked(bias_init="network,mlp/*=zeros"))
    with pytest.raises(ConfigError, match=r"^init: there is no layer 3: the network has 2 weight layers$"):
        make_redraw(prepared, asked("network,3=zeros"))


def test_traced_over_seeds_it_draws_what_it_draws_for_each_alone():
    prepared = prepared_of(perceptron, (20,))
    inits = ("he_normal", "network,output=orthogonal", "normal:std=0.1,0/*=standard")
    draws = [make_redraw(prepared, asked(init, "standard")) for init in inits]

    def of_seed(seed):
        key = jax.random.key(seed)
        params, _ = prepared.network.init(key)
        return [draw(params, key, jax.random.fold_in(key, 16)) for draw in draws]

    seeds = jnp.arange(3)
    quick = partial(jax.jit, compiler_options=QUICK)
    single = quick(of_seed)
    singles = [single(seed) for seed in seeds]
    for together in (quick(lambda: jax.lax.map(of_seed, seeds))(), quick(jax.vmap(of_seed))(seeds)):
        for at, single in enumerate(singles):
            for one, many in zip(jax.tree.leaves(single), jax.tree.leaves(together), strict=True):
                np.testing.assert_allclose(many[at], one, rtol=1e-5, atol=1e-6)
    by_normal, kept, _ = singles[0]
    assert not np.array_equal(by_normal[0][0], kept[0][0])


def stacked(key):
    """A convolution in two groups, and three layers of one stack."""

    def init(key):
        kernel, stack, head = normals_by_key(key, (3, 3, 2, 16), (3, 16, 16), (16, 10))
        return {"kernel": kernel, "stack": stack, "head": head}

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
    prepared, params = begun(stacked, (8, 8, 4))
    redraw = redrawn(prepared, asked("glorot_normal"))
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
        return dict(zip(("v", "last"), normals_by_key(key, (20, 12), (12, 10)), strict=True))

    def apply(params, x):
        v = params["v"]
        return jnp.tanh(x @ (v / jnp.linalg.norm(v, axis=0))) @ params["last"]

    return init, apply


def test_a_weight_that_is_computed_is_refused_with_the_remedy():
    prepared, params = begun(computed, (20,))
    with pytest.raises(
        UserFunctionError, match=r"weight of `v` is not a parameter's own numbers.*`1=network`"
    ):
        make_redraw(prepared, asked("he_normal"))
    redrawn(prepared, asked("he_normal,1=network"))(params, KEY)


def computed_bias(key):
    def init(key):
        return {"w": jax.random.normal(key, (20, 12)), "b": jnp.ones(12), "last": jnp.ones((12, 10))}

    def apply(params, x):
        return jnp.tanh(x @ params["w"] + jnp.exp(params["b"])) @ params["last"]

    return init, apply


def test_a_bias_that_is_computed_is_refused_with_the_remedy():
    prepared = prepared_of(computed_bias, (20,))
    with pytest.raises(UserFunctionError, match=r"the bias of `w` is not .* by `1=network` in bias_init"):
        make_redraw(prepared, asked(bias_init="standard"))
    make_redraw(prepared, asked(bias_init="standard,w=network"))


def scaled(key):
    """Weights that are scaled where they are used, as with an equalized learning rate."""

    def init(key):
        return dict(zip(("w", "last"), normals_by_key(key, (20, 12), (12, 10)), strict=True))

    def apply(params, x):
        return jnp.tanh(x @ (params["w"] * -0.25)) @ params["last"]

    return init, apply


def test_of_a_scaled_weight_what_is_used_has_the_distribution():
    prepared, params = begun(scaled, (20,))
    drawn = redrawn(prepared, asked("he_normal"))(params, KEY)
    wanted = of_mlp("he_normal")
    np.testing.assert_allclose(drawn["w"] * -0.25, wanted[0].weight, rtol=1e-6)


def frozen(key):
    """Weights behind `stop_gradient`, one of them in a loop, and a loop whose length depends on the data."""

    def init(key):
        first, stack, last = normals_by_key(key, (20, 12), (2, 12, 12), (12, 10))
        return {"frozen": first, "stack": stack, "last": last, "rate": jnp.ones(())}

    def apply(params, x):
        y = jnp.tanh(x @ jax.lax.stop_gradient(params["frozen"]))
        y, _ = jax.lax.scan(lambda y, w: (jnp.tanh(y @ jax.lax.stop_gradient(w)), None), y, params["stack"])
        y = jax.lax.while_loop(lambda y: jnp.max(jnp.abs(y)) > 1, lambda y: y * 0.5, y * params["rate"])
        return y @ params["last"]

    return init, apply


def test_frozen_weights_are_drawn_too_and_said_to_be_frozen():
    prepared, params = begun(frozen, (20,))
    drawn = redrawn(prepared, asked("orthogonal"))(params, KEY)
    for matrix in (drawn["frozen"], *drawn["stack"]):
        np.testing.assert_allclose(matrix.T @ matrix, np.eye(12), atol=1e-5)
    (note,) = [note for note in prepared.info.notes if note.startswith("Not trained")]
    assert note.startswith("Not trained: `frozen` (behind `stop_gradient`)")
    assert not any("Not trained" in note for note in prepared_of(two_layers, (20,)).info.notes)


def twice(key):
    """A matrix that is used as it is and turned around, and one that is an embedding table, too."""

    def init(key):
        return dict(zip(("w", "table"), normals_by_key(key, (20, 20), (10, 20)), strict=True))

    def apply(params, x):
        y = jnp.tanh(jnp.tanh(x @ params["w"]) @ params["w"].T)
        y = y + params["table"][jnp.argmax(x, 1)]
        return y @ params["table"].T

    return init, apply


def test_tied_weights_are_refused_by_name():
    prepared = prepared_of(twice, (20,))
    with pytest.raises(UserFunctionError, match=r"`w` is not .* shared with another layer"):
        make_redraw(prepared, asked("he_normal,output=network"))
    with pytest.raises(UserFunctionError, match=r"`table` is also an embedding table.* `3=network` in init"):
        make_redraw(prepared, asked("network,3=he_normal"))


def heads(key):
    """A projection to heads of a few units each, and experts side by side."""

    def init(key):
        heads, experts, last = normals_by_key(key, (24, 2, 6), (3, 12, 8), (24, 10))
        return {"heads": heads, "bias": jnp.zeros((2, 6)), "experts": experts, "last": last}

    def apply(params, x):
        y = jnp.tanh(jnp.einsum("bi,ihd->bhd", x, params["heads"]) + params["bias"]).reshape(-1, 12)
        y = jnp.tanh(jnp.einsum("bi,eio->beo", y, params["experts"])).reshape(-1, 24)
        return y @ params["last"]

    return init, apply


def test_heads_are_units_of_one_matrix_and_experts_are_matrices_of_their_own():
    prepared, params = begun(heads, (24,))
    drawn = redrawn(prepared, asked("orthogonal,*experts=network", "standard"))(params, KEY, BIAS_KEY)
    whole = np.asarray(drawn["heads"]).reshape(24, 12)
    np.testing.assert_allclose(whole.T @ whole, np.eye(12), atol=1e-5)
    np.testing.assert_allclose(
        drawn["bias"].ravel(), make_biases(find_initializer("standard"))(BIAS_KEY, 0, (24, 12)), rtol=1e-6
    )


def test_a_convolution_starts_as_the_identity_by_its_centre_and_its_groups_apart():
    prepared, params = begun(stacked, (8, 8, 4))
    kernel = np.asarray(redrawn(prepared, asked("network,1=identity"))(params, KEY)["kernel"])
    assert not np.delete(kernel.reshape(9, 2, 16), 4, 0).any()
    np.testing.assert_array_equal(kernel[1, 1], np.tile(np.eye(2, 8), 2))
    kernel = np.asarray(redrawn(prepared, asked("network,1=orthogonal"))(params, KEY)["kernel"])
    for group in np.split(kernel.reshape(18, 16), 2, axis=1):
        np.testing.assert_allclose(group.T @ group, np.eye(8), atol=1e-5)


def test_what_draws_by_data_is_refused():
    with pytest.raises(ConfigError, match="lsuv draws layer after layer by the data: it is for `mlp` alone"):
        asked("lsuv")
