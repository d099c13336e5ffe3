"""Predicts variances through a net at initialization, image by image.

The starting point decides the accuracy: from the mean second moment of the data the error is up to 11 %, from
a unit Gaussian 50 %, from each image's own q = |x|²/n about 1 %, since the activation saturates more for
bright images than for dark ones. So every map is run once per probe image and averaged at the end. It passes
on the second moment E z², not the variance, since a sigmoid's mean is input of the next layer, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jax import Array

from xavier_cli.theory.quadrature import Moments, gaussian_moments
from xavier_cli.vocabulary.entry import Distribution, InitializerEntry


@dataclass(frozen=True)
class Net:
    """A net before its weights are drawn: units from inputs to logits, and Var W of each weight layer.

    `bias_variances`, one per weight layer, are those of biases drawn around 0; without them biases are 0.
    `distributions` say how each layer's weights are drawn; without them they are independent.
    """

    sizes: tuple[int, ...]
    weight_variances: tuple[float, ...]
    bias_variances: tuple[float, ...] = ()
    distributions: tuple[Distribution, ...] = ()

    @property
    def depth(self) -> int:
        """The number of hidden layers."""
        return len(self.sizes) - 2

    def bias_variance(self, layer: int) -> float:
        """Var b of weight layer `layer`, counted from 0."""
        return self.bias_variances[layer] if self.bias_variances else 0.0


def make_net(
    sizes: Sequence[int],
    law: InitializerEntry | Sequence[InitializerEntry],
    gain: float = 1.0,
    bias: InitializerEntry | None = None,
) -> Net:
    """The net of `sizes` with weights from the initializer `law`, times `gain` except in the output layer.

    `law` is one initializer for all layers, or one for each; `bias` is that of the biases, without gain.
    """
    fans = list(pairwise(sizes))
    laws = [law] * len(fans) if isinstance(law, InitializerEntry) else law
    variances = [each.variance(*of) for each, of in zip(laws, fans, strict=True)]
    variances[:-1] = [gain**2 * variance for variance in variances[:-1]]
    return Net(
        tuple(sizes),
        tuple(variances),
        tuple(bias.variance(*of) for of in fans) if bias else (),
        tuple(each.distribution for each in laws),
    )


class Maps(NamedTuple):
    """The forward moments of each image; `(images, depth)` except for `inputs`."""

    inputs: np.ndarray
    """q(0) = |x|²/n of each image, shape `(images,)`."""
    preactivation_second: np.ndarray
    """E s² of each hidden layer."""
    mean: np.ndarray
    """E z."""
    second: np.ndarray
    """E z²."""
    slope_second: np.ndarray
    """E φ'(s)²."""
    log_slope: np.ndarray
    """E log |φ'(s)|."""


def run_maps(
    act: Callable[[Array], Array], kinks: Sequence[float], net: Net, inputs: Sequence[float] | np.ndarray
) -> Maps:
    """Equation (5) without its linear regime: E s² = n Var W E z² of the layer below, E z² = E φ(√(E s²) u)².

    `inputs` are the images' mean squares q(0) = |x|²/n; Var b of random biases is added to E s².
    """
    q = np.asarray(inputs, np.float64)
    seconds: list[np.ndarray] = []
    moments: list[Moments] = []
    for layer, (fan_in, variance) in enumerate(
        zip(net.sizes[: net.depth], net.weight_variances, strict=False)
    ):
        seconds.append(fan_in * variance * q + net.bias_variance(layer))
        moments.append(gaussian_moments(act, np.sqrt(seconds[-1]), kinks))
        q = moments[-1].second
    stacked = (np.stack(column, axis=1) for column in (seconds, *zip(*moments, strict=True)))
    return Maps(np.asarray(inputs, np.float64), *stacked)


def logits_variance(net: Net, maps: Maps) -> np.ndarray:
    """The variance of one image's logits over draws of the weights, shape `(images,)`."""
    return net.sizes[-2] * net.weight_variances[-1] * maps.second[:, -1] + net.bias_variance(net.depth)


def backprop_seconds(net: Net, maps: Maps, top: Sequence[float] | np.ndarray) -> np.ndarray:
    """Equation (6) without its linear regime, image by image: E (dC/ds)², shape `(images, depth + 1)`.

    E δ(i)² = E φ'(s(i))² · n Var W · E δ(i+1)², n the fan-out. `top` is E (dC/ds)² of the logits for each
    image, which is the last column of the result.
    """
    columns = [np.broadcast_to(np.asarray(top, np.float64), maps.inputs.shape)]
    for layer in reversed(range(net.depth)):
        step = net.sizes[layer + 2] * net.weight_variances[layer + 1]
        columns.append(maps.slope_second[:, layer] * step * columns[-1])
    return np.stack(columns[::-1], axis=1)


class Prediction(NamedTuple):
    """The predicted statistics of a net at initialization, one number per hidden layer (or weight layer)."""

    activation_mean: np.ndarray
    activation_std: np.ndarray
    """Over units and images: √(E z² − (E z)²), after averaging both moments over the images."""
    backprop_std: np.ndarray
    """The std of dC/ds, C being the loss of single examples."""
    weight_gradient_rms: np.ndarray
    """Root mean square over weights and examples of the gradients of single examples, `(depth + 1,)`, as in
    equation (7). The gradient of the mean loss would decrease with the number of examples."""

    @property
    def backprop_steps(self) -> np.ndarray:
        """Ratio of the back-propagated stds of a layer and the layer below, `(depth - 1,)`."""
        # An output layer of zeros propagates nothing back: 0/0.
        with np.errstate(invalid="ignore"):
            return self.backprop_std[1:] / self.backprop_std[:-1]


def predict(net: Net, maps: Maps, top: Sequence[float] | np.ndarray) -> Prediction:
    """The predictions averaged over the images; `top` is as for `backprop_seconds`.

    Equation (7) per example is exact: the mean square of a weight gradient is (mean z²)(mean δ²).
    """
    backprop = backprop_seconds(net, maps, top)
    below = np.column_stack([maps.inputs, maps.second])
    mean = maps.mean.mean(axis=0)
    return Prediction(
        activation_mean=mean,
        activation_std=np.sqrt(np.maximum(maps.second.mean(axis=0) - mean**2, 0.0)),
        backprop_std=np.sqrt(backprop[:, :-1].mean(axis=0)),
        weight_gradient_rms=np.sqrt((below * backprop).mean(axis=0)),
    )
