"""Networks in plain JAX, of every kind of program that weight layers are found in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax

from tests.support.drawn_numbers import normal

EXAMPLES = 6


class Case(NamedTuple):
    """A network, its parameters, and the layers that it has: name, fan-in, fan-out, number of uses."""

    apply: Callable[[Any, Array], Array]
    params: Any
    x: Array
    layers: tuple[tuple[str, int, int, int], ...]
    functions: tuple[str, ...] = ()


def _normal(seed: int, *shape: int) -> Array:
    return normal(seed, *shape, std=shape[0] ** -0.5)


def _images() -> Array:
    return normal(99, EXAMPLES, 8, 8, 4)


def convolutions() -> Case:
    """With a stride, groups, a transposed convolution, with and without bias."""
    numbers = ("NHWC", "HWIO", "NHWC")
    params = {
        "a": {"w": _normal(0, 3, 3, 4, 8), "b": _normal(1, 8)},
        "b": _normal(2, 3, 3, 2, 12),
        "c": _normal(3, 2, 2, 12, 6),
        "out": _normal(4, 6, 10),
    }

    def apply(p: Any, x: Array) -> Array:
        x = lax.conv_general_dilated(x, p["a"]["w"], (2, 2), "SAME", dimension_numbers=numbers)
        x = jax.nn.relu(x + p["a"]["b"])
        x = lax.conv_general_dilated(
            x, p["b"], (1, 1), "SAME", dimension_numbers=numbers, feature_group_count=4
        )
        x = jax.nn.gelu(x)
        x = jnp.maximum(lax.conv_transpose(x, p["c"], (2, 2), "SAME", dimension_numbers=numbers), 0)
        return x.mean((1, 2)) @ p["out"]

    layers = (("a/w", 36, 72, 1), ("b", 18, 27, 1), ("c", 48, 24, 1), ("out", 6, 10, 1))
    return Case(apply, params, _images(), layers, ("relu", "gelu", "relu"))


def stacked() -> Case:
    """Residual blocks under `scan` and `checkpoint`: a layer per slice."""
    params = {
        "in": _normal(0, 256, 12),
        "blocks": {"w": _normal(1, 3, 12, 20), "b": _normal(2, 3, 20), "v": _normal(3, 3, 20, 12)},
        "out": {"w": _normal(4, 12, 10), "b": _normal(5, 10)},
    }

    def block(h: Array, p: Any) -> tuple[Array, None]:
        return h + jnp.tanh(h @ p["w"] + p["b"]) @ p["v"], None

    def apply(p: Any, x: Array) -> Array:
        h, _ = lax.scan(jax.checkpoint(block), x.reshape(len(x), -1) @ p["in"], p["blocks"])
        return h @ p["out"]["w"] + p["out"]["b"]

    inner = tuple(
        (f"blocks/{name}[{at}]", *fans, 1)
        for at in range(3)
        for name, fans in {"w": (12, 20), "v": (20, 12)}.items()
    )
    return Case(apply, params, _images(), (("in", 256, 12, 1), *inner, ("out/w", 12, 10, 1)), ("tanh",))


def recurrent(unrolled: bool = False) -> Case:
    """A recurrent network: its weights are one layer each, used at every step."""
    params = {"x": _normal(0, 32, 6), "h": _normal(1, 6, 6), "b": _normal(2, 6), "out": _normal(3, 6, 10)}

    def cell(p: Any, h: Array, x: Array) -> Array:
        return jnp.tanh(x @ p["x"] + h @ p["h"] + p["b"])

    def apply(p: Any, x: Array) -> Array:
        steps = x.reshape(len(x), 8, 32).transpose(1, 0, 2)
        h = x[:, 0, 0, :1] * jnp.zeros(6)
        if unrolled:
            for step in steps:
                h = cell(p, h, step)
        else:
            h, _ = lax.scan(lambda h, step: (cell(p, h, step), None), h, steps)
        return h @ p["out"]

    uses = 8 if unrolled else 1
    layers = (("x", 32, 6, uses), ("h", 6, 6, uses), ("out", 6, 10, 1))
    return Case(apply, params, _images(), layers, ("tanh",) * uses)


def effective_weights() -> Case:
    """Weight normalization, a low-rank update, a scaled weight, a slice, weights per head and a tied one."""
    params = {
        "v": _normal(0, 256, 16),
        "g": _normal(1, 16),
        "w": _normal(2, 16, 16),
        "down": _normal(3, 16, 2),
        "up": _normal(4, 2, 16),
        "qk": _normal(5, 16, 32),
        "heads": _normal(6, 4, 4, 10),
    }

    def apply(p: Any, x: Array) -> Array:
        h = jax.nn.silu(x.reshape(len(x), -1) @ (p["g"] * p["v"] / jnp.linalg.norm(p["v"], axis=0)))
        h = h @ (p["w"] + p["down"] @ p["up"])
        query, key = h @ p["qk"][:, :16], h @ p["qk"][:, 16:]
        h = jax.nn.softmax(query[:, None] * key[:, :, None]) @ h[:, :, None]
        h = h[..., 0] @ (0.5 * p["w"].T)
        return jnp.einsum("bhi,hio->bo", h.reshape(-1, 4, 4), p["heads"])

    layers = (
        ("v", 256, 16, 1),
        ("w", 16, 16, 1),
        ("qk[:, 0:16]", 16, 16, 1),
        ("qk[:, 16:32]", 16, 16, 1),
        ("w#2", 16, 16, 1),
        ("heads", 16, 10, 1),
    )
    return Case(apply, params, _images(), layers, ("silu",))


def gated() -> Case:
    """A gated cell, its gates cut out of two layers' outputs; one bias is a gate's, one that of a sum."""
    params = {
        "x": _normal(0, 32, 12),
        "h": _normal(1, 6, 12),
        "both": _normal(2, 12),
        "gate": _normal(3, 6),
        "z": _normal(4, 6, 6),
        "out": _normal(5, 6, 10),
    }

    def cell(p: Any, h: Array, x: Array) -> Array:
        left, right = x @ p["x"], h @ p["h"]
        keep = jax.nn.sigmoid((left + right + p["both"])[:, :6])
        return keep * h + (1 - keep) * jnp.tanh(left[:, 6:] + keep * (right[:, 6:] + p["gate"]))

    def apply(p: Any, x: Array) -> Array:
        steps = x.reshape(len(x), 8, 32).transpose(1, 0, 2)
        h, _ = lax.scan(lambda h, step: (cell(p, h, step), None), jnp.zeros((len(x), 6)), steps)
        return jax.nn.relu(h @ p["z"]) @ p["out"]

    layers = (("x", 32, 12, 1), ("h", 6, 12, 1), ("z", 6, 6, 1), ("out", 6, 10, 1))
    return Case(apply, params, _images(), layers, ("sigmoid", "tanh", "relu"))


def indexed() -> Case:
    """Stacked weights that a loop picks by a counter: once `fori_loop`'s, once a scan's."""
    params = {"in": _normal(0, 256, 12), "a": _normal(1, 3, 12, 12), "b": _normal(2, 2, 12, 12)}
    params |= {"c": _normal(3, 2, 12), "out": _normal(4, 12, 10)}

    def apply(p: Any, x: Array) -> Array:
        h = lax.fori_loop(0, 3, lambda i, h: h + jnp.tanh(h @ p["a"][i]), x.reshape(len(x), -1) @ p["in"])
        h, _ = lax.scan(lambda h, i: (jax.nn.relu(h @ p["b"][i] + p["c"][i]), None), h, jnp.arange(2))
        return h @ p["out"]

    picked = tuple(
        (f"{name}[{at}]", 12, 12, 1) for name, rounds in (("a", 3), ("b", 2)) for at in range(rounds)
    )
    layers = (("in", 256, 12, 1), *picked, ("out", 12, 10, 1))
    return Case(apply, params, _images(), layers, ("tanh", "relu"))


CASES = {
    "gated": gated,
    "indexed": indexed,
    "convolutions": convolutions,
    "stacked": stacked,
    "recurrent": recurrent,
    "unrolled": lambda: recurrent(unrolled=True),
    "effective weights": effective_weights,
}
