"""Tests LSUV: every layer's output has unit variance, and a simple implementation agrees."""

from __future__ import annotations

from functools import partial
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from xavier_cli.nn.lsuv import find_unit_variances, scale_to_data
from xavier_cli.nn.mlp import Dense, forward
from xavier_cli.nn.network import Network
from xavier_cli.vocabulary.parameters import ParameterError
from xavier_cli.vocabulary.resolve import find_initializer, find_layer_initializers

SIZES, DEPTH = (16, 12, 12, 12, 4), 3
ACT = jnp.tanh


def drawn(bias=0.0):
    """Layers of any weights: what they are scaled to does not depend on how they were drawn."""
    rng = np.random.default_rng(0)
    return tuple(
        Dense(
            jnp.asarray(rng.normal(0, 0.2, fans), jnp.float32),
            jnp.asarray(rng.normal(0, bias, fans[1]), jnp.float32),
        )
        for fans in pairwise(SIZES)
    )


def scale(network, params, x, rules):
    return jax.jit(lambda params, x: scale_to_data(network, params, x, rules))(params, x)


def batch(examples=200):
    return jnp.asarray(np.random.default_rng(1).uniform(0, 3, (examples, SIZES[0])), jnp.float32)


def by_numpy(network, params, x, rules):
    """The paper's algorithm as it stands there: forward, look, divide, and forward again."""
    weights = [np.array(layer.weight, np.float64) for layer in params]

    def sums(upto):
        z = np.asarray(x, np.float64)
        for i in range(upto + 1):
            s = z @ weights[i] + np.asarray(params[i].bias, np.float64)
            entered, into = z, s
            if network.normalization == "layer":
                into = (s - s.mean(axis=1, keepdims=True)) / np.sqrt(s.var(axis=1, keepdims=True) + 1e-5)
            elif network.normalization == "batch":
                into = (s - s.mean(axis=0)) / np.sqrt(s.var(axis=0) + 1e-5)
            z = np.tanh(into) + (entered if network.skips(i, params[i]) else 0)
        return s

    for i, rule in enumerate(rules):
        for _ in range(rule.rounds if rule else 0):
            variance = sums(i)[: rule.examples].var() / rule.variance
            if abs(variance - 1) < rule.tolerance:
                break
            weights[i] /= np.sqrt(variance)
    return weights


@pytest.mark.parametrize(
    ("init", "network", "gain", "bias"),
    [
        ("lsuv:examples=60,tolerance=0.01,output=zeros,2=standard", Network(ACT), 1.0, 0.0),
        ("lsuv:rounds=3,tolerance=1e-6", Network(ACT), 1.5, 0.5),
        ("lsuv", Network(ACT, residual=True), 1.0, 0.0),
        ("lsuv", Network(ACT, normalization="batch"), 1.0, 0.0),
        ("lsuv", Network(ACT, normalization="layer"), 1.0, 0.0),
    ],
)
def test_the_obvious_way_makes_the_same_weights(init, network, gain, bias):
    params, rules, x = drawn(bias), find_unit_variances(find_layer_initializers(init, DEPTH), gain), batch()
    scaled = scale(network, params, x, rules)

    for ours, theirs, before in zip(scaled, by_numpy(network, params, x, rules), params, strict=True):
        assert np.allclose(ours.weight, theirs, rtol=2e-4, atol=1e-6)
        assert np.array_equal(ours.bias, before.bias)


def test_every_layer_has_unit_variance_and_its_weights_are_those_drawn_but_for_a_factor():
    params, x = drawn(), batch()
    scaled = scale(Network(ACT), params, x, find_unit_variances(find_layer_initializers("lsuv", DEPTH)))
    logits, taps = jax.jit(partial(forward, act=ACT))(scaled, x)

    variances = [np.asarray(s).var() for s in (*taps.preactivations, logits)]
    assert variances == pytest.approx([1.0] * 4, rel=1e-4)
    for after, before in zip(scaled, params, strict=True):
        factors = np.asarray(after.weight) / np.asarray(before.weight)
        assert np.allclose(factors, factors[0, 0], rtol=1e-3)


def test_a_layer_that_is_given_nothing_stays_as_drawn():
    params = drawn()
    rules = find_unit_variances(find_layer_initializers("lsuv", DEPTH))
    scaled = scale(Network(ACT), params, jnp.zeros((5, SIZES[0])), rules)

    assert all(np.array_equal(a.weight, b.weight) for a, b in zip(scaled, params, strict=True))


def test_only_layers_of_that_name_have_a_rule_and_the_output_takes_no_gain():
    one, two, output = find_unit_variances(
        find_layer_initializers("lsuv:examples=60,1=standard", 2), gain=2.0
    )

    assert one is None
    assert (two.examples, two.variance, two.rounds) == (60, 4.0, 10)
    assert output.variance == 1.0


@pytest.mark.parametrize(
    "word", ["lsuv:examples=501", "lsuv:examples=2.5", "lsuv:tolerance=0", "lsuv:rounds=0"]
)
def test_parameters_out_of_range_are_named(word):
    with pytest.raises(ParameterError, match="should be"):
        find_initializer(word)
