"""Tests that weight layers are found in any program, and that looking changes nothing."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.support.plain_programs import CASES, EXAMPLES
from xavier_cli.nn.programs.layers import gather
from xavier_cli.nn.programs.taps import tap


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]()


def test_finds_every_layer_with_its_fans_in_order_of_execution(case):
    network = tap(case.apply, case.params, case.x)
    layers = gather(network.layers, network.applications)
    assert [(each.name, each.fan_in, each.fan_out, len(each.uses)) for each in layers] == [*case.layers]
    assert tuple(each.function for each in network.applications) == case.functions
    assert not network.unseen


def test_answers_and_gradients_are_the_networks_own(case):
    network = tap(case.apply, case.params, case.x)

    def looked_at(params):
        return jnp.sum(jnp.sin(network.run(params, case.x)[0]))

    def plain(params):
        return jnp.sum(jnp.sin(case.apply(params, case.x)))

    found, expected = (jax.jit(jax.value_and_grad(each))(case.params) for each in (looked_at, plain))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), found, expected)


def test_derivatives_by_added_zeros_are_those_by_finite_differences(case):
    with jax.enable_x64(True):
        params, x = jax.tree.map(lambda each: each.astype(jnp.float64), (case.params, case.x))
        network = tap(case.apply, params, x)
        met = jax.eval_shape(lambda: network.run(params, x)[1]).layers

        @jax.jit
        def total(zeros, no_change):
            return jnp.sum(jnp.sin(network.run(params, x, zeros=zeros, weight_zeros=no_change)[0]))

        zeros = {site: np.zeros(each.s.shape) for site, each in met.items()}
        no_change = {site: np.zeros(each.weight.shape) for site, each in met.items()}
        gradients = jax.jit(jax.grad(total, argnums=(0, 1)))(zeros, no_change)
        for site in met:
            for which in (0, 1):
                given = [dict(zeros), dict(no_change)]
                direction = np.random.default_rng(1).standard_normal(given[which][site].shape)
                ends = []
                for step in (1e-6, -1e-6):
                    given[which][site] = step * direction
                    ends.append(float(total(*given)))
                slope = np.vdot(gradients[which][site], direction)
                assert (ends[0] - ends[1]) / 2e-6 == pytest.approx(float(slope), rel=1e-4, abs=1e-6)


def test_a_gradient_of_an_effective_weight_adds_over_its_uses():
    case = CASES["recurrent"]()
    network = tap(case.apply, case.params, case.x)
    sites = {layer.name: layer.site for layer in network.layers}
    no_change = {sites["h"]: jnp.zeros((6, 6))}

    def total(no_change, params):
        return jnp.sum(jnp.sin(network.run(params, case.x, weight_zeros=no_change)[0]))

    by_zeros, by_params = jax.jit(jax.grad(total, argnums=(0, 1)))(no_change, case.params)
    np.testing.assert_allclose(by_zeros[sites["h"]], by_params["h"], rtol=1e-5)


def test_met_in_a_loop_is_what_passed_in_every_round():
    found = {}
    for name in ("recurrent", "unrolled"):
        case = CASES[name]()
        network = tap(case.apply, case.params, case.x)
        _, passed = jax.jit(network.run)(case.params, case.x)
        found[name] = [
            np.concatenate(
                [np.reshape(passed.layers[use.layer.site].s, (-1, EXAMPLES, 6)) for use in each.uses]
            )
            for each in gather(network.layers)[:2]
        ]
    for looped, unrolled in zip(found["recurrent"], found["unrolled"], strict=True):
        np.testing.assert_allclose(looped, unrolled, rtol=1e-5, atol=1e-6)


def test_a_loop_whose_length_depends_on_the_example_is_named_and_not_passed_over():
    def apply(w, x):
        def shrink(h):
            return (h @ w) / 2

        return jax.lax.while_loop(lambda h: jnp.max(jnp.abs(h)) > 1, shrink, x)

    network = tap(apply, jnp.eye(4), jnp.ones((3, 4)))
    (unseen,) = network.unseen
    assert unseen.operation == "while"
    assert not network.layers


def test_an_embedding_is_listed_and_is_no_layer():
    network = tap(
        lambda p, x: p["rows"][x] @ p["out"],
        {"rows": jnp.ones((5, 3)), "out": jnp.ones((3, 2))},
        jnp.arange(4),
    )
    assert [(each.name, each.shape) for each in network.tables] == [("rows", (5, 3))]
    assert [each.name for each in network.layers] == ["out"]


def test_positions_added_to_a_layer_are_not_its_bias():
    def apply(p, x):
        return jnp.tanh(x @ p["w"] + p["positions"]).mean(1) @ p["out"] + p["bias"]

    params = {
        "w": jnp.ones((3, 4)),
        "positions": jnp.ones((5, 4)),
        "out": jnp.ones((4, 2)),
        "bias": jnp.ones(2),
    }
    layers = gather(tap(apply, params, jnp.ones((6, 5, 3))).layers)
    assert [layer.has_bias for layer in layers] == [False, True]


def test_seeds_can_be_looked_at_together():
    case = CASES["stacked"]()
    network = tap(case.apply, case.params, case.x)
    both = jax.tree.map(lambda each: jnp.stack([each, 2 * each]), case.params)
    together = jax.jit(jax.vmap(lambda params: network.run(params, case.x)[0]))(both)
    alone = jax.jit(case.apply)(case.params, case.x)
    np.testing.assert_allclose(together[0], alone, rtol=1e-4, atol=1e-5)
