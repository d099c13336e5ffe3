"""Defines networks with normalization, skip connections, dropout or learned slopes between the layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import jax
import jax.numpy as jnp
from jax import Array

from xavier_cli.config.run import RunConfig
from xavier_cli.nn import mlp
from xavier_cli.nn.activations import Activation, make_activation
from xavier_cli.nn.mlp import Dense, Norm, Params, Taps
from xavier_cli.vocabulary.lookup import load

EPSILON = 1e-5
"""What is added to a variance before its root is divided by; PyTorch's, and Ioffe & Szegedy's."""

BATCH_NORM_MOMENTUM = 0.1
"""The share of a running average that each batch replaces."""

SlopedActivation = Callable[[Array, Array], Array]


@dataclass(frozen=True)
class Network:
    """A perceptron's structure; what it is made of is in its parameters.

    A hidden layer is s = normalize(z W + b), φ(s), dropout; with `residual`, what entered it is added to what
    leaves it, where it is as wide as the hidden layer below. The first hidden layer and the output have none.
    `sloped` is the activation as a function of the pre-activation and each layer's learned slope, which
    starts at `first_slope`; `act` has that one built in.
    """

    act: Activation
    sloped: SlopedActivation | None = None
    first_slope: float = 0.0
    normalization: Literal["none", "batch", "layer"] = "none"
    residual: bool = False
    dropout: float = 0.0

    @property
    def is_plain(self) -> bool:
        """Whether there is nothing but weights, biases and a fixed activation."""
        return self == Network(self.act)

    def add_extra_params(self, params: Params) -> Params:
        """`params` of weights and biases with all else that the network has, at its first values."""

        def dressed(layer: Dense) -> Dense:
            # Made of the layer's own numbers, so that they are spread over devices as those are.
            zeros = layer.bias * 0
            ones = zeros + 1
            if self.normalization == "batch":
                layer = layer._replace(norm=Norm(ones, zeros, zeros, ones))
            elif self.normalization == "layer":
                layer = layer._replace(norm=Norm(ones, zeros))
            return layer if self.sloped is None else layer._replace(slope=zeros[0] + self.first_slope)

        return (*map(dressed, params[:-1]), params[-1])

    def act_of(self, layer: Dense) -> Activation:
        """The activation of a hidden layer, with its own slope."""
        sloped = self.sloped
        return self.act if sloped is None else lambda s: sloped(s, layer.slope)  # type: ignore[arg-type]

    def skips(self, number: int, layer: Dense) -> bool:
        """Whether what enters hidden layer `number`, counted from 0, is added to what leaves it."""
        return self.residual and number > 0 and layer.weight.shape[0] == layer.weight.shape[1]

    def forward(self, params: Params, x: Array, zeros: Sequence[Array] | None = None) -> tuple[Array, Taps]:
        """Logits and taps as `mlp.forward`, of the network as it is used: nothing is dropped, and batch
        normalization is by the running averages."""
        return self._pass(params, x, zeros, normalized)

    def look(self, params: Params, x: Array, zeros: Sequence[Array] | None = None) -> tuple[Array, Taps]:
        """`forward`, but batch normalization is as in training, by `x` itself; the averages stay unmoved.

        By running averages, which are 0 and 1 at first, a normalized network would look like one without.
        """
        return self._pass(params, x, zeros, normalized_by_batch)

    def _pass(
        self,
        params: Params,
        x: Array,
        zeros: Sequence[Array] | None,
        normalize: Callable[[Norm | None, Array], Array],
    ) -> tuple[Array, Taps]:
        if self.is_plain:
            return mlp.forward(params, x, self.act, zeros)
        affine, preactivations, activations, inputs = [], [], [], [x]
        for number, layer in enumerate(params[:-1]):
            entering = inputs[-1] @ layer.weight + layer.bias
            s = normalize(layer.norm, entering)
            if zeros is not None:
                s = s + zeros[number]
            z = self.act_of(layer)(s)
            affine.append(entering)
            preactivations.append(s)
            activations.append(z)
            inputs.append(z + inputs[-1] if self.skips(number, layer) else z)
        logits = inputs[-1] @ params[-1].weight + params[-1].bias
        return logits, Taps(tuple(preactivations), tuple(activations), tuple(affine), tuple(inputs))

    def train(self, params: Params, x: Array, key: Array | None = None) -> tuple[Array, Params]:
        """Logits of the network as it is trained, and `params` with the running averages moved.

        Batch normalization is by the batch itself; `key` decides which activations are dropped.
        """
        z, moved = x, []
        for number, layer in enumerate(params[:-1]):
            entering = z @ layer.weight + layer.bias
            s, norm = normalized_in_training(layer.norm, entering)
            out = self.act_of(layer)(s)
            if self.dropout:
                assert key is not None
                kept = jax.random.bernoulli(jax.random.fold_in(key, number), 1 - self.dropout, out.shape)
                # What is kept is scaled up, so that nothing has to be scaled where nothing is dropped.
                out = jnp.where(kept, out / (1 - self.dropout), 0.0)
            z = out + z if self.skips(number, layer) else out
            moved.append(layer._replace(norm=norm))
        return z @ params[-1].weight + params[-1].bias, (*moved, params[-1])


def make_network(config: RunConfig) -> Network:
    """The network of `config`."""
    word = config.activation
    return Network(
        make_activation(word),
        load(word.function) if word.learned else None,
        word.first_slope or 0.0,
        config.normalization,
        config.residual,
        config.dropout,
    )


def normalized(norm: Norm | None, s: Array) -> Array:
    """`s` of shape `(batch, width)` without mean and scale: each example's own, or by running averages."""
    if norm is None:
        return s
    if norm.mean is None or norm.variance is None:
        return _standardized(s, s.mean(axis=1, keepdims=True), s.var(axis=1, keepdims=True), norm)
    return _standardized(s, norm.mean, norm.variance, norm)


def normalized_by_batch(norm: Norm | None, s: Array) -> Array:
    """`normalized`, but batch normalization is by this batch."""
    if norm is None or norm.mean is None:
        return normalized(norm, s)
    return _standardized(s, s.mean(axis=0), s.var(axis=0), norm)


def normalized_in_training(norm: Norm | None, s: Array) -> tuple[Array, Norm | None]:
    """`normalized`, but batch normalization is by this batch, which its running averages take up."""
    if norm is None or norm.mean is None or norm.variance is None:
        return normalized(norm, s), norm
    mean, variance = s.mean(axis=0), s.var(axis=0)
    # As PyTorch does: the batch is normalized by its own variance, the average is of the unbiased one.
    seen = jax.lax.stop_gradient((mean, variance * (len(s) / (len(s) - 1))))
    moved = norm._replace(
        mean=norm.mean + BATCH_NORM_MOMENTUM * (seen[0] - norm.mean),
        variance=norm.variance + BATCH_NORM_MOMENTUM * (seen[1] - norm.variance),
    )
    return _standardized(s, mean, variance, norm), moved


def _standardized(s: Array, mean: Array, variance: Array, norm: Norm) -> Array:
    return (s - mean) * jax.lax.rsqrt(variance + EPSILON) * norm.scale + norm.shift


def with_batch_statistics(params: Params, taps: Taps) -> Params:
    """`params` with the means and variances that `Network.look` met in place of the running averages."""

    def taken(layer: Dense, entering: Array) -> Dense:
        if layer.norm is None or layer.norm.mean is None:
            return layer
        statistics = {"mean": entering.mean(axis=0), "variance": entering.var(axis=0)}
        return layer._replace(norm=layer.norm._replace(**statistics))

    return (*map(taken, params[:-1], taps.affine), params[-1])


def with_running_averages(params: Params, moved: Params) -> Params:
    """`params` with the running averages of `moved`."""

    def taken(layer: Dense, other: Dense) -> Dense:
        if layer.norm is None or other.norm is None:
            return layer
        return layer._replace(norm=layer.norm._replace(mean=other.norm.mean, variance=other.norm.variance))

    return tuple(map(taken, params, moved))
