"""How far one seed's variance lies from the prediction: its standard deviation over draws of the weights.

The units of a layer are independent given the layer below, but a unit's values on different images are not:
two images of correlation ρ give pre-activations of correlation ρ. So the mean over 300 images is hardly surer
than over a few, and what a layer happens to have too much of is handed on to the next.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from jax import Array

from xavier_cli.theory.quadrature import gauss_legendre, over_stds, value_and_slope
from xavier_cli.theory.variance import Net

# Hermite terms of a covariance between two images; those of one image with itself are summed exactly.
_TERMS = 24


def activation_variance_sd(
    act: Callable[[Array], Array], kinks: Sequence[float], net: Net, images: np.ndarray
) -> np.ndarray:
    """The relative sd over seeds of each hidden layer's activation variance, shape `(depth,)`.

    `images` of shape `(images, inputs)` are fixed. To first order in 1/width; the covariance of functions of
    two images' pre-activations is by their Hermite series (Mehler): E f(s) g(s') = Σ f_k g_k ρ^k. Half of the
    result is the relative sd of the standard deviation.
    """
    second = images @ images.T / images.shape[1]
    handed_on = np.zeros_like(second)
    relative = []
    for layer in range(net.depth):
        step, width = net.sizes[layer] * net.weight_variances[layer], net.sizes[layer + 1]
        preactivation = step * second
        std = np.sqrt(np.diag(preactivation))
        scale = np.where(std > 0, std, 1.0)
        correlation = preactivation / np.outer(scale, scale)
        value, square = _series(act, kinks, std)
        # (z − m)² but for a constant, m the mean over images and units.
        centred = square.minus(2 * np.mean(value.terms[0]), value)
        variance = np.mean(square.terms[0]) - np.mean(value.terms[0]) ** 2
        sums = centred.covariance(correlation) / width + centred.passed_on(step, scale) * handed_on
        relative.append(math.sqrt(max(np.mean(sums), 0.0)) / variance)
        # What the next layer sees is the second moment, and its products between images.
        handed_on = square.covariance(correlation) / width + square.passed_on(step, scale) * handed_on
        second = value.covariance(correlation) + np.outer(value.terms[0], value.terms[0])
    return np.array(relative)


class _Series(NamedTuple):
    """The Hermite series of a function f of s = σu for every image."""

    terms: np.ndarray
    """E f He_k(u)/√k!, shape `(terms, images)`."""
    variance: np.ndarray
    with_value: np.ndarray
    """Cov(f, φ), shape `(images,)`."""

    def minus(self, factor: float, value: _Series) -> _Series:
        """The series of f − factor · φ."""
        return _Series(
            self.terms - factor * value.terms,
            self.variance - 2 * factor * self.with_value + factor**2 * value.variance,
            self.with_value - factor * value.variance,
        )

    def covariance(self, correlation: np.ndarray) -> np.ndarray:
        """Between every two images, shape `(images, images)`."""
        total = np.zeros_like(correlation)
        for term in self.terms[:0:-1]:
            total = (total + np.outer(term, term)) * correlation
        np.fill_diagonal(total, self.variance)
        return total

    def passed_on(self, step: float, std: np.ndarray) -> np.ndarray:
        """How much of an excess in the second moment below arrives: products of dE f/dq over two images.

        dE f(σu)/dσ² = E f(σu)(u² − 1)/(2σ²).
        """
        slope = step * self.terms[2] * math.sqrt(2) / (2 * std**2)
        return np.outer(slope, slope)


def _series(
    act: Callable[[Array], Array], kinks: Sequence[float], stds: np.ndarray
) -> tuple[_Series, _Series]:
    """The series of φ and of φ²."""

    def directly(stds: np.ndarray) -> np.ndarray:
        u, weights = gauss_legendre(stds, kinks)
        value, _ = value_and_slope(act, stds[:, None] * u)
        before, polynomial = np.zeros_like(u), weights
        terms = []
        for k in range(_TERMS):
            terms.append([np.sum(polynomial * value**power, axis=1) for power in (1, 2)])
            # Normalized, since He_k itself grows as √k!.
            before, polynomial = polynomial, (u * polynomial - math.sqrt(k) * before) / math.sqrt(k + 1)
        moments = [np.sum(weights * value**power, axis=1) for power in (3, 4)]
        return np.column_stack([*(row for pair in terms for row in pair), *moments])

    *rows, third, fourth = over_stds(directly, stds).T
    value, square = np.array(rows[0::2]), np.array(rows[1::2])
    mean, second = value[0], square[0]
    both = third - second * mean
    return (
        _Series(value, second - mean**2, second - mean**2),
        _Series(square, fourth - second**2, both),
    )
