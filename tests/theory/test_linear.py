"""The paper's equations against random linear nets of growing and shrinking widths."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from xavier_cli.theory.linear import activation_variance, backprop_variance
from xavier_cli.vocabulary.lookup import INITIALIZERS

SIZES = (50, 120, 40, 90, 10)
VARIANCES = (0.03, 0.004, 0.02, 0.013)


def weight_gradient_variance(input_variance, top_variance, sizes, weight_variances):
    """Equation (7): Var dC/dW(i) = Var z(i-1) · Var dC/ds(i), of one example's own loss, per weight layer."""
    below = activation_variance(input_variance, sizes, weight_variances)[:-1]
    return below * backprop_variance(top_variance, sizes, weight_variances)


def test_equations_5_to_7_hold_for_linear_nets_of_any_widths():
    rng = np.random.default_rng(0)
    forward, backward, gradients = [], [], []
    for _ in range(250):
        shapes = pairwise(SIZES)
        weights = [rng.normal(0, v**0.5, shape) for shape, v in zip(shapes, VARIANCES, strict=True)]
        z, delta = [rng.normal(0, 1.5, SIZES[0])], [rng.normal(0, 0.2, SIZES[-1])]
        for w in weights:
            z.append(z[-1] @ w)
        for w in weights[:0:-1]:
            delta.append(w @ delta[-1])
        delta.reverse()
        forward.append([np.mean(each**2) for each in z])
        backward.append([np.mean(each**2) for each in delta])
        gradients.append([np.mean(np.outer(a, b) ** 2) for a, b in zip(z[:-1], delta, strict=True)])

    for measured, predicted in (
        (forward, activation_variance(2.25, SIZES, VARIANCES)),
        (backward, backprop_variance(0.04, SIZES, VARIANCES)),
        (gradients, weight_gradient_variance(2.25, 0.04, SIZES, VARIANCES)),
    ):
        measured = np.array(measured)
        error = measured.std(axis=0) / np.sqrt(len(measured))

        assert predicted.shape == error.shape
        assert (np.abs(measured.mean(axis=0) - predicted) < 4.5 * error).all()


def test_equation_12_lies_between_10_and_11():
    variance = INITIALIZERS["normalized"].variance

    assert 1 / 1000 < variance(1000, 300) < 1 / 300
    assert variance(400, 400) == pytest.approx(1 / 400)


@pytest.mark.parametrize("weight_variance", [1 / 300, 1 / 100])
def test_equation_14_is_equation_7_at_equal_widths(weight_variance):
    """(n Var W)^d · Var x · Var dC/ds(d), the same in every layer.

    The paper prints it for the initialization that makes all widths alike; (13), for the back-propagated
    gradients, has Var dC/ds(d) in Var x's place.
    """
    layers = weight_gradient_variance(0.37, 0.1, [100] * 7, [weight_variance] * 6)

    assert layers == pytest.approx((100 * weight_variance) ** 5 * 0.37 * 0.1)
