"""Implements the paper's variance equations (5) and (6) (section 4.2.1), for nets of any widths.

They hold in the linear regime, φ' = 1: for tanh and softsign with small pre-activations. Layers of weights
are numbered from 1, the output layer's last; a net is given by its `sizes` (inputs, hidden widths, classes)
and the variance of one weight in each of its `len(sizes) - 1` weight layers.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def activation_variance(
    input_variance: float, sizes: Sequence[int], weight_variances: Sequence[float]
) -> np.ndarray:
    """Equation (5): Var z(i) = Var x · Π n Var W over the layers up to i, n the fan-in.

    Returns `(len(sizes),)`: the input, each hidden layer, and the logits.
    """
    steps = np.array(sizes[:-1]) * np.array(weight_variances)
    return input_variance * np.cumprod([1.0, *steps])


def backprop_variance(
    top_variance: float, sizes: Sequence[int], weight_variances: Sequence[float]
) -> np.ndarray:
    """Equation (6): Var dC/ds(i) = Var dC/ds(top) · Π n Var W over the layers above i, n the fan-out.

    Returns `(len(sizes) - 1,)`: the pre-activations of each hidden layer, and the logits, which have
    `top_variance`. The limits of (6) and (7) in the paper differ by one layer; this follows from (2).
    """
    steps = np.array(sizes[1:]) * np.array(weight_variances)
    return top_variance * np.cumprod([1.0, *steps[:0:-1]])[::-1]
