"""What random-matrix theory says about the layer-to-layer Jacobians dz(i)/dz(i-1) at initialization.

They are random matrices whose rows are scaled by φ', so their squared singular values spread as Marchenko and
Pastur found, scaled by n Var W E φ'². A square one has mean (8/3π)·√(n Var W E φ'²). Taking one scale for
all rows costs 0.5 % where slopes are alike and up to 2.5 % where they are not (tanh, normalized, layer 2).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from xavier_cli.theory.variance import Maps, Net

SQUARE_MEAN = 8 / (3 * math.pi)
"""Mean singular value over the root mean square one of a square random matrix: the paper's 0.8, not 1."""
_ANGLES = 20_000


class SingularValues(NamedTuple):
    """Predicted averages over singular values and then over the probe images, each of shape `(depth,)`.

    Of the min(fan_in, fan_out) singular values that there are.
    """

    mean: np.ndarray
    rms: np.ndarray
    geometric_mean: np.ndarray


def predict_singular_values(net: Net, maps: Maps) -> SingularValues:
    """The averages of layers 1 to depth; layer 1 is the input's and is not square."""
    columns = []
    for layer in range(net.depth):
        fans = net.sizes[layer], net.sizes[layer + 1]
        ratio = min(fans) / max(fans)
        weight_rms = math.sqrt(max(fans) * net.weight_variances[layer])
        slope_rms = np.sqrt(maps.slope_second[:, layer])
        # A determinant is a product, so the slopes' own geometric mean counts, but only while a layer does
        # not grow; above that they are mixed.
        slope = slope_rms if fans[1] > fans[0] else np.exp(maps.log_slope[:, layer])
        columns.append(
            (
                weight_rms * mean_root(ratio) * slope_rms.mean(),
                weight_rms * slope_rms.mean(),
                weight_rms * math.exp(mean_log(ratio) / 2) * slope.mean(),
            )
        )
    return SingularValues(*(np.array(column) for column in zip(*columns, strict=True)))


def mean_root(ratio: float) -> float:
    """E √λ, λ from the Marchenko-Pastur law of this ratio (0 to 1) and mean 1; 8/(3π) at ratio 1.

    With λ = 1 + c + 2√c cos θ the law's density is (2/π) sin²θ/λ over 0..π.
    """
    theta = (np.arange(_ANGLES) + 0.5) * math.pi / _ANGLES
    # 1 + cos θ by the half angle, so that nothing cancels where λ is smallest.
    eigenvalue = (1 - math.sqrt(ratio)) ** 2 + 4 * math.sqrt(ratio) * np.cos(theta / 2) ** 2
    return float(2 * np.mean(np.sin(theta) ** 2 / np.sqrt(eigenvalue)))


def mean_log(ratio: float) -> float:
    """E log λ, λ from the Marchenko-Pastur law of this ratio (0 to 1) and mean 1; -1 at ratio 1."""
    return -1.0 if ratio == 1 else -1 - (1 / ratio - 1) * math.log1p(-ratio)
