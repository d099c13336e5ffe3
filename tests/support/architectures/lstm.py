"""A classifier of images by an LSTM over their rows (Hochreiter & Schmidhuber 1997)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

UNITS = 20


def haiku() -> Callable[[Any], Any]:
    """In Haiku, whose LSTM has one matrix for input and state together."""
    import haiku as hk

    def network(x: Any) -> Any:
        cell = hk.LSTM(UNITS)
        rows = x.reshape(*x.shape[:2], -1)
        outputs, _ = hk.dynamic_unroll(cell, rows, cell.initial_state(len(x)), time_major=False)
        return hk.Linear(10)(outputs[:, -1])

    return lambda key: hk.without_apply_rng(hk.transform(network))


def equinox() -> Callable[[Any], Any]:
    """In Equinox, by its cell in a `scan`."""
    import equinox as eqx

    class Network(eqx.Module):
        cell: Any
        head: Any

        def __init__(self, key: Any):
            first, last = jax.random.split(key)
            self.cell = eqx.nn.LSTMCell(96, UNITS, key=first)
            self.head = eqx.nn.Linear(UNITS, 10, key=last)

        def __call__(self, x: Any) -> Any:
            zero = jnp.zeros(UNITS)
            (h, _), _ = jax.lax.scan(
                lambda state, row: (self.cell(row, state), None), (zero, zero), x.reshape(len(x), -1)
            )
            return self.head(h)

    return lambda key: Network(key)
