"""Tests that every parameter of a program is accounted for: weight, bias, embedding, or something else."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest

from tests.support.plain_programs import CASES
from xavier_cli.nn.inspection.description import describe
from xavier_cli.nn.programs.layers import gather
from xavier_cli.nn.programs.taps import tap


def described(apply, params, x):
    tapped = tap(apply, params, x)
    layers = gather(tapped.layers, tapped.applications)
    return describe("JAX", tapped, layers, params, {}, ())


ROLES = {
    "convolutions": {"a/b": "bias"},
    "stacked": {"blocks/b": "bias", "out/b": "bias"},
    "recurrent": {"b": "bias"},
    "unrolled": {"b": "bias"},
    # A vector that scales a weight is a part of it, and no weight.
    "effective weights": {"g": "other"},
    "indexed": {"c": "bias"},
    "gated": {"both": "bias", "gate": "bias"},
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_no_weight_is_accounted_for(name):
    case = CASES[name]()
    info = described(case.apply, case.params, case.x)
    found = {each.name: each.role for each in info.parameters}
    assert {name: role for name, role in found.items() if role != "weight"} == ROLES[name]
    assert {each.parameter for each in info.layers} <= {name for name in found if found[name] == "weight"}
    assert not info.unseen


def test_kinds_and_fields_of_convolutions():
    case = CASES["convolutions"]()
    info = described(case.apply, case.params, case.x)
    assert [(each.kind, each.receptive_field) for each in info.layers] == [
        ("convolution", 9),
        ("convolution", 9),
        ("transposed convolution", 4),
        ("dense", 1),
    ]


def test_a_weight_in_a_loop_is_used_in_every_round():
    case = CASES["recurrent"]()
    info = described(case.apply, case.params, case.x)
    assert [each.uses for each in info.layers] == [8, 8, 1]


def test_a_table_is_an_embedding_also_where_it_is_a_layer():
    params = {"rows": jnp.ones((5, 3)), "w": jnp.ones((3, 3)), "at": jnp.ones((4, 3))}

    def apply(p, x):
        return jnp.tanh(jnp.take(p["rows"], x, axis=0) + p["at"]) @ p["w"] @ p["rows"].T

    info = described(apply, params, jnp.zeros((2, 4), int))
    assert {each.name: each.role for each in info.parameters} == {
        "rows": "embedding",
        "w": "weight",
        "at": "other",
    }
    assert [each.name for each in info.layers] == ["w", "rows"]


def test_positions_and_scales_are_no_biases():
    params = {"w": jnp.ones((3, 4)), "scale": jnp.ones(4), "shift": jnp.ones(4), "out": jnp.ones((4, 2))}

    def apply(p, x):
        s = x @ p["w"]
        return ((s - s.mean()) * p["scale"] + p["shift"]) @ p["out"]

    info = described(apply, params, jnp.ones((6, 3)))
    roles = {each.name: each.role for each in info.parameters}
    assert (roles["scale"], roles["shift"]) == ("other", "other")


def test_gates_of_one_parameter_are_named_by_their_part():
    def apply(p, x):
        left, right = jnp.split(p["w"], [3], axis=1)
        return jax.nn.sigmoid(x @ left).mean(1, keepdims=True) * (x @ right)

    info = described(apply, {"w": jnp.ones((4, 5))}, jnp.ones((6, 4)))
    assert [(each.name, each.parameter) for each in info.layers] == [("w[:, 0:3]", "w"), ("w[:, 3:5]", "w")]


def test_parameters_in_one_array_have_a_name():
    def apply(p, x):
        return jnp.tanh(x @ p[:12].reshape(4, 3)) @ p[12:].reshape(3, 2)

    info = described(apply, jnp.ones(18), jnp.ones((6, 4)))
    assert [each.name for each in info.layers] == ["params[0:12]", "params[12:18]"]
    assert [(each.name, each.role) for each in info.parameters] == [("params", "weight")]


def test_a_derivative_that_is_replaced_is_told():
    @jax.custom_vjp
    def rounded(x, w):
        return x @ jnp.round(w)

    rounded.defvjp(lambda x, w: (rounded(x, w), (x, w)), lambda saved, g: (g @ saved[1].T, saved[0].T @ g))
    info = described(lambda p, x: rounded(x, p["w"]), {"w": jnp.ones((4, 5))}, jnp.ones((6, 4)))
    assert [each.name for each in info.layers] == ["w"]
    assert "`jax.custom_vjp`" in info.notes[0]


def test_a_product_with_ragged_groups_is_named():
    def apply(p, x):
        return jax.lax.ragged_dot(x, p["experts"], jnp.array([2, 4])) @ p["out"]

    info = described(apply, {"experts": jnp.ones((2, 3, 4)), "out": jnp.ones((4, 2))}, jnp.ones((6, 3)))
    assert info.unseen == (
        "Not looked into: a product with ragged groups (`ragged_dot`), with the parameters `experts`.",
    )
