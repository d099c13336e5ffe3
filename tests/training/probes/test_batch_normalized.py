"""Compares probes of a batch-normalized network in training mode with forward and backward in NumPy."""

from __future__ import annotations

from functools import cache, partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.numpy_network import softmax

from xavier_cli.nn.initializers import make_initializer
from xavier_cli.nn.losses import cross_entropy
from xavier_cli.nn.mlp import init_params, layer_sizes
from xavier_cli.nn.network import EPSILON, Network
from xavier_cli.statistics.tensor_summary import make_bins
from xavier_cli.theory.regions import Regions
from xavier_cli.training.probes.jacobian import JacobianMeter, factors
from xavier_cli.training.probes.probe import make_probe
from xavier_cli.vocabulary.resolve import find_initializer

SIZES = layer_sizes(inputs=12, depth=3, width=16, classes=4)
EXAMPLES, FEW = 60, [0, 20, 40]
NETWORK = Network(jnp.tanh, normalization="batch")


@cache
def member():
    draw = jax.jit(init_params, static_argnums=(1, 2))
    params = NETWORK.add_extra_params(
        draw(jax.random.key(1), SIZES, make_initializer(find_initializer("standard")))
    )
    rng = np.random.default_rng(3)
    # Scales, shifts and running averages that are not the first ones.
    return jax.tree.map(lambda leaf: leaf + jnp.asarray(rng.uniform(0, 0.3, leaf.shape), jnp.float32), params)


@cache
def batch():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (EXAMPLES, SIZES[0])).astype(np.float32)
    return jnp.asarray(x), jnp.asarray(rng.integers(0, SIZES[-1], EXAMPLES))


def by_hand():
    """The inputs of each hidden layer, and the gradients of the summed loss, by loops in float64."""
    x, labels = (np.asarray(each, np.float64) for each in batch())
    layers = jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), member())
    z, met = x, []
    for layer in layers[:-1]:
        sums = z @ layer.weight + layer.bias
        sigma = np.sqrt(sums.var(axis=0) + EPSILON)
        scaled = (sums - sums.mean(axis=0)) / sigma
        s = scaled * layer.norm.scale + layer.norm.shift
        met.append({"z": z, "scaled": scaled, "sigma": sigma, "s": s, "out": np.tanh(s)})
        z = met[-1]["out"]
    delta = softmax(z @ layers[-1].weight + layers[-1].bias) - np.eye(SIZES[-1])[labels.astype(int)]
    deltas, at_sums, gradients = [], [delta], [z.T @ delta]
    for number in reversed(range(len(met))):
        of, layer = met[number], layers[number]
        delta = (delta @ layers[number + 1].weight.T) * (1 - of["out"] ** 2)
        deltas.append(delta)
        back = delta * layer.norm.scale
        # Through the mean and the variance, which every example of the batch is part of.
        back = back - back.mean(axis=0) - of["scaled"] * (back * of["scaled"]).mean(axis=0)
        delta = back / of["sigma"]
        at_sums.append(delta)
        gradients.append(of["z"].T @ delta)
    return layers, met, deltas[::-1], at_sums[::-1], gradients[::-1]


def test_everything_inside_is_by_the_probe_batchs_own_statistics():
    _, met, deltas, at_sums, gradients = by_hand()
    bins = {"activation": make_bins((-1.0, 1.0))}
    seen = jax.jit(make_probe(NETWORK, cross_entropy, Regions(), bins))(member(), *batch())

    for name, tensors in {
        "activation": [of["out"] for of in met],
        "preactivation": [of["s"] for of in met],
        "backprop": deltas,
        "weight_gradient": [gradient / EXAMPLES for gradient in gradients],
    }.items():
        assert np.allclose(seen[f"{name}/std"], [t.std() for t in tensors], rtol=1e-3, atol=1e-6), name
        assert np.allclose(seen[f"{name}/mean"], [t.mean() for t in tensors], rtol=1e-3, atol=1e-5), name
    inputs = [*(of["z"] for of in met), met[-1]["out"]]
    rms = [
        np.sqrt(np.mean((z**2).mean(axis=1) * (delta**2).mean(axis=1)))
        for z, delta in zip(inputs, at_sums, strict=True)
    ]
    assert np.allclose(seen["weight_gradient/example_rms"], rms, rtol=1e-3)
    medians = [np.median(of["out"]) for of in met]
    assert np.allclose(np.asarray(seen["activation/percentiles"])[:, 4], medians, atol=1e-4)
    edges = bins["activation"].edges
    for counts, of in zip(seen["activation/histogram"], met, strict=True):
        # Rounding may put a number on the other side of an edge.
        assert np.abs(np.asarray(counts) - np.histogram(of["out"], edges)[0]).sum() <= 4


def test_jacobians_hold_the_probe_batchs_statistics_fixed():
    layers, met, *_ = by_hand()
    x = batch()[0]
    take = jax.jit(partial(factors, network=NETWORK))
    seen = JacobianMeter(NETWORK).singular(*take(member(), x[jnp.array(FEW)], batch=x))
    whole = [np.eye(SIZES[0])] * len(FEW)

    for number, (layer, of) in enumerate(zip(layers, met, strict=False)):
        slope = (1 - of["out"][FEW] ** 2) * layer.norm.scale / of["sigma"]
        jacobians = slope[:, :, None] * layer.weight.T
        values = np.linalg.svd(jacobians, compute_uv=False)
        assert seen.averages["mean"][number] == pytest.approx(values.mean(), rel=1e-3)
        assert seen.averages["max"][number] == pytest.approx(values[:, 0].mean(), rel=1e-3)
        whole = [jacobian @ each for jacobian, each in zip(jacobians, whole, strict=True)]
    values = np.linalg.svd([layers[-1].weight.T @ each for each in whole], compute_uv=False)
    assert seen.averages["end_to_end_mean"] == pytest.approx(values.mean(), rel=1e-3)


def test_by_running_averages_it_would_be_noticed():
    _, met, *_ = by_hand()
    _, taps = NETWORK.forward(member(), batch()[0])

    assert not np.allclose([z.std() for z in taps.activations], [of["out"].std() for of in met], rtol=0.1)


@pytest.mark.parametrize(
    "network", [Network(jnp.tanh), Network(jnp.tanh, normalization="layer", residual=True)]
)
def test_of_other_networks_to_look_is_to_use(network):
    draw = jax.jit(init_params, static_argnums=(1, 2))
    params = network.add_extra_params(
        draw(jax.random.key(1), SIZES, make_initializer(find_initializer("standard")))
    )
    x, _ = batch()

    assert str(jax.make_jaxpr(network.look)(params, x)) == str(jax.make_jaxpr(network.forward)(params, x))
