"""Singular values against `numpy.linalg.svd` of explicitly built Jacobians."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.special import ndtri
from support.exact_activations import ACTS

from xavier_cli.theory.jacobian import (
    mean_log,
    predict_singular_values,
    respond_to_slopes,
    spread_of_mean,
)
from xavier_cli.theory.variance import Net, make_net, run_maps
from xavier_cli.vocabulary.lookup import INITIALIZERS

ANGLES = 20_000


def mean_root(ratio: float) -> float:
    """E √λ for the Marchenko-Pastur distribution of this ratio (0 to 1) and mean 1; 8/(3π) at ratio 1.

    With λ = 1 + c + 2√c cos θ its density is (2/π) sin²θ/λ over 0..π.
    """
    theta = (np.arange(ANGLES) + 0.5) * math.pi / ANGLES
    # 1 + cos θ by the half angle, so that nothing cancels where λ is smallest.
    eigenvalue = (1 - math.sqrt(ratio)) ** 2 + 4 * math.sqrt(ratio) * np.cos(theta / 2) ** 2
    return float(2 * np.mean(np.sin(theta) ** 2 / np.sqrt(eigenvalue)))


def test_the_marchenko_pastur_averages():
    # The paper's 0.8, not 1: mean over root mean square singular value of a square random matrix.
    assert mean_root(1.0) == pytest.approx(8 / (3 * math.pi), rel=1e-7)
    assert mean_root(1e-12) == pytest.approx(1, rel=1e-6)
    assert math.exp(mean_log(1.0) / 2) == pytest.approx(0.6065, abs=1e-4)


@pytest.mark.parametrize("shape", [(300, 300), (330, 300), (300, 120)])
def test_random_matrices_have_the_averages(shape):
    matrix = np.random.default_rng(0).normal(0, max(shape) ** -0.5, shape)
    values, ratio = np.linalg.svd(matrix, compute_uv=False), min(shape) / max(shape)

    assert values.mean() == pytest.approx(mean_root(ratio), rel=0.005)
    assert np.log(values).mean() == pytest.approx(mean_log(ratio) / 2, abs=0.03)


@pytest.mark.parametrize("sizes", [(300, 300), (400, 120), (120, 400)])
@pytest.mark.parametrize(("name", "std"), [("tanh", 0.9), ("softsign", 0.6), ("relu", 1.0)])
def test_jacobians_have_the_predicted_averages(name, std, sizes):
    act, rng = ACTS[name], np.random.default_rng(5)
    net = Net((*sizes, 9), (1 / sizes[0], 1.0))
    maps = run_maps(act.jax, act.kinks, net, [std**2])
    predicted = predict_singular_values(act.jax, act.kinks, net, maps)
    bound = math.sqrt(3 / sizes[0])
    weights = rng.uniform(-bound, bound, sizes)
    # Gaussian pre-activations without the luck of a draw.
    slopes = act.slope(std * ndtri((np.arange(sizes[1]) + 0.5) / sizes[1]))
    values = np.linalg.svd(weights * slopes, compute_uv=False)

    assert values.mean() == pytest.approx(predicted.mean[0], rel=0.006)
    if sizes[1] <= sizes[0]:
        assert np.sqrt(np.sum((weights * slopes) ** 2) / values.size) == pytest.approx(
            predicted.rms[0], rel=0.025
        )
        with np.errstate(divide="ignore"):
            geometric = np.exp(np.log(values * (values > 1e-12)).mean())
        assert geometric == pytest.approx(predicted.geometric_mean[0], rel=0.05, abs=1e-12)


def test_layers_of_random_nets_have_the_predicted_mean(images):
    act, few = ACTS["tanh"], images[:3, :256]
    net = make_net((256, 150, 150, 9), INITIALIZERS["normalized"])
    maps = run_maps(act.jax, act.kinks, net, np.mean(few**2, axis=1))
    predicted = predict_singular_values(act.jax, act.kinks, net, maps)
    rng, means = np.random.default_rng(6), []
    for _ in range(8):
        z, row = few, []
        for layer in range(net.depth):
            bound = math.sqrt(3 * net.weight_variances[layer])
            weight = rng.uniform(-bound, bound, net.sizes[layer : layer + 2])
            s = z @ weight
            # From the Gram matrix of the smaller side: as exact as a mean needs, and quicker.
            jacobians = weight * act.slope(s)[:, None, :]
            squares = np.linalg.eigvalsh(np.swapaxes(jacobians, 1, 2) @ jacobians)
            row.append(np.sqrt(np.maximum(squares, 0)).mean())
            z = act.value(s)
        means.append(row)

    assert np.mean(means, axis=0) == pytest.approx(predicted.mean, rel=0.03)


def test_a_square_tanh_layer_has_the_papers_average():
    # PAPER section 4: about 0.8 normalized and 0.5 standard, in the linear regime 0.849 and 0.490.
    for law, average in (("normalized", 0.849), ("standard", 0.490)):
        net = make_net((1000, 1000, 9), INITIALIZERS[law])
        maps = run_maps(ACTS["tanh"].jax, (), net, [1e-6])

        assert predict_singular_values(ACTS["tanh"].jax, (), net, maps).mean[0] == pytest.approx(
            average, abs=1e-3
        )


def test_a_relu_layer_has_no_geometric_mean():
    net = make_net((50, 50, 9), INITIALIZERS["normalized"])
    maps = run_maps(ACTS["relu"].jax, (0.0,), net, [1.0])

    assert predict_singular_values(ACTS["relu"].jax, (0.0,), net, maps).geometric_mean[0] == 0


@pytest.mark.parametrize(("sizes", "known"), [((90, 90), True), ((110, 70), True), ((70, 110), False)])
def test_orthogonal_layers_hand_their_slopes_on(sizes, known):
    act, rng = ACTS["tanh"], np.random.default_rng(9)
    net = make_net((*sizes, 9), INITIALIZERS["orthogonal"], gain=1.5)
    x = rng.normal(size=(3, sizes[0]))
    maps = run_maps(act.jax, act.kinks, net, np.mean(x**2, axis=1))
    predicted = predict_singular_values(act.jax, act.kinks, net, maps)
    values = []
    for _ in range(4):
        frame = np.linalg.qr(rng.normal(size=(max(sizes), max(sizes))))[0][: sizes[0], : sizes[1]]
        slopes = act.slope(x @ (1.5 * frame))
        values += [np.linalg.svd(1.5 * frame * slope, compute_uv=False) for slope in slopes]
    measured = np.array(values)

    assert np.sqrt(np.mean(measured**2)) == pytest.approx(predicted.rms[0], rel=0.03)
    if known:
        assert measured.mean() == pytest.approx(predicted.mean[0], rel=0.03)
        assert np.exp(np.log(measured).mean()) == pytest.approx(predicted.geometric_mean[0], rel=0.04)
    else:
        assert np.isnan([predicted.mean[0], predicted.geometric_mean[0]]).all()


@pytest.mark.parametrize(("name", "std"), [("tanh", 1.0), ("relu", 1.0), ("softsign", 0.6)])
@pytest.mark.parametrize("fans", [(120, 120), (200, 80)])
def test_the_mean_singular_value_follows_the_slopes_that_units_have(name, std, fans):
    act, rng = ACTS[name], np.random.default_rng(4)
    response = respond_to_slopes(act.jax, act.kinks, fans[1] / fans[0], np.array([std]))
    seen, told = [], []
    for _ in range(150):
        slopes = act.slope(std * rng.standard_normal(fans[1]))
        weights = rng.standard_normal(fans)
        seen.append(np.linalg.svd(weights * slopes, compute_uv=False).mean())
        told.append(1 + np.interp(np.abs(slopes), response.slopes, response.influence[0]).mean())
    relative = np.array(seen) / np.mean(seen)

    assert np.mean(told) == pytest.approx(1, abs=0.02)
    assert np.corrcoef(relative, told)[0, 1] > 0.95
    assert np.std(told) == pytest.approx(relative.std(), rel=0.1)


def test_the_mean_singular_value_of_a_rectifier_goes_with_the_share_of_active_units():
    """With k/n, not with its root, as the root mean square does; 1.84 at ratio 1, since 1 − k/4n is left."""
    act = ACTS["relu"]
    response = respond_to_slopes(act.jax, act.kinks, 1.0, np.array([0.5, 2.0]))

    assert response.share == pytest.approx([1, 1])
    assert np.ptp(response.influence, axis=1) == pytest.approx([1.84, 1.84], abs=0.02)


@pytest.mark.parametrize("shape", [(40, 40), (40, 20)])
@pytest.mark.parametrize(("draw", "kurtosis"), [("standard_normal", 0.0), ("random", -1.2)])
def test_the_spread_of_the_mean_singular_value_of_random_matrices(shape, draw, kurtosis):
    rng = np.random.default_rng(6)
    drawn = getattr(rng, draw)((2000, *shape))
    values = np.linalg.svd(drawn - (draw == "random") / 2, compute_uv=False).mean(axis=1)
    relative = values.var() / values.mean() ** 2 * min(shape) ** 2

    assert relative == pytest.approx(spread_of_mean(min(shape) / max(shape), kurtosis), rel=0.1)


def test_the_spread_of_a_square_gaussian_matrix_is_known():
    # ½ Σ k a_k² = 4/π² over (8/3π)².
    assert spread_of_mean(1.0, 0.0) == pytest.approx(9 / 16, rel=1e-4)
