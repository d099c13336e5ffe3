"""The networks of `recipes/networks` as each framework writes them, with weights of the plain ones.

Every function returns a `Writing`: what makes the network for a key, and how its tree of parameters, or its
module, is filled from the plain one's, whose leaves are given by path: `blocks/0/first/kernel`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

Leaves = Mapping[str, np.ndarray]
DEPTH, CHANNELS, PATCH, CLASSES = 2, 8, 4, 10
WIDTH, HEADS, HIDDEN = 12, 3, 20
INPUTS = (8, 8, 3)
SETTINGS: dict[str, dict[str, Any]] = {
    "cnn": {"depth": DEPTH + 2, "channels": CHANNELS, "patch": PATCH},
    "resnet": {"depth": DEPTH, "channels": CHANNELS, "patch": PATCH},
    "transformer": {"depth": DEPTH, "width": WIDTH, "heads": HEADS, "hidden": HIDDEN, "patch": PATCH},
}
"""The networks' parameters, which the writings below have in their code."""


@dataclass(frozen=True)
class Writing:
    """`make(key)` is the network; `placed(made, leaves)` its parameters with the plain ones' numbers."""

    make: Callable[[Any], Any]
    placed: Callable[[Any, Leaves], Any]


def linen(name: str, norm: str) -> Writing:
    """In Flax Linen."""
    import flax.linen as nn

    def conv(called: str, side: int = 3) -> Any:
        stride = (side, side) if side == PATCH else (1, 1)
        padding = "VALID" if side == PATCH else "SAME"
        return nn.Conv(CHANNELS, (side, side), stride, padding=padding, name=called)

    def group(called: str) -> Any:
        return nn.GroupNorm(None, 4, epsilon=1e-5, name=called) if norm == "group" else lambda x: x

    class Cnn(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            x = nn.relu(conv("stem", PATCH)(x))
            for at in range(DEPTH):
                x = nn.relu(conv(f"layers.{at}")(x))
            return nn.Dense(CLASSES, name="head")(x.mean((1, 2)))

    class ResNet(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            x = conv("stem", PATCH)(x)
            for at in range(DEPTH):
                h = conv(f"blocks.{at}.first")(nn.relu(group(f"blocks.{at}.norm1")(x)))
                x = x + conv(f"blocks.{at}.last")(nn.relu(group(f"blocks.{at}.norm2")(h)))
            return nn.Dense(CLASSES, name="head")(nn.relu(group("norm")(x)).mean((1, 2)))

    class Transformer(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            x = nn.Conv(WIDTH, (PATCH, PATCH), (PATCH, PATCH), padding="VALID", name="embed")(x)
            x = x.reshape(len(x), -1, WIDTH)
            x = x + self.param("positions", nn.initializers.normal(0.02), x.shape[1:])
            for at in range(DEPTH):
                norms = [nn.LayerNorm(epsilon=1e-5, name=f"blocks.{at}.norm{i}") for i in (1, 2)]
                attention = nn.MultiHeadDotProductAttention(HEADS, name=f"blocks.{at}")
                up, down = (
                    nn.Dense(units, name=f"blocks.{at}.{each}")
                    for each, units in (("up", HIDDEN), ("down", WIDTH))
                )
                branches = [attention, lambda x, up=up, down=down: down(nn.gelu(up(x)))]
                for normalize, branch in zip(norms, branches, strict=True):
                    x = x + branch(normalize(x)) if norm == "pre" else normalize(x + branch(x))
            if norm == "pre":
                x = nn.LayerNorm(epsilon=1e-5, name="norm")(x)
            return nn.Dense(CLASSES, name="head")(x.mean(1))

    module = {"cnn": Cnn, "resnet": ResNet, "transformer": Transformer}[name]
    return Writing(lambda key: module(), _placed_by_path)


def nnx(name: str, norm: str) -> Writing:
    """In Flax NNX."""
    from flax import nnx

    def conv(rngs: Any, into: int = CHANNELS, side: int = 3, units: int = CHANNELS) -> Any:
        stride, padding = (side, "VALID") if side == PATCH else (1, "SAME")
        return nnx.Conv(into, units, (side, side), stride, padding=padding, rngs=rngs)

    def group(rngs: Any) -> Any:
        return nnx.GroupNorm(CHANNELS, None, 4, epsilon=1e-5, rngs=rngs) if norm == "group" else _as_it_is

    def layer_norm(rngs: Any) -> Any:
        return nnx.LayerNorm(WIDTH, epsilon=1e-5, rngs=rngs)

    class Cnn(nnx.Module):
        def __init__(self, rngs: Any):
            self.stem = conv(rngs, 3, PATCH)
            self.layers = nnx.List([conv(rngs) for _ in range(DEPTH)])
            self.head = nnx.Linear(CHANNELS, CLASSES, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            x = nnx.relu(self.stem(x))
            for layer in self.layers:
                x = nnx.relu(layer(x))
            return self.head(x.mean((1, 2)))

    class ResidualBlock(nnx.Module):
        def __init__(self, rngs: Any):
            self.norm1, self.norm2 = group(rngs), group(rngs)
            self.first, self.last = conv(rngs), conv(rngs)

        def __call__(self, x: Any) -> Any:
            h = self.first(nnx.relu(self.norm1(x)))
            return x + self.last(nnx.relu(self.norm2(h)))

    class ResNet(nnx.Module):
        def __init__(self, rngs: Any):
            self.stem = conv(rngs, 3, PATCH)
            self.blocks = nnx.List([ResidualBlock(rngs) for _ in range(DEPTH)])
            self.norm = group(rngs)
            self.head = nnx.Linear(CHANNELS, CLASSES, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            x = self.stem(x)
            for block in self.blocks:
                x = block(x)
            return self.head(nnx.relu(self.norm(x)).mean((1, 2)))

    class Block(nnx.Module):
        def __init__(self, rngs: Any):
            self.attention = nnx.MultiHeadAttention(HEADS, WIDTH, decode=False, rngs=rngs)
            self.norm1, self.norm2 = layer_norm(rngs), layer_norm(rngs)
            self.up = nnx.Linear(WIDTH, HIDDEN, rngs=rngs)
            self.down = nnx.Linear(HIDDEN, WIDTH, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            for normalize, branch in (
                (self.norm1, self.attention),
                (self.norm2, lambda x: self.down(nnx.gelu(self.up(x)))),
            ):
                x = x + branch(normalize(x)) if norm == "pre" else normalize(x + branch(x))
            return x

    class Transformer(nnx.Module):
        def __init__(self, rngs: Any):
            self.embed = conv(rngs, 3, PATCH, WIDTH)
            self.positions = nnx.Param(0.02 * jax.random.normal(rngs.params(), (4, WIDTH)))
            self.blocks = nnx.List([Block(rngs) for _ in range(DEPTH)])
            self.norm = layer_norm(rngs) if norm == "pre" else _as_it_is
            self.head = nnx.Linear(WIDTH, CLASSES, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            x = self.embed(x)
            x = x.reshape(len(x), -1, WIDTH) + self.positions
            for block in self.blocks:
                x = block(x)
            return self.head(self.norm(x).mean(1))

    module = {"cnn": Cnn, "resnet": ResNet, "transformer": Transformer}[name]
    return Writing(lambda key: module(nnx.Rngs(key)), _placed_by_path)


def equinox(name: str, norm: str) -> Writing:
    """In Equinox, whose matrices are transposed, with channels first, and called on one example."""
    import equinox as eqx

    def conv(key: Any, into: int = CHANNELS, side: int = 3, units: int = CHANNELS) -> Any:
        return eqx.nn.Conv2d(into, units, side, side if side == PATCH else 1, 1 if side == 3 else 0, key=key)

    def group() -> Any:
        return eqx.nn.GroupNorm(CHANNELS // 4, CHANNELS) if norm == "group" else _as_it_is

    class Cnn(eqx.Module):
        stem: Any
        layers: list[Any]
        head: Any

        def __init__(self, key: Any):
            stem, head, *keys = jax.random.split(key, DEPTH + 2)
            self.stem, self.layers = conv(stem, 3, PATCH), [conv(each) for each in keys]
            self.head = eqx.nn.Linear(CHANNELS, CLASSES, key=head)

        def __call__(self, x: Any) -> Any:
            x = jax.nn.relu(self.stem(x.transpose(2, 0, 1)))
            for layer in self.layers:
                x = jax.nn.relu(layer(x))
            return self.head(x.mean((1, 2)))

    class ResidualBlock(eqx.Module):
        norm1: Any
        first: Any
        norm2: Any
        last: Any

        def __init__(self, key: Any):
            self.norm1, self.norm2 = group(), group()
            self.first, self.last = (conv(each) for each in jax.random.split(key))

        def __call__(self, x: Any) -> Any:
            h = self.first(jax.nn.relu(self.norm1(x)))
            return x + self.last(jax.nn.relu(self.norm2(h)))

    class ResNet(eqx.Module):
        stem: Any
        blocks: list[Any]
        norm: Any
        head: Any

        def __init__(self, key: Any):
            stem, head, *keys = jax.random.split(key, DEPTH + 2)
            self.stem, self.blocks = conv(stem, 3, PATCH), [ResidualBlock(each) for each in keys]
            self.norm, self.head = group(), eqx.nn.Linear(CHANNELS, CLASSES, key=head)

        def __call__(self, x: Any) -> Any:
            x = self.stem(x.transpose(2, 0, 1))
            for block in self.blocks:
                x = block(x)
            return self.head(jax.nn.relu(self.norm(x)).mean((1, 2)))

    class Block(eqx.Module):
        norm1: Any
        attention: Any
        norm2: Any
        up: Any
        down: Any

        def __init__(self, key: Any):
            keys = jax.random.split(key, 3)
            self.norm1, self.norm2 = eqx.nn.LayerNorm(WIDTH), eqx.nn.LayerNorm(WIDTH)
            biases = {f"use_{each}_bias": True for each in ("query", "key", "value", "output")}
            self.attention = eqx.nn.MultiheadAttention(HEADS, WIDTH, **biases, key=keys[0])
            self.up = eqx.nn.Linear(WIDTH, HIDDEN, key=keys[1])
            self.down = eqx.nn.Linear(HIDDEN, WIDTH, key=keys[2])

        def __call__(self, x: Any) -> Any:
            for normalize, branch in (
                (self.norm1, lambda x: self.attention(x, x, x)),
                (self.norm2, jax.vmap(lambda each: self.down(jax.nn.gelu(self.up(each))))),
            ):
                normalize = jax.vmap(normalize)
                x = x + branch(normalize(x)) if norm == "pre" else normalize(x + branch(x))
            return x

    class Transformer(eqx.Module):
        embed: Any
        positions: Any
        blocks: list[Any]
        norm: Any
        head: Any

        def __init__(self, key: Any):
            embed, positions, head, *keys = jax.random.split(key, DEPTH + 3)
            self.embed = conv(embed, 3, PATCH, WIDTH)
            self.positions = 0.02 * jax.random.normal(positions, (4, WIDTH))
            self.blocks = [Block(each) for each in keys]
            self.norm = eqx.nn.LayerNorm(WIDTH) if norm == "pre" else _as_it_is
            self.head = eqx.nn.Linear(WIDTH, CLASSES, key=head)

        def __call__(self, x: Any) -> Any:
            x = self.embed(x.transpose(2, 0, 1)).reshape(WIDTH, -1).T + self.positions
            for block in self.blocks:
                x = block(x)
            return self.head(jax.vmap(self.norm)(x).mean(0))

    module = {"cnn": Cnn, "resnet": ResNet, "transformer": Transformer}[name]

    def make(key: Any) -> Any:
        return module(key)

    def placed(drawn: Any, leaves: Leaves) -> Any:
        return jax.tree_util.tree_map_with_path(
            lambda path, each: jnp.asarray(_transposed(plain_name(_path(path)), each.shape, leaves)),
            eqx.partition(make(jax.random.key(0)), eqx.is_array)[0],
        )

    return Writing(make, placed)


def torch(name: str, norm: str) -> Writing:
    """In PyTorch, whose matrices are transposed, with channels first."""
    from tests.support.torch_recipe_networks import NETWORKS

    norms = {} if name == "cnn" else {"norm": norm}

    def placed(made: Any, leaves: Leaves) -> Any:
        import torch

        with torch.no_grad():
            for path, each in made.named_parameters():
                found = _transposed(plain_name(path.replace(".", "/")), tuple(each.shape), leaves)
                each.copy_(torch.from_numpy(np.array(found)))
        return made

    return Writing(lambda key: NETWORKS[name](INPUTS, CLASSES, **SETTINGS[name], **norms), placed)


WRITINGS = {"flax.linen": linen, "flax.nnx": nnx, "equinox": equinox}


def plain_name(name: str) -> str:
    """What the plain network calls a parameter: `blocks/0/query/kernel` of `blocks[0].attention.query_proj`.

    The parameter of a normalization that scales is called weight by Equinox and PyTorch.
    """
    parts = [part for part in name.replace(".", "/").split("/") if part not in ("attention", "params")]
    parts = [part.removesuffix("_proj").replace("output", "out") for part in parts]
    if parts[-1] == "weight":
        parts[-1] = "scale" if "norm" in parts[-2] else "kernel"
    return "/".join(parts)


def _as_it_is(x: Any) -> Any:
    """No normalization."""
    return x


def _path(path: Any) -> str:
    return "/".join(
        str(getattr(each, "key", getattr(each, "name", getattr(each, "idx", each)))) for each in path
    )


def _placed_by_path(drawn: Any, leaves: Leaves) -> Any:
    """The tree `drawn` with the plain network's numbers, whose attention has no axis of heads."""
    return jax.tree_util.tree_map_with_path(
        lambda path, each: jnp.asarray(leaves[plain_name(_path(path))]).reshape(each.shape), drawn
    )


def _transposed(name: str, shape: tuple[int, ...], leaves: Leaves) -> np.ndarray:
    """The numbers called `name` for an array of this `shape`, with units first and positions last."""
    plain = np.asarray(leaves[name])
    if name == "embed/kernel":
        plain = plain.reshape(PATCH, PATCH, 3, WIDTH)
    if name != "positions" and plain.ndim > 1:
        plain = np.moveaxis(plain, (-1, -2), (0, 1))
    return plain.reshape(shape)
