"""The paper's variance equations (section 4.2.1), for nets of any widths, growing or shrinking.

They hold where every unit is in its linear regime, φ' = 1: for tanh and softsign with small pre-activations.
Layers of weights are numbered from 1, the last being the output's; a net is given by its `sizes` (inputs,
hidden widths, classes) and the variance of one weight in each of its `len(sizes) - 1` weight layers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def activation_variance(
    input_variance: float, sizes: Sequence[int], weight_variances: Sequence[float]
) -> np.ndarray:
    """Equation (5): Var z(i) = Var x · Π n Var W over the layers up to i, n their fan-ins.

    Shape `(len(sizes),)`: the input, each hidden layer, and at last the logits.
    """
    steps = np.array(sizes[:-1]) * np.array(weight_variances)
    return input_variance * np.cumprod([1.0, *steps])


def backprop_variance(
    top_variance: float, sizes: Sequence[int], weight_variances: Sequence[float]
) -> np.ndarray:
    """Equation (6): Var dC/ds(i) = Var dC/ds(top) · Π n Var W over the layers above i, n their fan-outs.

    Shape `(len(sizes) - 1,)`: the pre-activations of each hidden layer, and at last the logits, which have
    `top_variance`. The paper's (6) and (7) differ by one layer in their limits; this is what (2) gives.
    """
    steps = np.array(sizes[1:]) * np.array(weight_variances)
    return top_variance * np.cumprod([1.0, *steps[:0:-1]])[::-1]


def weight_gradient_variance(
    input_variance: float, top_variance: float, sizes: Sequence[int], weight_variances: Sequence[float]
) -> np.ndarray:
    """Equation (7): Var dC/dW(i) = Var z(i-1) · Var dC/ds(i), of one example's own loss.

    Shape `(len(sizes) - 1,)`, one per weight layer.
    """
    below = activation_variance(input_variance, sizes, weight_variances)[:-1]
    return below * backprop_variance(top_variance, sizes, weight_variances)


def normalized_weight_variance(fan_in: int, fan_out: int) -> float:
    """Equation (12): Var W = 2/(n_i + n_{i+1}), between what (10) and (11) ask for."""
    return 2 / (fan_in + fan_out)


def equal_widths_weight_gradient_variance(
    input_variance: float, top_variance: float, width: int, weight_variance: float, depth: int
) -> float:
    """Equation (14): Var dC/dW(i) = (n Var W)^d · Var x · Var dC/ds(d), the same in every layer.

    `depth` hidden layers of the inputs' and the logits' width. The paper prints it for the initialization
    that makes all widths alike; (13), for the back-propagated gradients, has Var dC/ds(d) in Var x's place.
    """
    return float((width * weight_variance) ** depth * input_variance * top_variance)
