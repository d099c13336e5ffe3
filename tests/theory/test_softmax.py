"""The gradient that the logits begin with, against random logits."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from xavier_cli.theory.softmax import cross_entropy_top, sum_of_squares


@pytest.mark.parametrize("classes", [2, 9])
@pytest.mark.parametrize("variance", [0.01, 0.15, 2.0, 30.0])
def test_random_logits_agree(variance, classes):
    rng = np.random.default_rng(0)
    p = softmax(rng.normal(0, variance**0.5, (100_000, classes)), axis=1)
    squares = np.sum(p**2, axis=1)
    gradient = p - np.eye(classes)[rng.integers(0, classes, len(p))]

    assert abs(sum_of_squares(variance, classes) - squares.mean()) < 5 * squares.std() / np.sqrt(len(p))
    assert cross_entropy_top(variance, classes) == pytest.approx(np.mean(gradient**2), rel=0.02)


def test_without_spread_the_guess_is_uniform():
    assert cross_entropy_top([0.0], 9) == pytest.approx(8 / 81)
