"""Convolutional networks in plain JAX: a small one, and the residual networks of CIFAR-10."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from tests.support.drawn_numbers import normals_by_key


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
        shapes = [*((3, 3, into, out) for into, out in pairwise(widths)), (last, 10)]
        *layers, out = ({"w": w, "b": jnp.zeros(w.shape[-1])} for w in _he(key, shapes))
        return {"layers": layers, "out": out}

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
        shapes: Any = {"first": (3, 3, 3, channels[0]), "blocks": []}
        for into, out, stride in plan:
            block = {"a": (3, 3, into, out), "b": (3, 3, out, out)}
            shapes["blocks"].append(block | ({"shortcut": (1, 1, into, out)} if stride > 1 else {}))
        leaves, tree = jax.tree.flatten(shapes, is_leaf=lambda each: isinstance(each, tuple))
        *layers, out = _he(key, [*leaves, (channels[-1], 10)])
        params = jax.tree.unflatten(
            tree,
            [{"w": w, "scale": jnp.ones(w.shape[-1]), "shift": jnp.zeros(w.shape[-1])} for w in layers],
        )
        return {**params, "out": {"w": out, "b": jnp.zeros(10)}}

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


def _he(key: Array, shapes: Sequence[tuple[int, ...]]) -> list[Array]:
    return [w * float(np.sqrt(2 / np.prod(w.shape[:-1]))) for w in normals_by_key(key, *shapes)]
