"""Convolutional networks in plain JAX: a small one, and the residual networks of CIFAR-10."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax


class Plain(NamedTuple):
    """`init(key) -> params` and `apply(params, x) -> logits`, of images with the channels last."""

    init: Callable[[Array], Any]
    apply: Callable[[Any, Array], Array]


def convolved(x: Array, kernel: Array, stride: int = 1) -> Array:
    """A convolution of `x` `(examples, height, width, channels)`, padded to keep its size at stride 1."""
    return lax.conv_general_dilated(
        x, kernel, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def cnn(channels: Sequence[int] = (16, 32, 64), pooled: bool = False, size: int = 32) -> Plain:
    """Convolutions of 3 × 3 with ReLU, each at stride 2 or followed by a mean over 2 × 2, and ten logits."""
    widths = (3, *channels)
    last = (size >> len(channels)) ** 2 * channels[-1]

    def init(key: Array) -> Any:
        keys = jax.random.split(key, len(widths))
        layers = [
            {"w": _he(keys[at], (3, 3, into, out)), "b": jnp.zeros(out)}
            for at, (into, out) in enumerate(pairwise(widths))
        ]
        return {"layers": layers, "out": {"w": _he(keys[-1], (last, 10)), "b": jnp.zeros(10)}}

    def apply(params: Any, x: Array) -> Array:
        for layer in params["layers"]:
            x = jax.nn.relu(convolved(x, layer["w"], 1 if pooled else 2) + layer["b"])
            if pooled:
                high, wide = x.shape[1] // 2, x.shape[2] // 2
                x = x.reshape(len(x), high, 2, wide, 2, -1).mean((2, 4))
        return x.reshape(len(x), -1) @ params["out"]["w"] + params["out"]["b"]

    return Plain(init, apply)


def resnet(blocks: int = 3, channels: Sequence[int] = (16, 32, 64)) -> Plain:
    """He et al.'s residual network for CIFAR-10 (2016, section 4.2) of 6 · `blocks` + 2 layers.

    Normalized by the batch; where the channels grow, the shortcut is a convolution of 1 × 1 at stride 2.
    """
    plan = [
        (into if block == 0 else out, out, 2 if block == 0 and stage > 0 else 1)
        for stage, (into, out) in enumerate(zip((channels[0], *channels[:-1]), channels, strict=True))
        for block in range(blocks)
    ]

    def init(key: Array) -> Any:
        keys = iter(jax.random.split(key, 3 * len(plan) + 2))

        def layer(*shape: int) -> Any:
            return {"w": _he(next(keys), shape), "scale": jnp.ones(shape[-1]), "shift": jnp.zeros(shape[-1])}

        params: Any = {"first": layer(3, 3, 3, channels[0]), "blocks": []}
        for into, out, stride in plan:
            block = {"a": layer(3, 3, into, out), "b": layer(3, 3, out, out)}
            if stride > 1:
                block["shortcut"] = layer(1, 1, into, out)
            params["blocks"].append(block)
        return {**params, "out": {"w": _he(next(keys), (channels[-1], 10)), "b": jnp.zeros(10)}}

    def normalized(x: Array, layer: Any, stride: int = 1) -> Array:
        s = convolved(x, layer["w"], stride)
        centred = s - s.mean((0, 1, 2))
        return centred * lax.rsqrt((centred**2).mean((0, 1, 2)) + 1e-5) * layer["scale"] + layer["shift"]

    def apply(params: Any, x: Array) -> Array:
        x = jax.nn.relu(normalized(x, params["first"]))
        for block, (_, _, stride) in zip(params["blocks"], plan, strict=True):
            within = normalized(jax.nn.relu(normalized(x, block["a"], stride)), block["b"])
            around = normalized(x, block["shortcut"], stride) if stride > 1 else x
            x = jax.nn.relu(around + within)
        return x.mean((1, 2)) @ params["out"]["w"] + params["out"]["b"]

    return Plain(init, apply)


def _he(key: Array, shape: tuple[int, ...]) -> Array:
    return jax.random.normal(key, shape) * float(np.sqrt(2 / np.prod(shape[:-1])))
