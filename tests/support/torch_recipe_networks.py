"""The networks of `recipes/networks` in PyTorch; imported only where it is installed.

Their parameters are those of the recipes' functions; `inputs` is `(height, width, channels)` of an image,
which comes with channels first.
"""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn import functional


def _group(norm: str, channels: int) -> nn.Module:
    return nn.GroupNorm(channels // 4, channels) if norm == "group" else nn.Identity()


class Cnn(nn.Module):
    """`cnn.py`."""

    def __init__(self, inputs: Any, classes: int, depth: int, channels: int, patch: int):
        super().__init__()
        self.stem = nn.Conv2d(inputs[-1], channels, patch, patch)
        self.layers = nn.ModuleList(nn.Conv2d(channels, channels, 3, 1, 1) for _ in range(depth - 2))
        self.head = nn.Linear(channels, classes)

    def forward(self, x: Any) -> Any:
        x = functional.relu(self.stem(x))
        for layer in self.layers:
            x = functional.relu(layer(x))
        return self.head(x.mean((2, 3)))


class _ResidualBlock(nn.Module):
    def __init__(self, channels: int, norm: str):
        super().__init__()
        self.norm1, self.norm2 = _group(norm, channels), _group(norm, channels)
        self.first, self.last = (nn.Conv2d(channels, channels, 3, 1, 1) for _ in range(2))

    def forward(self, x: Any) -> Any:
        h = self.first(functional.relu(self.norm1(x)))
        return x + self.last(functional.relu(self.norm2(h)))


class ResNet(nn.Module):
    """`resnet.py`."""

    def __init__(self, inputs: Any, classes: int, depth: int, channels: int, patch: int, norm: str = "none"):
        super().__init__()
        self.stem = nn.Conv2d(inputs[-1], channels, patch, patch)
        self.blocks = nn.ModuleList(_ResidualBlock(channels, norm) for _ in range(depth))
        self.norm = _group(norm, channels)
        self.head = nn.Linear(channels, classes)

    def forward(self, x: Any) -> Any:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(functional.relu(self.norm(x)).mean((2, 3)))


class _Block(nn.Module):
    def __init__(self, width: int, heads: int, hidden: int, norm: str):
        super().__init__()
        self.is_pre, self.heads = norm == "pre", heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def attend(self, x: Any) -> Any:
        """Self-attention."""
        heads = [
            layer(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer in (self.query, self.key, self.value)
        ]
        return self.out(functional.scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2))

    def perceive(self, x: Any) -> Any:
        """The perceptron."""
        return self.down(functional.gelu(self.up(x), approximate="tanh"))

    def forward(self, x: Any) -> Any:
        for normalize, branch in ((self.norm1, self.attend), (self.norm2, self.perceive)):
            x = x + branch(normalize(x)) if self.is_pre else normalize(x + branch(x))
        return x


class Transformer(nn.Module):
    """`transformer.py`."""

    def __init__(
        self,
        inputs: Any,
        classes: int,
        depth: int,
        width: int,
        heads: int,
        patch: int,
        hidden: int = 0,
        norm: str = "pre",
    ):
        super().__init__()
        import torch

        tokens = (inputs[0] // patch) * (inputs[1] // patch)
        self.embed = nn.Conv2d(inputs[-1], width, patch, patch)
        self.positions = nn.Parameter(0.02 * torch.randn(tokens, width))
        self.blocks = nn.ModuleList(_Block(width, heads, hidden or 4 * width, norm) for _ in range(depth))
        self.norm = nn.LayerNorm(width) if norm == "pre" else nn.Identity()
        self.head = nn.Linear(width, classes)

    def forward(self, x: Any) -> Any:
        x = self.embed(x).flatten(2).transpose(1, 2) + self.positions
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x).mean(1))


NETWORKS: dict[str, type[nn.Module]] = {"cnn": Cnn, "resnet": ResNet, "transformer": Transformer}
