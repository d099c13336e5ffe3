"""Tries out an optimizer of the user's own before anything is compiled."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from xavier_cli.nn.mlp import Dense
from xavier_cli.nn.own import run, traced
from xavier_cli.own import OwnFunctionError, load_own

_EXPECTED = "an optimizer takes the learning rate and returns an init and an update, as optax's do"


def own_optimizer(word: str) -> Callable[[Any], Any]:
    """The function that `word` names, tried out on two small layers; raises `OwnFunctionError`.

    It takes a learning rate and returns what has `init(params)` and `update(gradient, state, params)`.
    """
    return _tried(load_own(word), word)


@cache
def _tried(make: Callable[[Any], Any], word: str) -> Callable[[Any], Any]:
    params = (Dense(jnp.ones((6, 4)), jnp.zeros(4)), Dense(jnp.ones((4, 2)), jnp.zeros(2)))

    def begin(lr: Any) -> Any:
        return make(lr).init(params)

    def step(lr: Any, state: Any) -> Any:
        # Twice: what a state begins as may not be what it becomes.
        for _ in range(2):
            changes, state = make(lr).update(params, state, params)
        return changes, state

    lr = jnp.float32(0.01)
    state = traced(word, _EXPECTED, begin, lr)
    returned = traced(word, _EXPECTED, step, lr, state)
    for what, got, wanted in zip(("update", "state"), returned, (params, state), strict=True):
        if _form(got) != _form(wanted):
            like = "as its parameters are" if what == "update" else "as its first one was"
            raise OwnFunctionError(f"`{word}`: its {what} is not of the shapes and types {like}")
    first, other = (run(word, partial(jax.jit(begin), rate)) for rate in (lr, 2 * lr))
    if not all(map(np.array_equal, jax.tree.leaves(first), jax.tree.leaves(other))):
        raise OwnFunctionError(
            f"`{word}`: its first state depends on the learning rate, which moves with the schedule"
        )
    changes, _ = run(word, lambda: jax.jit(step)(lr, first))
    if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(changes)):
        raise OwnFunctionError(f"`{word}`: it makes numbers that are not finite out of gradients of 0 and 1")
    return make


def _form(tree: Any) -> Any:
    return jax.tree.structure(tree), [(leaf.shape, leaf.dtype) for leaf in jax.tree.leaves(tree)]
