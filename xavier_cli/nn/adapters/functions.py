"""Adapts a pair of functions: `init(key) -> params`, `apply(params, x) -> logits`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jax import Array

from xavier_cli.nn.adapters.network import (
    Mode,
    UserNetwork,
    refuse_other_arguments,
    switched,
    switches_of,
)


def adapt(make: Callable[[Array], Any], made: Any, example: Array) -> UserNetwork:
    """The network of the pair `made`: no state, no noise."""
    init, forward = made
    switches = switches_of(forward)
    refuse_other_arguments(init, "init(key)", None)
    refuse_other_arguments(forward, "apply(params, x)", None, None, **switches)

    def apply(params: Any, state: Any, x: Array, key: Array | None, mode: Mode) -> tuple[Array, Any]:
        return forward(params, x, **switched(switches, mode)), state

    return UserNetwork("JAX", lambda key: (init(key), {}), apply)
