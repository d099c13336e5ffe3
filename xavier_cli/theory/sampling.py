"""Predicts the standard deviation of one seed's statistics over draws of the weights.

The units of a layer are independent given the layer below, but a unit's values on different images are not:
two images of correlation ρ give pre-activations of correlation ρ. So the mean over 300 images is hardly more
precise than that over a few, and a layer's deviation is passed on to the next: upwards in the activations,
downwards in the back-propagated gradients.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from jax import Array

from xavier_cli.theory.quadrature import gauss_legendre, over_stds, value_and_slope
from xavier_cli.theory.variance import Net

# Hermite terms of a covariance between two images; the covariance of an image with itself is exact.
_TERMS = 24


class Deviations(NamedTuple):
    """Relative standard deviations over seeds, one per hidden layer unless noted."""

    activation_std: np.ndarray
    backprop_std: np.ndarray
    backprop_step: np.ndarray
    """For the ratio of back-propagated stds of a layer and the layer below, `(depth - 1,)`."""
    weight_gradient_rms: np.ndarray
    """Shape `(depth + 1,)`."""
    rms_singular_value: np.ndarray
    """For the RMS singular value of the layer's Jacobian, over `few` images; the mean one varies alike."""


# Where nothing is passed on, as for images of zeros or a single class, the relative deviation is 0/0: NaN.
@np.errstate(divide="ignore", invalid="ignore")
def sampling_deviations(
    act: Callable[[Array], Array],
    kinks: Sequence[float],
    net: Net,
    images: np.ndarray,
    labels: np.ndarray,
    few: np.ndarray,
    excess_kurtosis: float | Sequence[float] = 0.0,
    bias_kurtosis: float = 0.0,
) -> Deviations:
    """The deviations of a net on fixed `images`, `(images, inputs)`, with `labels`, `(images,)`.

    Jacobians are taken on the images at the indices `few`. `excess_kurtosis` is that of one weight: -1.2 for
    a uniform distribution, 0 for a normal one; one number per layer of weights if they differ.
    `bias_kurtosis` is that of one bias, which, unlike a sum of many, is not nearly Gaussian. The result is of
    first order in 1/width; covariances of functions of two images' pre-activations are computed by Hermite
    series (Mehler): E f(s) g(s') = Σ f_k g_k ρ^k. Gradients are assumed to be independent of the activations
    that they are multiplied with, as in the backward maps.
    """
    weight_layers = len(net.weight_variances)
    kurtoses = np.broadcast_to(np.asarray(excess_kurtosis, np.float64), weight_layers)
    layers = _upwards(act, kinks, net, images, bias_kurtosis)
    gradients = _downwards(net, layers, labels, float(kurtoses[-1]))
    inputs = np.mean(images**2, axis=1)
    below = [(inputs, np.zeros_like(layers[0].excess)), *((each.mean_square, each.excess) for each in layers)]
    weight_gradient = [
        _deviation(square * gradient.mean_square, excess + gradient.excess)
        for (square, excess), gradient in zip(below, gradients, strict=True)
    ]
    fans = zip(net.sizes, net.sizes[1:], strict=False)
    drawn = [
        (2 + kurtosis) / (fan_in * fan_out)
        for (fan_in, fan_out), kurtosis in zip(fans, kurtoses, strict=True)
    ]
    singular = [
        math.sqrt(each.slope_excess[np.ix_(few, few)].mean() + own) if len(few) else math.nan
        for each, own in zip(layers, drawn, strict=False)
    ]
    # The relative deviation of a root is half that of its square.
    return Deviations(
        np.array([each.variance_deviation for each in layers]) / 2,
        np.array([_deviation(each.mean_square, each.excess) for each in gradients[:-1]]) / 2,
        np.array([_deviation(each.mean_square, each.own) for each in gradients[:-2]]) / 2,
        np.array(weight_gradient) / 2,
        np.array(singular) / 2,
    )


def _deviation(mean_square: np.ndarray, excess: np.ndarray) -> float:
    """The relative deviation of a sum over images, from their expected shares and relative covariances."""
    share = mean_square / np.sum(mean_square)
    return math.sqrt(max(share @ excess @ share, 0.0))


class _Series(NamedTuple):
    """The Hermite series of a function f of s = σu for every image."""

    terms: np.ndarray
    """E f He_k(u)/√k!, shape `(terms, images)`."""
    variance: np.ndarray
    """Shape `(images,)`."""

    @property
    def mean(self) -> np.ndarray:
        """E f, shape `(images,)`."""
        return np.asarray(self.terms[0])

    def covariance(self, correlation: np.ndarray) -> np.ndarray:
        """The covariance of f between all pairs of images, `(images, images)`."""
        total, square = np.zeros_like(correlation), np.empty_like(correlation)
        for term in self.terms[:0:-1]:
            total += np.outer(term, term, out=square)
            total *= correlation
        np.fill_diagonal(total, self.variance)
        return total

    def product(self, correlation: np.ndarray) -> np.ndarray:
        """E f(s) f(s') for all pairs of images, `(images, images)`."""
        return self.covariance(correlation) + np.outer(self.mean, self.mean)

    def passed_on(self, step: float, std: np.ndarray) -> np.ndarray:
        """The factor by which an excess in the second moment below is passed on, for all pairs of images.

        dE f(σu)/dσ² = E f(σu)(u² − 1)/(2σ²).
        """
        slope = step * self.terms[2] * math.sqrt(2) / (2 * std**2)
        return np.outer(slope, slope)


class _Layer(NamedTuple):
    """A hidden layer; `excess` is the covariance over draws between two images, relative to the mean."""

    width: int
    correlation: np.ndarray
    """The correlations of two images' pre-activations."""
    slope: _Series
    slope_square: _Series
    product: np.ndarray
    """E z z' for all pairs of images."""
    excess: np.ndarray
    """The excess of the layer's mean z²."""
    slope_excess: np.ndarray
    """The excess of the layer's mean φ'²."""
    variance_deviation: float

    @property
    def mean_square(self) -> np.ndarray:
        """E z² of each image."""
        return np.diag(self.product)


def _upwards(
    act: Callable[[Array], Array],
    kinks: Sequence[float],
    net: Net,
    images: np.ndarray,
    bias_kurtosis: float,
) -> list[_Layer]:
    second = images @ images.T / images.shape[1]
    handed_on = np.zeros_like(second)
    layers = []
    for layer in range(net.depth):
        step, width = net.sizes[layer] * net.weight_variances[layer], net.sizes[layer + 1]
        preactivation = step * second + net.bias_variance(layer)
        std = np.sqrt(np.diag(preactivation))
        scale = np.where(std > 0, std, 1.0)
        correlation = preactivation / np.outer(scale, scale)
        value, square, both, slope, slope_square = _series(act, kinks, std)
        # Includes the fourth cumulant of the bias, which is the same for all images.
        drawn = partial(_drawn, correlation, scale, bias_kurtosis * net.bias_variance(layer) ** 2)
        # (z − m)² up to a constant, m the mean over images and units.
        m = 2 * np.mean(value.mean)
        centred = _Series(
            square.terms - m * value.terms, square.variance - 2 * m * both + m**2 * value.variance
        )
        variance = np.mean(square.mean) - np.mean(value.mean) ** 2
        sums = drawn(centred) / width + centred.passed_on(step, scale) * handed_on
        slopes = drawn(slope_square) / width + (slope_square.passed_on(step, scale) * handed_on)
        # The next layer depends on the second moment, and on its products between images.
        handed_on = drawn(square) / width + square.passed_on(step, scale) * handed_on
        second = value.product(correlation)
        layers.append(
            _Layer(
                width,
                correlation,
                slope,
                slope_square,
                second,
                handed_on / np.outer(square.mean, square.mean),
                slopes / np.outer(slope_square.mean, slope_square.mean),
                math.sqrt(max(np.mean(sums), 0.0)) / variance,
            )
        )
    return layers


def _drawn(correlation: np.ndarray, std: np.ndarray, fourth: float, series: _Series) -> np.ndarray:
    """The covariance between images of a function of one unit, over draws of its weights and its bias.

    `fourth` is the fourth cumulant κ of the bias. To first order it adds κ/4 E f'' E f'' of the two images.
    """
    gaussian = series.covariance(correlation)
    return gaussian + fourth * series.passed_on(1.0, std) if fourth else gaussian


class _Gradient(NamedTuple):
    """A layer's dC/ds: the expected square for each image, up to a factor, and the parts of its excess."""

    mean_square: np.ndarray
    excess: np.ndarray
    own: np.ndarray
    """The part that arises in this layer instead of coming from above."""


def _downwards(
    net: Net, layers: Sequence[_Layer], labels: np.ndarray, excess_kurtosis: float
) -> list[_Gradient]:
    """The gradients of hidden layers and logits; of these dC/ds = p − onehot(label), p to first order."""
    classes = net.sizes[-1]
    logits = layers[-1].product * net.sizes[-2] * net.weight_variances[-1] + net.bias_variance(net.depth)
    alike = (labels[:, None] == labels).astype(np.float64)
    ahead = (classes - 1) / classes**2 * logits
    products = alike - 1 / classes + ahead
    length = np.sqrt(np.diag(products))
    correlation = products / np.outer(length, length)
    # The error p − onehot changes with the logits: with that of the label, and with their spread.
    errors = 4 * logits * (alike - 1 / classes) / classes**2 + 2 * ahead**2 / (classes - 1)
    errors /= np.outer(length**2, length**2)
    # A sum over few logits is not yet Gaussian.
    square = (np.eye(classes)[labels] - 1 / classes) ** 2
    square /= np.sum(square, axis=1, keepdims=True)
    kurtosis = excess_kurtosis * (square @ square.T)
    gradients = [_Gradient(length**2, errors, errors)]
    for layer in reversed(layers):
        mean = np.outer(layer.slope_square.mean, layer.slope_square.mean)
        slopes = layer.slope_square.product(layer.correlation) / mean
        own = (slopes * (1 + 2 * correlation**2 + kurtosis) - 1) / layer.width
        correlation = correlation * layer.slope.product(layer.correlation) / np.sqrt(mean)
        kurtosis = np.zeros_like(kurtosis)
        above = gradients[-1]
        gradients.append(_Gradient(above.mean_square * layer.slope_square.mean, above.excess + own, own))
    return gradients[::-1]


def _series(
    act: Callable[[Array], Array], kinks: Sequence[float], stds: np.ndarray
) -> tuple[_Series, _Series, np.ndarray, _Series, _Series]:
    """The series of φ, of φ², the covariance of the two, and the series of φ' and φ'²."""

    def directly(stds: np.ndarray) -> np.ndarray:
        u, weights = gauss_legendre(stds, kinks)
        value, slope = value_and_slope(act, stds[:, None] * u)
        functions = (value, value**2, slope, slope**2)
        before, polynomial = np.zeros_like(u), weights
        rows = []
        for k in range(_TERMS):
            rows += [np.sum(polynomial * function, axis=1) for function in functions]
            # Normalized, since He_k itself grows as √k!.
            before, polynomial = polynomial, (u * polynomial - math.sqrt(k) * before) / math.sqrt(k + 1)
        rows += [np.sum(weights * each, axis=1) for each in (value**3, value**4, slope**4)]
        return np.column_stack(rows)

    *terms, third, fourth, slope_fourth = over_stds(directly, stds).T
    value, square, slope, slope_square = (np.array(terms[i::4]) for i in range(4))
    mean, second, slope_second = value[0], square[0], slope_square[0]
    return (
        _Series(value, second - mean**2),
        _Series(square, fourth - second**2),
        third - second * mean,
        _Series(slope, slope_second - slope[0] ** 2),
        _Series(slope_square, slope_fourth - slope_second**2),
    )
