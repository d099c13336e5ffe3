"""Tests that the probe of any network says of a perceptron what the perceptron's own says."""

from __future__ import annotations

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.support.drawn_numbers import normal
from tests.support.plain_programs import CASES
from xavier_cli.nn import mlp
from xavier_cli.nn.activations import make_activation
from xavier_cli.nn.losses import LOSSES
from xavier_cli.nn.programs.layers import gather
from xavier_cli.nn.programs.taps import tap
from xavier_cli.statistics.tensor_summary import make_bins
from xavier_cli.theory.saturation import find_regions
from xavier_cli.training.probes.network_probe import make_network_probe, sample
from xavier_cli.training.probes.probe import make_probe
from xavier_cli.vocabulary.resolve import find_activation

ONLY_OF_PERCEPTRONS = {"weight_gradient/example_rms", "logits/from_bias_std", "logits/from_weights_std"}
CROSS_ENTROPY = LOSSES["cross_entropy"]


def compiled(probe):
    """As the engine compiles what runs once a record."""
    return jax.jit(probe, compiler_options={"xla_backend_optimization_level": 1})


@pytest.mark.parametrize("name", ["tanh", "relu", "sigmoid", "softsign", "gelu", "selu", "hard_tanh"])
def test_a_perceptron_by_hand_has_the_perceptrons_statistics(name):
    word = find_activation(name)
    act = make_activation(word)
    # Layers of another shape are measured by a loop of their own: once is enough.
    sizes = (20, 12, 12, 9, 10) if name == "tanh" else (20, 12, 12, 10)
    params = tuple(
        mlp.Dense(normal(at, *fans), jnp.zeros(fans[1])) for at, fans in enumerate(pairwise(sizes))
    )
    x, labels = normal(9, 30, 20), jnp.arange(30) % 10
    bins = {"activation": make_bins(word.range), "weight_gradient": make_bins((-np.inf, np.inf))}
    own = compiled(make_probe(act, CROSS_ENTROPY, find_regions(act, word.range), bins))(params, x, labels)
    network = tap(lambda params, x: mlp.forward(params, x, act)[0], params, x)
    layers = gather(network.layers, network.applications)
    probe = make_network_probe(network, layers, lambda logits: logits, CROSS_ENTROPY, bins)
    found = compiled(probe)(labels, params, x)
    assert {*own} - {*found} == ONLY_OF_PERCEPTRONS
    for path in {*own} & {*found}:
        np.testing.assert_allclose(found[path], own[path], rtol=1e-5, atol=1e-7, err_msg=path)


@pytest.mark.parametrize("name", CASES)
def test_every_layer_of_every_program_is_measured(name):
    case = CASES[name]()
    network = tap(case.apply, case.params, case.x)
    layers = gather(network.layers, network.applications)
    probe = make_network_probe(network, layers, lambda logits: logits, CROSS_ENTROPY, {})
    labels = np.arange(len(case.x)) % 10
    found = compiled(probe)(labels, case.params, case.x)
    assert len(found["weight/std"]) == len(layers) == len(found["backprop/std"]) + 1
    assert np.all(np.isfinite(found["backprop/std"]))
    assert np.all(found["backprop/std"] > 0)
    assert np.all(found["weight_gradient/std"] > 0)
    has_bias = [layer.has_bias for layer in layers]
    assert [*np.isfinite(found["bias/std"])] == has_bias
    has_function = [bool(layer.applied) for layer in layers[:-1]]
    assert [*np.isfinite(found["activation/saturated"])] == has_function


def test_half_precision_is_described_in_single():
    def apply(params, x):
        return jnp.tanh(x.astype(jnp.bfloat16) @ params["w"] + params["b"]) @ params["v"]

    shapes = {"w": (40, 300), "b": (300,), "v": (300, 10)}
    params = {
        name: normal(at, *shape).astype(jnp.bfloat16) for at, (name, shape) in enumerate(shapes.items())
    }
    x = normal(9, 50, 40)
    network = tap(apply, params, x)
    layers = gather(network.layers, network.applications)
    probe = make_network_probe(network, layers, lambda each: each.astype(jnp.float32), CROSS_ENTROPY, {})
    found = compiled(probe)(np.arange(50) % 10, params, x)
    assert {str(each.dtype) for each in found.values()} == {"float32"}
    for at, name in enumerate("wv"):
        exact = np.asarray(params[name], np.float64)
        assert found["weight/std"][at] == pytest.approx(exact.std(), rel=1e-5)
        assert found["weight/mean"][at] == pytest.approx(exact.mean(), rel=1e-3)
    assert found["bias/std"][0] == pytest.approx(np.asarray(params["b"], np.float64).std(), rel=1e-5)


def test_a_sample_meets_all_channels():
    values = np.broadcast_to(np.arange(16), (30, 4, 16))
    few = np.asarray(sample(values, 100))
    assert 50 < len(few) <= 100
    assert {*few} == {*range(16)}
