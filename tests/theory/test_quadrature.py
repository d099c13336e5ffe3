"""Expectations agree with adaptive quadrature, Gauss-Hermite, Monte Carlo and closed forms."""

from __future__ import annotations

from itertools import pairwise

import jax
import numpy as np
import pytest
from scipy.integrate import quad
from support.exact_activations import ACTS

from xavier_cli.theory.quadrature import gauss_legendre, gaussian_moments, over_stds

STDS = np.array([0.01, 0.084, 0.3, 1.0, 1.34, 5.0, 30.0])


def hermite_expectation(function, stds) -> np.ndarray:
    """E f(σu) by Gauss-Hermite: the second way, for functions that are smooth at the scale of σ."""
    u, weights = np.polynomial.hermite_e.hermegauss(64)
    values = function(np.asarray(stds, np.float64)[..., None] * u)
    return np.sum(values * weights, axis=-1) / np.sqrt(2 * np.pi)


def adaptive(function, std: float) -> float:
    """E f(σu) by SciPy, in pieces that end where an activation bends."""
    marks = [s / std for s in (-16, -4, -1, 1, 4, 16) if abs(s / std) < 12]
    edges = sorted({-12.0, *marks, 0.0, 12.0})

    def density(u: float) -> float:
        return float(function(np.float64(std * u))) * np.exp(-u * u / 2) / np.sqrt(2 * np.pi)

    pieces = pairwise(edges)
    return sum(quad(density, a, b, epsabs=1e-13, epsrel=1e-11, limit=200)[0] for a, b in pieces)


@pytest.mark.parametrize("name", ACTS)
def test_moments_agree_with_adaptive_quadrature(name):
    act = ACTS[name]
    moments = gaussian_moments(act.jax, STDS, act.kinks)
    exact = [
        [adaptive(f, std) for std in STDS]
        for f in (act.value, lambda s: act.value(s) ** 2, lambda s: act.slope(s) ** 2)
    ]

    for got, expected in zip(moments[:3], exact, strict=True):
        assert np.allclose(got, expected, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "gelu"])
def test_gauss_hermite_agrees_for_smooth_activations(name):
    act, stds = ACTS[name], np.array([0.01, 0.1, 0.5])
    moments = gaussian_moments(act.jax, stds)

    assert np.allclose(hermite_expectation(lambda s: act.value(s) ** 2, stds), moments.second, rtol=1e-8)
    assert np.allclose(
        hermite_expectation(lambda s: act.slope(s) ** 2, stds), moments.slope_second, rtol=1e-8
    )


@pytest.mark.parametrize(
    ("name", "std", "least"), [("softsign", 1.0, 0.05), ("hard_tanh", 1.0, 0.05), ("tanh", 3.0, 0.04)]
)
def test_gauss_hermite_alone_would_not_do(name, std, least):
    act = ACTS[name]
    right = gaussian_moments(act.jax, [std], act.kinks).slope_second[0]
    wrong = hermite_expectation(lambda s: act.slope(s) ** 2, [std])[0]

    assert abs(wrong / right - 1) > least


@pytest.mark.parametrize("name", ACTS)
def test_monte_carlo_agrees(name):
    act, std = ACTS[name], 0.8
    draws = std * np.random.default_rng(1).normal(size=400_000)
    moments = gaussian_moments(act.jax, [std], act.kinks)

    for got, sample in zip(
        moments[:3], (act.value(draws), act.value(draws) ** 2, act.slope(draws) ** 2), strict=True
    ):
        assert abs(sample.mean() - got[0]) < 5 * sample.std() / np.sqrt(len(draws)) + 1e-12


@pytest.mark.parametrize("name", ACTS)
def test_many_deviations_are_interpolated_without_loss(name):
    act = ACTS[name]
    stds = np.random.default_rng(2).uniform(0.2, 1.9, 300)
    many = gaussian_moments(act.jax, stds, act.kinks)
    few = [gaussian_moments(act.jax, part, act.kinks) for part in np.split(stds, 10)]

    # E log|φ'| is not held to it: gelu's slope crosses 0.
    for i in range(3):
        assert np.allclose(many[i], np.concatenate([part[i] for part in few]), rtol=1e-9, atol=1e-12)


def test_the_places_of_interpolation_themselves_come_out():
    stds = np.concatenate(
        [[1.0, 4.0], np.exp(np.log(2) + np.log(2) * np.cos((np.arange(40) + 0.5) * np.pi / 40))]
    )

    assert np.allclose(over_stds(lambda s: s[:, None] ** 2, stds)[:, 0], stds**2, rtol=1e-10)


def test_no_deviation_and_hardly_any_are_the_function_near_zero():
    moments = gaussian_moments(jax.nn.sigmoid, [0.0, 1e-30])

    assert np.allclose(moments.second, 0.25)
    assert np.allclose(gaussian_moments(ACTS["tanh"].jax, [1e-30]).second, 1e-60, rtol=1e-9, atol=0)


def test_the_rule_is_exact_for_a_polynomial_and_needs_no_kink_of_it():
    stds = np.array([0.5, 1.0, 2.0, 3.0])
    u, weights = gauss_legendre(stds, kinks=(-1.5, 0.7))

    assert np.allclose(np.sum(weights * (stds[:, None] * u) ** 4, axis=1), 3 * stds**4)


def test_where_a_part_is_flat_the_mean_log_slope_is_minus_infinity():
    assert gaussian_moments(jax.nn.relu, [1.0], (0.0,)).log_slope[0] == -np.inf


def test_stds_that_differ_by_rounding_are_one():
    """As those of images in a layer above a periodic activation; no polynomial goes through them."""
    stds = 3.1622776601683795 * (1 + np.arange(60) % 3 * 2.0**-52)
    moments = gaussian_moments(jax.numpy.sin, stds)

    assert np.allclose(moments.second, (1 - np.exp(-2 * stds**2)) / 2, rtol=1e-9)
