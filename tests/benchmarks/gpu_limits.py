"""Measures the limits of the device: memory bandwidth, and each pass of an update over a layer's weights."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from gpu_session import Session, say
from jax import Array

from xavier_cli.training.bench.rates import BATCH


def bandwidth(size: int) -> dict[str, float]:
    """10⁹ bytes a second, read and written, in a + s·b and in a copy of `size` floats; medians."""
    a, b = jnp.arange(size, dtype=jnp.float32), jnp.ones(size)
    triad, copy = jax.jit(lambda a, b: a + 3 * b), jax.jit(lambda a, b: -a)
    found = {}
    for name, arrays, work in (("triad_gbytes", 3, triad), ("copy_gbytes", 2, copy)):
        jax.block_until_ready(work(a, b))
        seconds = []
        for _ in range(9):
            began = time.perf_counter()
            # Several before the wait, so that starting them hides behind those before.
            for _ in range(4):
                result = work(a, b)
            jax.block_until_ready(result)
            seconds.append((time.perf_counter() - began) / 4)
        found[name] = arrays * 4 * size / statistics.median(seconds) / 1e9
    return found


def measure_passes(session: Session, gbytes: float) -> None:
    """What an update does to one layer's weights, each pass alone: which keeps the step from its floor.

    The update in three ways: as the step has it, with the rate in the thin factor, and without a product.
    A factor changes its sign each time, or else its product would be computed once for all.
    """
    members, width, turns = (3, 40, 4) if session.tiny else (32, 1000, 100)
    rng = np.random.default_rng(0)
    w = jnp.asarray(rng.standard_normal((members, width, width)) / width**0.5, jnp.float32)
    z, delta = (jnp.asarray(rng.standard_normal((members, BATCH, width)), jnp.float32) for _ in range(2))
    rate = jnp.full((members,), 1e-6)

    def outer(w: Array, z: Array, delta: Array, lr: Array) -> Array:
        for row in range(BATCH):
            w = w - z[row, :, None] * (lr * delta[row, None, :])
        return w

    ahead = jax.vmap(lambda w, z, delta, lr: (w, jnp.tanh(z @ w), delta))
    back = jax.vmap(lambda w, z, delta, lr: (w, z, jnp.tanh(delta @ w.T)))
    ways: dict[str, tuple[int, Callable[..., Any]]] = {
        "ahead, z W": (1, ahead),
        "back, δ Wᵀ": (1, back),
        "update, W − lr (zᵀ δ)": (2, jax.vmap(lambda w, z, d, lr: (w - lr * (z.T @ d), -z, d))),
        "update, W + zᵀ (−lr δ)": (2, jax.vmap(lambda w, z, d, lr: (w + z.T @ (-lr * d), -z, d))),
        "update, row by row": (2, jax.vmap(lambda w, z, d, lr: (outer(w, z, d, lr), -z, d))),
    }
    for name, (moves, way) in ways.items():

        def loop(w: Array, z: Array, delta: Array, way: Callable[..., Any] = way) -> Any:
            return jax.lax.fori_loop(0, turns, lambda _, carry: way(*carry, rate), (w, z, delta))

        with jax.default_matmul_precision("highest"):
            program = jax.jit(loop, donate_argnums=(0, 1, 2)).lower(w, z, delta).compile()
        seconds = []
        for turn in range(4):
            arguments = jax.block_until_ready(tuple(map(jnp.copy, (w, z, delta))))
            began = time.perf_counter()
            jax.block_until_ready(program(*arguments))
            if turn:
                seconds.append((time.perf_counter() - began) / turns)
        each = statistics.median(seconds)
        floor = moves * w.nbytes / gbytes / 1e9
        found = {"ms": 1e3 * each, "share_of_floor": floor / each}
        called = f"{name}, {members} × {width}×{width}"
        session.keep("measure", f"pass {called}", found)
        say(f"{called}: {1e3 * each:.4f} ms, {100 * floor / each:.0f} % of its floor")
