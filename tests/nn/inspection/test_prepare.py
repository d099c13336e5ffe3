"""Tests that every network is either ready to be looked at, or refused in a line that says what to do."""

from __future__ import annotations

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from tests.support.bad_networks import BAD, CLASSES, INPUTS, ODD, flat, hidden, linear
from tests.support.drawn_numbers import normals_by_key
from xavier_cli.errors import ExitCode
from xavier_cli.nn.adapters.network import UnknownNetworkError
from xavier_cli.nn.inspection.draws import drawn_parameters
from xavier_cli.nn.inspection.prepare import prepare
from xavier_cli.vocabulary.network_info import NetworkInfo
from xavier_cli.vocabulary.user_functions import UserFunctionError


def prepared(make, **options):
    return prepare(make, INPUTS, CLASSES, "nets.py:net", **options)


@pytest.mark.parametrize("name", BAD)
def test_is_refused_in_a_line_with_the_remedy(name):
    make, told = BAD[name]
    with pytest.raises(UserFunctionError, match=told) as raised:
        prepared(make)
    assert raised.value.exit_code == ExitCode.USAGE
    assert str(raised.value).startswith("`nets.py:net`")
    assert "\n" not in str(raised.value)


def test_neither_layout_nor_batch_is_blamed_where_another_would_not_help():
    def apply(p, x, train):
        if not train:
            raise RuntimeError("no running averages")
        return x.mean((1, 2, 3))[:, None] * jnp.ones(12) @ p["w"]

    with pytest.raises(UserFunctionError, match=r"in use.*no running averages$"):
        prepared(lambda key: (linear, apply))


@pytest.mark.parametrize("name", ODD)
def test_is_looked_at_with_a_note(name):
    make, roles, note = ODD[name]
    info = prepared(make).info
    assert {each.name: each.role for each in info.parameters} == roles
    assert info.notes == ((note,) if note else ())
    assert NetworkInfo.from_json(info.to_json()) == info


def test_a_loop_of_unknown_length_is_named_and_stops_gradients():
    def apply(p, x):
        h = flat({"w": p["a"]}, x)
        h = lax.while_loop(lambda h: jnp.abs(h).max() > 1, lambda h: 1e-3 * h @ p["b"], h)
        return h @ p["w"]

    found = prepared(lambda key: (hidden, apply))
    (told,) = found.info.unseen
    assert re.search("`while` loop whose length depends on the data.* with the parameters `b`", told)
    assert [layer.name for layer in found.layers] == ["a", "w"]
    params, state = jax.jit(found.network.init)(jax.random.key(0))
    x = jnp.ones((300, *INPUTS))

    def total(zeros):
        return found.tapped.run(params, x, state, jax.random.key(0), zeros=zeros)[0].sum()

    zeros = {layer.first.site: jnp.zeros((300, layer.fan_out)) for layer in found.layers}
    gradients = jax.jit(jax.grad(total))(zeros)
    first, last = (gradients[layer.first.site] for layer in found.layers)
    assert np.isnan(first).all()
    assert np.all(last == 1)


def test_a_choice_names_the_parameters_of_its_branches():
    def apply(p, x):
        h = flat({"w": p["a"]}, x)
        return lax.cond(h.sum() > 0, lambda h: h @ p["b"], lambda h: h, h) @ p["w"]

    (told,) = prepared(lambda key: (hidden, apply)).info.unseen
    assert re.search("a choice between branches .* with the parameters `b`", told)


def test_a_derivative_of_its_own_is_kept_around_a_loop():
    @jax.custom_vjp
    def settled(w, h):
        return lax.while_loop(lambda h: jnp.abs(h).max() > 1, lambda h: 1e-3 * h @ w, h)

    settled.defvjp(lambda w, h: (settled(w, h), (w, h)), lambda saved, g: (0 * saved[0], 2 * g))

    def apply(p, x):
        return settled(p["b"], flat({"w": p["a"]}, x)) @ p["w"]

    found = prepared(lambda key: (hidden, apply))
    assert "a function with a derivative of its own" in found.info.unseen[0]
    params, state = jax.jit(found.network.init)(jax.random.key(0))
    first = found.layers[0].first.site

    def total(zero):
        x = jnp.ones((300, *INPUTS))
        return found.tapped.run(params, x, state, jax.random.key(0), zeros={first: zero})[0].sum()

    expected = np.broadcast_to(2 * np.asarray(params["w"]).sum(1), (300, 12))
    found = jax.jit(jax.grad(total))(jnp.zeros((300, 12)))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_what_it_prints_is_not_printed_again(capfd):
    def apply(p, x):
        jax.debug.print("from within {}", x.sum())
        return flat(p, x)

    found = prepared(lambda key: (linear, apply))
    params, state = found.network.init(jax.random.key(0))
    found.tapped.run(params, jnp.ones((300, *INPUTS)), state, jax.random.key(0))
    jax.effects_barrier()
    assert "from within" not in "".join(capfd.readouterr())


def test_the_layers_carry_what_the_run_file_asks_for():
    def init(key):
        return {**hidden(key), "bias": jnp.zeros(12)}

    def apply(p, x):
        return jnp.tanh(flat({"w": p["a"]}, x) + p["bias"]) @ (p["b"] + jnp.eye(12)) @ p["w"]

    info = prepared(lambda key: (init, apply)).info
    assert info.framework == "JAX"
    first, second, last = info.layers
    assert (first.name, first.parameter, first.bias, first.applied) == ("a", "a", "bias", ("tanh",))
    assert (second.fan_in, second.fan_out, second.uses, second.receptive_field) == (12, 12, 1, 1)
    assert last.shape == (12, 10)
    assert {each.name: each.role for each in info.parameters}["bias"] == "bias"


def test_draws_are_the_effective_weights_with_their_units_last():
    numbers = ("NCHW", "OIHW", "NCHW")

    def init(key):
        drawn = normals_by_key(key, (4, 3, 2, 2), (10, 4), (10, 1))
        return dict(zip("kwg", drawn, strict=True)) | {"b": jnp.arange(10.0)}

    def apply(p, x):
        x = lax.conv_general_dilated(
            jnp.moveaxis(x, -1, 1), p["k"], (1, 1), "SAME", dimension_numbers=numbers
        )
        return x.mean((2, 3)) @ (p["g"] * p["w"]).T + p["b"]

    found = prepared(lambda key: (init, apply))
    keys = jax.random.split(jax.random.key(3), 2)
    stacked = jax.jit(jax.vmap(init))(keys)
    single = jax.tree.map(lambda each: each[1], stacked)
    one, both = drawn_parameters(found, single), drawn_parameters(found, stacked)
    assert {name: each.shape for name, each in both.parameters.items()} == {
        "k": (2, 4, 3, 2, 2),
        "w": (2, 10, 4),
        "g": (2, 10, 1),
        "b": (2, 10),
    }
    expected = [stacked["k"].transpose(0, 3, 4, 2, 1), (stacked["g"] * stacked["w"]).transpose(0, 2, 1)]
    for layer, (stack, single) in zip(expected, zip(both.layers, one.layers, strict=True), strict=True):
        np.testing.assert_allclose(stack, layer, rtol=1e-6)
        np.testing.assert_allclose(single, layer[1], rtol=1e-6)
    assert both.biases[0] is None
    np.testing.assert_array_equal(one.biases[1], np.arange(10.0))


def test_a_version_without_what_is_needed_is_named(monkeypatch):
    linen = pytest.importorskip("flax.linen", reason="flax is not installed")
    monkeypatch.delattr(linen, "intercept_methods")
    with pytest.raises(UnknownNetworkError, match=r"flax \S+ lacks what is needed .* `pip install flax=="):
        prepared(lambda key: linen.Dense(CLASSES))
