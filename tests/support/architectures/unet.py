"""A U-Net (Ronneberger et al. 2015) of two levels whose map is pooled to logits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def nnx() -> Callable[[Any], Any]:
    """In Flax NNX, whose way up is a transposed convolution."""
    from flax import nnx

    class UNet(nnx.Module):
        def __init__(self, rngs: Any):
            self.down1 = nnx.Conv(3, 8, (3, 3), rngs=rngs)
            self.down2 = nnx.Conv(8, 16, (3, 3), rngs=rngs)
            self.bottom = nnx.Conv(16, 32, (3, 3), rngs=rngs)
            self.up2 = nnx.ConvTranspose(32, 16, (2, 2), (2, 2), rngs=rngs)
            self.merge2 = nnx.Conv(32, 16, (3, 3), rngs=rngs)
            self.up1 = nnx.ConvTranspose(16, 8, (2, 2), (2, 2), rngs=rngs)
            self.merge1 = nnx.Conv(16, 8, (3, 3), rngs=rngs)
            self.head = nnx.Conv(8, 10, (1, 1), rngs=rngs)

        def __call__(self, x: Any) -> Any:
            first = nnx.relu(self.down1(x))
            second = nnx.relu(self.down2(nnx.max_pool(first, (2, 2), (2, 2))))
            x = nnx.relu(self.bottom(nnx.max_pool(second, (2, 2), (2, 2))))
            x = nnx.relu(self.merge2(jnp.concatenate([second, self.up2(x)], -1)))
            x = nnx.relu(self.merge1(jnp.concatenate([first, self.up1(x)], -1)))
            return self.head(x).mean((1, 2))

    return lambda key: UNet(nnx.Rngs(key))


def haiku() -> Callable[[Any], Any]:
    """In Haiku, whose way up is an interpolation and a convolution."""
    import haiku as hk

    def doubled(x: Any) -> Any:
        return jax.image.resize(x, (len(x), 2 * x.shape[1], 2 * x.shape[2], x.shape[3]), "bilinear")

    def network(x: Any) -> Any:
        def conv(name: str, channels: int, x: Any) -> Any:
            return jax.nn.relu(hk.Conv2D(channels, 3, name=name)(x))

        first = conv("down1", 8, x)
        second = conv("down2", 16, hk.max_pool(first, 2, 2, "SAME", channel_axis=-1))
        x = conv("bottom", 32, hk.max_pool(second, 2, 2, "SAME", channel_axis=-1))
        x = hk.Conv2D(16, 2, name="up2")(doubled(x))
        x = conv("merge2", 16, jnp.concatenate([second, x], -1))
        x = hk.Conv2DTranspose(8, 2, 2, name="up1")(x)
        x = conv("merge1", 8, jnp.concatenate([first, x], -1))
        return hk.Conv2D(10, 1, name="head")(x).mean((1, 2))

    return lambda key: hk.without_apply_rng(hk.transform(network))
