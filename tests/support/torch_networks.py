"""Networks in PyTorch, as people write them; imported only where it is installed."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional


class Block(nn.Module):
    """Two convolutions and a shortcut, which is added in place."""

    def __init__(self, channels_in: int, channels: int, stride: int):
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.downsample: Any = nn.Identity()
        if channels_in != channels:
            convolution = nn.Conv2d(channels_in, channels, 1, stride, bias=False)
            self.downsample = nn.Sequential(convolution, nn.BatchNorm2d(channels))

    def forward(self, x: Any) -> Any:
        h = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        h = self.bn2(self.conv2(h))
        h += self.downsample(x)
        return functional.relu(h, inplace=True)


class ResNet20(nn.Module):
    """For CIFAR, of 16, 32 and 64 channels, or of a multiple."""

    def __init__(self, width: int = 16):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        sizes = [(width, width, 1), (width, 2 * width, 2), (2 * width, 4 * width, 2)]
        for number, (before, after, stride) in enumerate(sizes, 1):
            blocks = [Block(before, after, stride), Block(after, after, 1), Block(after, after, 1)]
            self.add_module(f"layer{number}", nn.Sequential(*blocks))
        self.fc = nn.Linear(4 * width, 10)

    def forward(self, x: Any) -> Any:
        h = functional.relu(self.bn1(self.conv1(x)), inplace=True)
        h = self.layer3(self.layer2(self.layer1(h)))
        return self.fc(functional.adaptive_avg_pool2d(h, 1).flatten(1))


class ViT(nn.Module):
    """Patches, learned positions and a class token, PyTorch's encoder."""

    def __init__(self, width: int = 16, depth: int = 2):
        super().__init__()
        self.patch = nn.Conv2d(3, width, 4, 4)
        self.token = nn.Parameter(torch.zeros(1, 1, width))
        self.position = nn.Parameter(torch.randn(1, 5, width) * 0.02)
        layer = nn.TransformerEncoderLayer(
            width, 4, 2 * width, activation="gelu", batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.head = nn.Linear(width, 10)

    def forward(self, x: Any) -> Any:
        h = self.patch(x).flatten(2).transpose(1, 2)
        h = torch.cat([self.token.expand(len(x), -1, -1), h], 1) + self.position
        return self.head(self.encoder(h)[:, 0])


class LSTMClassifier(nn.Module):
    """Reads an image row by row, in both directions."""

    def __init__(self, hidden: int = 6):
        super().__init__()
        self.lstm = nn.LSTM(24, hidden, 2, batch_first=True, bidirectional=True, dropout=0.5)
        self.out = nn.Linear(2 * hidden, 10)

    def forward(self, x: Any) -> Any:
        rows = x.permute(0, 2, 1, 3).flatten(2)
        return self.out(self.lstm(rows)[0].mean(1))


class UNet(nn.Module):
    """Down, up by a transposed convolution, and over; its logits are means over positions."""

    def __init__(self, width: int = 6):
        super().__init__()
        self.down1 = nn.Sequential(nn.Conv2d(3, width, 3, padding=1), nn.GroupNorm(2, width), nn.SiLU())
        self.down2 = nn.Sequential(nn.Conv2d(width, 2 * width, 3, padding=1), nn.SiLU())
        self.up = nn.ConvTranspose2d(2 * width, width, 2, stride=2)
        self.over = nn.Sequential(nn.Conv2d(2 * width, width, 3, padding=1), nn.ReLU())
        self.out = nn.Conv2d(width, 10, 1)

    def forward(self, x: Any) -> Any:
        first = self.down1(x)
        up = self.up(self.down2(functional.max_pool2d(first, 2)))
        return self.out(self.over(torch.cat([first, up], 1))).mean((2, 3))
