"""A vision transformer (Dosovitskiy et al. 2021): patches, class token, positions, pre-norm blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

PATCH, WIDTH, HEADS, HIDDEN, BLOCKS = 8, 24, 3, 48, 2


def linen() -> Callable[[Any], Any]:
    """In Flax Linen, whose attention has a matrix per head."""
    import flax.linen as nn

    class Block(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            x = x + nn.MultiHeadDotProductAttention(HEADS, name="attention")(nn.LayerNorm(name="norm1")(x))
            h = nn.gelu(nn.Dense(HIDDEN, name="up")(nn.LayerNorm(name="norm2")(x)))
            return x + nn.Dense(WIDTH, name="down")(h)

    class ViT(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            x = nn.Conv(WIDTH, (PATCH, PATCH), (PATCH, PATCH), padding="VALID", name="patches")(x)
            x = x.reshape(len(x), -1, WIDTH)
            token = self.param("token", nn.initializers.normal(0.02), (1, 1, WIDTH))
            x = jnp.concatenate([jnp.broadcast_to(token, (len(x), 1, WIDTH)), x], axis=1)
            x = x + self.param("positions", nn.initializers.normal(0.02), (1, x.shape[1], WIDTH))
            for number in range(BLOCKS):
                x = Block(name=f"block{number}")(x)
            return nn.Dense(10, name="head")(nn.LayerNorm(name="norm")(x[:, 0]))

    return lambda key: ViT()


def equinox() -> Callable[[Any], Any]:
    """In Equinox, called on one example; its layers are called on one token at a time, by `vmap`."""
    import equinox as eqx

    class Block(eqx.Module):
        norm1: Any
        attention: Any
        norm2: Any
        up: Any
        down: Any

        def __init__(self, key: Any):
            keys = jax.random.split(key, 3)
            self.norm1, self.norm2 = eqx.nn.LayerNorm(WIDTH), eqx.nn.LayerNorm(WIDTH)
            self.attention = eqx.nn.MultiheadAttention(HEADS, WIDTH, key=keys[0])
            self.up = eqx.nn.Linear(WIDTH, HIDDEN, key=keys[1])
            self.down = eqx.nn.Linear(HIDDEN, WIDTH, key=keys[2])

        def __call__(self, x: Any) -> Any:
            h = jax.vmap(self.norm1)(x)
            x = x + self.attention(h, h, h)
            return x + jax.vmap(lambda each: self.down(jax.nn.gelu(self.up(self.norm2(each)))))(x)

    class ViT(eqx.Module):
        patches: Any
        token: Any
        positions: Any
        blocks: list[Any]
        norm: Any
        head: Any

        def __init__(self, key: Any):
            keys = jax.random.split(key, 4 + BLOCKS)
            self.patches = eqx.nn.Conv2d(3, WIDTH, PATCH, PATCH, key=keys[0])
            self.token = 0.02 * jax.random.normal(keys[1], (1, WIDTH))
            self.positions = 0.02 * jax.random.normal(keys[2], ((32 // PATCH) ** 2 + 1, WIDTH))
            self.blocks = [Block(key) for key in keys[4:]]
            self.norm = eqx.nn.LayerNorm(WIDTH)
            self.head = eqx.nn.Linear(WIDTH, 10, key=keys[3])

        def __call__(self, x: Any) -> Any:
            x = self.patches(x.transpose(2, 0, 1)).reshape(WIDTH, -1).T
            x = jnp.concatenate([self.token, x]) + self.positions
            for block in self.blocks:
                x = block(x)
            return self.head(self.norm(x[0]))

    return lambda key: ViT(key)
