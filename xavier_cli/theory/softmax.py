"""Predicts the back-propagated gradient of the logits at initialization."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

# Square roots of the variances in the table; larger variances of the logits than 100 are treated as 100.
_TABLE = np.linspace(0.0, 10.0, 41)
_U = np.linspace(-9.0, 9.0, 145)


def cross_entropy_top(logits_variance: Sequence[float] | np.ndarray, classes: int) -> np.ndarray:
    """E (dC/ds)² of the logits, mean over the classes, if they are independent N(0, v) and the loss is
    cross-entropy: (1 − 2/k + k E p²)/k for k classes, p the probability of one class.

    One number per v in `logits_variance` (any shape); (k − 1)/k² at v = 0.
    """
    v = np.asarray(logits_variance, np.float64)
    # For hundreds of images a table costs less than as many integrals.
    table = np.array([sum_of_squares(std**2, classes) for std in _TABLE])
    # Interpolate over v, since the integral is linear in it near 0.
    spread = np.interp(v, _TABLE**2, table)
    # For a single class the gradient is 0, up to a rounding error below 0.
    return np.maximum((1 - 2 / classes + spread) / classes, 0.0)


def sum_of_squares(variance: float, classes: int) -> float:
    """E Σ p² of the softmax p of `classes` independent N(0, variance) logits, from 1/classes to 1.

    With S = Σ e^l and 1/S² = ∫ t e^(−tS) dt the expectation factorizes over logits: E Σ p² is k times the
    integral over t of t E[e^(2l) e^(−t e^l)] (E e^(−t e^l))^(k−1).
    """
    std = math.sqrt(variance)
    weights = np.exp(-(_U**2) / 2) / np.sum(np.exp(-(_U**2) / 2))
    exp_l = np.exp(std * _U)
    # The trapezoidal rule is nearly exact for functions that vanish at both ends; dt = t d(log t).
    log_t, step = np.linspace(-12 - 8 * std, 6 + 8 * std, 240, retstep=True)
    t = np.exp(log_t)
    kept = np.exp(-t[:, None] * exp_l)
    integrand = t**2 * (kept @ (weights * exp_l**2)) * (kept @ weights) ** (classes - 1)
    return float(min(classes * np.sum(integrand) * step, 1.0))
