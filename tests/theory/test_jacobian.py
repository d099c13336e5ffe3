"""Singular values against `numpy.linalg.svd` of explicitly built Jacobians."""

from __future__ import annotations

import math

import numpy as np
import pytest
from exact_activations import ACTS

from xavier_cli.names import INITIALIZERS
from xavier_cli.theory.jacobian import SQUARE_MEAN, mean_log, mean_root, predict_singular_values
from xavier_cli.theory.variance import make_net, run_maps


def test_the_marchenko_pastur_averages():
    assert mean_root(1.0) == pytest.approx(SQUARE_MEAN, rel=1e-7)
    assert pytest.approx(0.8488, abs=1e-4) == SQUARE_MEAN
    assert mean_root(1e-12) == pytest.approx(1, rel=1e-6)
    assert math.exp(mean_log(1.0) / 2) == pytest.approx(0.6065, abs=1e-4)


@pytest.mark.parametrize("shape", [(300, 300), (330, 300), (300, 120)])
def test_random_matrices_have_the_averages(shape):
    matrix = np.random.default_rng(0).normal(0, max(shape) ** -0.5, shape)
    values, ratio = np.linalg.svd(matrix, compute_uv=False), min(shape) / max(shape)

    assert values.mean() == pytest.approx(mean_root(ratio), rel=0.005)
    assert np.log(values).mean() == pytest.approx(mean_log(ratio) / 2, abs=0.012)


@pytest.mark.parametrize(
    ("name", "law", "mean_within"),
    [("tanh", "standard", 0.008), ("tanh", "normalized", 0.03), ("softsign", "standard", 0.03)],
)
def test_jacobians_of_random_nets_have_the_predicted_averages(images, name, law, mean_within):
    act, law = ACTS[name], INITIALIZERS[law]
    net = make_net((1024, 300, 300, 200, 260, 9), law)
    few = images[:8]
    maps = run_maps(act.jax, act.kinks, net, np.mean(few**2, axis=1))
    predicted = predict_singular_values(net, maps)

    rng, z = np.random.default_rng(5), few
    for layer in range(net.depth):
        bound = math.sqrt(3 * net.weight_variances[layer])
        weight = rng.uniform(-bound, bound, net.sizes[layer : layer + 2])
        s = z @ weight
        jacobians = weight[None] * act.slope(s)[:, None, :]
        values = np.linalg.svd(jacobians, compute_uv=False)
        z = act.value(s)
        geometric = np.exp(np.log(values).mean(axis=1)).mean()

        assert values.mean() == pytest.approx(predicted.mean[layer], rel=mean_within + 0.01)
        rms = np.sqrt(np.mean(values**2, axis=1)).mean()
        if net.sizes[layer + 1] <= net.sizes[layer]:
            assert rms == pytest.approx(predicted.rms[layer], rel=0.02)
            assert geometric == pytest.approx(predicted.geometric_mean[layer], rel=0.04)


def test_a_square_tanh_layer_has_the_papers_average():
    # PAPER section 4: about 0.8 normalized and 0.5 standard, in the linear regime 0.849 and 0.490.
    for law, average in (("normalized", 0.849), ("standard", 0.490)):
        net = make_net((1000, 1000, 9), INITIALIZERS[law])
        maps = run_maps(ACTS["tanh"].jax, (), net, [1e-6])

        assert predict_singular_values(net, maps).mean[0] == pytest.approx(average, abs=1e-3)


def test_a_relu_layer_has_no_geometric_mean():
    net = make_net((50, 50, 9), INITIALIZERS["normalized"])
    maps = run_maps(ACTS["relu"].jax, (0.0,), net, [1.0])

    assert predict_singular_values(net, maps).geometric_mean[0] == 0
