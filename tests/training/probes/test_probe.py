"""Compares the statistics of a probe with backpropagation by hand in NumPy."""

from __future__ import annotations

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from support.numpy_network import ACT, as_float64, forward, gradients

from xavier_cli.nn.activations import make_activation
from xavier_cli.nn.initializers import make_initializer
from xavier_cli.nn.losses import cross_entropy
from xavier_cli.nn.mlp import Dense, init_params, layer_sizes
from xavier_cli.statistics.tensor_summary import SymmetricLogBins, make_bins
from xavier_cli.theory.regions import Regions
from xavier_cli.theory.saturation import find_regions
from xavier_cli.training.probes.probe import make_probe
from xavier_cli.vocabulary.lookup import ACTIVATIONS
from xavier_cli.vocabulary.resolve import find_activation, find_initializer

SIZES = layer_sizes(inputs=12, depth=3, width=16, classes=4)
EXAMPLES = 300


@cache
def first_params():
    draw = jax.jit(init_params, static_argnums=(1, 2))
    return draw(jax.random.key(1), SIZES, make_initializer(find_initializer("normalized")))


@cache
def probed(act: str, scale: float = 1.0):
    params = first_params()
    params = jax.tree.map(lambda w: w * scale + 0.01, params)
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (EXAMPLES, SIZES[0])).astype(np.float32)
    labels = rng.integers(0, SIZES[-1], EXAMPLES)
    function, range_ = make_activation(find_activation(act)), ACTIVATIONS[act].range
    regions = find_regions(function, range_)
    bins = {"activation": make_bins(range_), "backprop": SymmetricLogBins()}
    probe = jax.jit(make_probe(function, cross_entropy, regions, bins))
    return probe(params, jnp.asarray(x), jnp.asarray(labels)), as_float64(params), x.astype(float), labels


@pytest.mark.parametrize("act", ACT)
def test_taps_read_what_backprop_by_hand_finds(act):
    seen, params, x, labels = probed(act)
    _, preactivations, activations = forward(params, x, act)
    deltas, weight_gradients = gradients(params, x, labels, act)

    for name, tensors in {
        "activation": activations,
        "preactivation": preactivations,
        "backprop": deltas[:-1],
        "weight_gradient": [dw for dw, _ in weight_gradients],
        "weight": [w for w, _ in params],
        "bias": [b for _, b in params],
    }.items():
        assert np.allclose(seen[f"{name}/std"], [t.std() for t in tensors], rtol=1e-4, atol=1e-8), name
        assert np.allclose(seen[f"{name}/mean"], [t.mean() for t in tensors], rtol=1e-3, atol=1e-6), name
    from_weights = activations[-1] @ params[-1][0]
    spread = np.sqrt(from_weights.var(axis=1).mean())
    assert float(seen["logits/from_weights_std"]) == pytest.approx(spread, rel=1e-4)
    assert float(seen["logits/from_bias_std"]) == pytest.approx(params[-1][1].std(), rel=1e-3, abs=1e-7)


@pytest.mark.parametrize("act", ACT)
def test_weight_gradients_are_central_differences_of_the_mean_loss(act):
    _, params, x, labels = probed(act)
    x, labels, step = x[:40], labels[:40], 1e-6

    def mean_loss() -> float:
        logits = forward(params, x, act)[0]
        logits = logits - logits.max(axis=1, keepdims=True)
        said = logits[np.arange(len(labels)), labels]
        return float(np.mean(np.log(np.exp(logits).sum(axis=1)) - said))

    def difference(weight: np.ndarray, at: tuple[int, int]) -> float:
        kept, ends = weight[at], []
        for weight[at] in (kept + step, kept - step):
            ends.append(mean_loss())
        weight[at] = kept
        return (ends[0] - ends[1]) / (2 * step)

    expected = [np.array([difference(w, at) for at in np.ndindex(w.shape)]) for w, _ in params]
    with jax.enable_x64(True):
        probe = jax.jit(make_probe(make_activation(find_activation(act)), cross_entropy, Regions(), {}))
        seen = probe(tuple(Dense(*map(jnp.asarray, each)) for each in params), jnp.asarray(x), labels)

    assert seen["weight_gradient/std"].dtype == np.float64
    assert np.allclose(seen["weight_gradient/std"], [d.std() for d in expected], rtol=1e-6)
    assert np.allclose(seen["weight_gradient/mean"], [d.mean() for d in expected], rtol=1e-5, atol=1e-10)


def test_a_gradient_of_the_mean_loss_in_place_of_each_examples_own_would_be_noticed():
    seen, params, x, labels = probed("tanh")
    deltas, _ = gradients(params, x, labels, "tanh")

    assert not np.allclose(seen["backprop/std"], [d.std() / EXAMPLES for d in deltas[:-1]], rtol=0.5)


@pytest.mark.parametrize("act", ACT)
def test_saturated_is_the_share_beyond_the_printed_bounds(act):
    seen, params, x, _ = probed(act, scale=6.0)
    _, _, activations = forward(params, x, act)
    low, high = ACTIVATIONS[act].range
    margin = 0.05 * (high - low)
    shares = [np.mean((z < low + margin) | (z > high - margin)) for z in activations]

    assert np.allclose(seen["activation/saturated"], shares, atol=1e-3)
    assert max(shares) > 0.05 or act == "softsign"
    assert np.array_equal(seen["activation/inactive"], np.zeros(3))


def test_dead_units_have_no_slope_on_any_example():
    params = first_params()
    pushed = params[1].bias.at[:4].set(50.0)
    params = (params[0], params[1]._replace(bias=pushed), *params[2:])
    x = jnp.asarray(np.random.default_rng(0).uniform(-1, 1, (EXAMPLES, SIZES[0])), jnp.float32)
    probe = jax.jit(make_probe(jnp.tanh, cross_entropy, Regions(), {}))
    seen = probe(params, x, jnp.zeros(EXAMPLES, jnp.int32))

    assert np.array_equal(seen["activation/dead"], [0, 4 / 16, 0])
    assert ACT["tanh"][1](np.tanh(40.0)) < 1e-6


@pytest.mark.parametrize("act", ACT)
def test_counts_add_up_to_units_times_examples(act):
    seen, *_ = probed(act, scale=4.0)

    assert np.array_equal(seen["activation/histogram"].sum(axis=-1), [16 * EXAMPLES] * 3)
    assert np.array_equal(seen["backprop/histogram"].sum(axis=-1), [16 * EXAMPLES] * 3)
