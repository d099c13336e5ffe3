"""Small networks, each of one part that networks of today are built from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

Maker = Callable[[Any], Any]


def _linen(call: Callable[..., Any]) -> Maker:
    import flax.linen as nn

    class Network(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            return call(self, nn, x)

    return lambda key: Network()


def gru_linen() -> Maker:
    """A recurrent network in Linen, by its own loop."""

    def call(self: Any, nn: Any, x: Any) -> Any:
        rows = nn.RNN(nn.GRUCell(7, name="cell"))(x.reshape(*x.shape[:2], -1))
        return nn.Dense(10, name="head")(rows[:, -1])

    return _linen(call)


def gru_equinox() -> Maker:
    """A recurrent network by Equinox's cell."""
    import equinox as eqx

    class Network(eqx.Module):
        cell: Any
        head: Any

        def __init__(self, key: Any):
            first, last = jax.random.split(key)
            self.cell = eqx.nn.GRUCell(24, 7, key=first)
            self.head = eqx.nn.Linear(7, 10, key=last)

        def __call__(self, x: Any) -> Any:
            h, _ = jax.lax.scan(lambda h, row: (self.cell(row, h), None), jnp.zeros(7), x.reshape(len(x), -1))
            return self.head(h)

    return lambda key: Network(key)


def lstm_linen() -> Maker:
    """An LSTM in Linen, which has a matrix per gate and joins them."""

    def call(self: Any, nn: Any, x: Any) -> Any:
        rows = nn.RNN(nn.OptimizedLSTMCell(7, name="cell"))(x.reshape(*x.shape[:2], -1))
        return nn.Dense(10, name="head")(rows[:, -1])

    return _linen(call)


def dense_general() -> Maker:
    """A matrix of several axes on either side."""

    def call(self: Any, nn: Any, x: Any) -> Any:
        x = nn.tanh(nn.DenseGeneral((4, 5), axis=(1, 2, 3), name="first")(x))
        return nn.DenseGeneral(10, axis=(-2, -1), name="last")(x)

    return _linen(call)


def separable() -> Maker:
    """A depthwise, a pointwise and a grouped convolution."""

    def call(self: Any, nn: Any, x: Any) -> Any:
        x = nn.Conv(6, (3, 3), feature_group_count=3, name="depthwise")(x)
        x = nn.silu(nn.Conv(8, (1, 1), name="pointwise")(x))
        x = nn.Conv(12, (5, 5), feature_group_count=4, name="grouped")(x)
        return nn.Dense(10, name="head")(x.mean((1, 2)))

    return _linen(call)


def normalized_weights() -> Maker:
    """Weight normalization (Salimans & Kingma 2016) and spectral normalization (Miyato et al. 2018)."""
    import flax.linen as nn

    class Network(nn.Module):
        @nn.compact
        def __call__(self, x: Any, train: bool) -> Any:
            x = nn.relu(nn.WeightNorm(nn.Dense(9, name="first"), name="by_weight")(x.reshape(len(x), -1)))
            return nn.SpectralNorm(nn.Dense(10, name="last"), name="by_spectrum")(x, update_stats=train)

    return lambda key: Network()


def lora() -> Maker:
    """Low-rank updates (Hu et al. 2022), added to a layer's output, in NNX."""
    from flax import nnx

    class Network(nnx.Module):
        def __init__(self, rngs: Any):
            self.first = nnx.LoRALinear(192, 9, lora_rank=2, rngs=rngs)
            self.last = nnx.Linear(9, 10, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            return self.last(nnx.tanh(self.first(x.reshape(len(x), -1))))

    return lambda key: Network(nnx.Rngs(key))


def scanned() -> Maker:
    """Blocks that are computed again for the gradient, stacked by Linen's own `scan`."""
    import flax.linen as nn

    class Block(nn.Module):
        @nn.compact
        def __call__(self, x: Any, _: Any) -> Any:
            return x + nn.Dense(12, name="down")(nn.gelu(nn.Dense(20, name="up")(nn.LayerNorm()(x)))), None

    class Network(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            x = nn.Dense(12, name="first")(x.reshape(len(x), -1))
            blocks = nn.scan(
                nn.remat(Block), variable_axes={"params": 0}, split_rngs={"params": True}, length=3
            )
            x, _ = blocks(name="blocks")(x, None)
            return nn.Dense(10, name="head")(x)

    return lambda key: Network()


def tied() -> Maker:
    """Pixels as tokens, whose embedding is also the matrix of the output."""

    def call(self: Any, nn: Any, x: Any) -> Any:
        tokens = jnp.floor(x[..., 0].reshape(len(x), -1) * 9.99).astype(int)
        embed = nn.Embed(10, 12, name="embed")
        x = embed(tokens) + self.param("positions", nn.initializers.normal(0.02), (64, 12))
        return embed.attend(nn.tanh(nn.Dense(12, name="dense")(x)).mean(1))

    return _linen(call)


def experts() -> Maker:
    """A mixture of experts, whose matrices stand side by side in one parameter, each with a share."""

    def call(self: Any, nn: Any, x: Any) -> Any:
        x = nn.Dense(12, name="first")(x.reshape(len(x), -1))
        shares = nn.softmax(nn.Dense(4, use_bias=False, name="router")(x))
        up = self.param("up", nn.initializers.lecun_normal(batch_axis=0), (4, 12, 20))
        down = self.param("down", nn.initializers.lecun_normal(batch_axis=0), (4, 20, 12))
        h = nn.relu(jnp.einsum("bd,edh->beh", x, up))
        x = x + jnp.einsum("beh,ehd,be->bd", h, down, shares)
        return nn.Dense(10, name="head")(x)

    return _linen(call)


def mixer() -> Maker:
    """An MLP-mixer (Tolstikhin et al. 2021): matrices over positions, and over channels."""

    def call(self: Any, nn: Any, x: Any) -> Any:
        x = nn.Conv(12, (4, 4), (4, 4), name="patches")(x).reshape(len(x), -1, 12)
        h = nn.LayerNorm(name="norm1")(x).transpose(0, 2, 1)
        h = nn.Dense(4, name="tokens_down")(nn.gelu(nn.Dense(8, name="tokens_up")(h)))
        x = x + h.transpose(0, 2, 1)
        h = nn.gelu(nn.Dense(20, name="channels_up")(nn.LayerNorm(name="norm2")(x)))
        x = x + nn.Dense(12, name="channels_down")(h)
        return nn.Dense(10, name="head")(x.mean(1))

    return _linen(call)


def state_space() -> Maker:
    """A diagonal state space, computed by an associative scan over rows (Smith et al. 2023)."""

    def call(self: Any, nn: Any, x: Any) -> Any:
        entering = nn.Dense(6, use_bias=False, name="B")(x.reshape(*x.shape[:2], -1))
        decay = jnp.exp(-jnp.exp(self.param("log_decay", nn.initializers.normal(0.1), (6,))))
        decay = jnp.broadcast_to(decay, entering.shape)

        def step(one: Any, other: Any) -> Any:
            return one[0] * other[0], other[0] * one[1] + other[1]

        _, h = jax.lax.associative_scan(step, (decay, entering), axis=1)
        x = nn.Dense(6, name="C")(h) + self.param("D", nn.initializers.ones, (6,)) * entering
        return nn.Dense(10, name="head")(nn.gelu(x).mean(1))

    return _linen(call)


PARTS: dict[str, Callable[[], Maker]] = {
    each.__name__: each
    for each in (
        *(gru_linen, gru_equinox, lstm_linen, dense_general, separable, normalized_weights, lora, scanned),
        *(tied, experts, mixer, state_space),
    )
}
