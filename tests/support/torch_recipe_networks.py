"""The networks of `recipes/networks` in PyTorch; imported only where it is installed."""

from __future__ import annotations

from typing import Any

from torch import nn
from torch.nn import functional

from tests.support.recipe_networks import CHANNELS, CLASSES, DEPTH, HEADS, HIDDEN, PATCH, WIDTH


def _group(norm: str) -> nn.Module:
    return nn.GroupNorm(CHANNELS // 4, CHANNELS) if norm == "group" else nn.Identity()


class Cnn(nn.Module):
    """`cnn.py`."""

    def __init__(self, norm: str):
        super().__init__()
        self.stem = nn.Conv2d(3, CHANNELS, PATCH, PATCH)
        self.layers = nn.ModuleList(nn.Conv2d(CHANNELS, CHANNELS, 3, 1, 1) for _ in range(DEPTH))
        self.head = nn.Linear(CHANNELS, CLASSES)

    def forward(self, x: Any) -> Any:
        x = functional.relu(self.stem(x))
        for layer in self.layers:
            x = functional.relu(layer(x))
        return self.head(x.mean((2, 3)))


class _ResidualBlock(nn.Module):
    def __init__(self, norm: str):
        super().__init__()
        self.norm1, self.norm2 = _group(norm), _group(norm)
        self.first, self.last = (nn.Conv2d(CHANNELS, CHANNELS, 3, 1, 1) for _ in range(2))

    def forward(self, x: Any) -> Any:
        h = self.first(functional.relu(self.norm1(x)))
        return x + self.last(functional.relu(self.norm2(h)))


class ResNet(nn.Module):
    """`resnet.py`."""

    def __init__(self, norm: str):
        super().__init__()
        self.stem = nn.Conv2d(3, CHANNELS, PATCH, PATCH)
        self.blocks = nn.ModuleList(_ResidualBlock(norm) for _ in range(DEPTH))
        self.norm = _group(norm)
        self.head = nn.Linear(CHANNELS, CLASSES)

    def forward(self, x: Any) -> Any:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return self.head(functional.relu(self.norm(x)).mean((2, 3)))


class _Block(nn.Module):
    def __init__(self, norm: str):
        super().__init__()
        self.is_pre = norm == "pre"
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.query, self.key, self.value, self.out = (nn.Linear(WIDTH, WIDTH) for _ in range(4))
        self.up, self.down = nn.Linear(WIDTH, HIDDEN), nn.Linear(HIDDEN, WIDTH)

    def attend(self, x: Any) -> Any:
        """Self-attention."""
        heads = [
            layer(x).unflatten(-1, (HEADS, -1)).transpose(1, 2)
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

    def __init__(self, norm: str):
        super().__init__()
        import torch

        self.embed = nn.Conv2d(3, WIDTH, PATCH, PATCH)
        self.positions = nn.Parameter(torch.zeros(4, WIDTH))
        self.blocks = nn.ModuleList(_Block(norm) for _ in range(DEPTH))
        self.norm = nn.LayerNorm(WIDTH) if norm == "pre" else nn.Identity()
        self.head = nn.Linear(WIDTH, CLASSES)

    def forward(self, x: Any) -> Any:
        x = self.embed(x).flatten(2).transpose(1, 2) + self.positions
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x).mean(1))
