"""ResNet-20 for CIFAR (He et al. 2016, section 4.2): 3 stages of 3 blocks of two 3 × 3 convolutions.

The shortcuts of the second and third stage are 1 × 1 convolutions (option B).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

STAGES = ((16, 1), (32, 2), (64, 2))
BLOCKS = 3


def linen() -> Callable[[Any], Any]:
    """In Flax Linen, whose batch normalization takes a switch."""
    import flax.linen as nn

    class Block(nn.Module):
        channels: int
        stride: int

        @nn.compact
        def __call__(self, x: Any, train: bool) -> Any:
            def norm() -> Any:
                return nn.BatchNorm(use_running_average=not train)

            strides = (self.stride, self.stride)
            y = nn.relu(norm()(nn.Conv(self.channels, (3, 3), strides, use_bias=False, name="first")(x)))
            y = norm()(nn.Conv(self.channels, (3, 3), use_bias=False, name="second")(y))
            if x.shape != y.shape:
                x = norm()(nn.Conv(self.channels, (1, 1), strides, use_bias=False, name="shortcut")(x))
            return nn.relu(x + y)

    class ResNet(nn.Module):
        @nn.compact
        def __call__(self, x: Any, train: bool) -> Any:
            x = nn.Conv(16, (3, 3), use_bias=False, name="stem")(x)
            x = nn.relu(nn.BatchNorm(use_running_average=not train)(x))
            for stage, (channels, stride) in enumerate(STAGES):
                for block in range(BLOCKS):
                    at = f"stage{stage}_block{block}"
                    x = Block(channels, stride if block == 0 else 1, name=at)(x, train)
            return nn.Dense(10, name="head")(x.mean((1, 2)))

    return lambda key: ResNet()


def nnx() -> Callable[[Any], Any]:
    """In Flax NNX."""
    from flax import nnx

    class Block(nnx.Module):
        def __init__(self, entering: int, channels: int, stride: int, rngs: Any):
            strides = (stride, stride)
            self.first = nnx.Conv(entering, channels, (3, 3), strides, use_bias=False, rngs=rngs)
            self.norm = nnx.BatchNorm(channels, rngs=rngs)
            self.second = nnx.Conv(channels, channels, (3, 3), use_bias=False, rngs=rngs)
            self.norm2 = nnx.BatchNorm(channels, rngs=rngs)
            self.has_shortcut = entering != channels
            if self.has_shortcut:
                self.shortcut = nnx.Conv(entering, channels, (1, 1), strides, use_bias=False, rngs=rngs)
                self.norm3 = nnx.BatchNorm(channels, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            y = self.norm2(self.second(nnx.relu(self.norm(self.first(x)))))
            if self.has_shortcut:
                x = self.norm3(self.shortcut(x))
            return nnx.relu(x + y)

    class ResNet(nnx.Module):
        def __init__(self, rngs: Any):
            self.stem = nnx.Conv(3, 16, (3, 3), use_bias=False, rngs=rngs)
            self.norm = nnx.BatchNorm(16, rngs=rngs)
            blocks, entering = [], 16
            for channels, stride in STAGES:
                for block in range(BLOCKS):
                    blocks.append(Block(entering, channels, stride if block == 0 else 1, rngs))
                    entering = channels
            self.blocks = nnx.List(blocks)
            self.head = nnx.Linear(64, 10, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            x = nnx.relu(self.norm(self.stem(x)))
            for block in self.blocks:
                x = block(x)
            return self.head(x.mean((1, 2)))

    return lambda key: ResNet(nnx.Rngs(key))
