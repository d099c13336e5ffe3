"""Tries out a custom optimizer before anything is compiled."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from xavier_cli.nn.mlp import Dense, Params
from xavier_cli.nn.user_functions import OnceForEach, refuse_callbacks, run, traced
from xavier_cli.vocabulary.user_code import guarded, load_user_function
from xavier_cli.vocabulary.user_functions import UserFunctionError

_EXPECTED = "an optimizer takes the learning rate and returns an init and an update, as optax's do"


class UserOptimizer(NamedTuple):
    """What a custom function returns for a learning rate: optax's `GradientTransformation`."""

    init: Callable[[Params], Any]
    update: Callable[[Params, Any, Params], tuple[Params, Any]]


def user_optimizer(word: str) -> Callable[[Any], UserOptimizer]:
    """The custom optimizer that `word` names, after a trial on two small layers.

    **Returns:** `lr -> UserOptimizer`, which raises `UserFunctionError` for what the function raises later.

    Raises `UserFunctionError` where the function fails, returns other shapes than it was given, depends on
    the rate in its first state, is not finite for gradients of 0 and 1, or is not deterministic.
    """
    return _tried(load_user_function(word), word)


@OnceForEach
def _tried(make: Callable[[Any], Any], word: str) -> Callable[[Any], UserOptimizer]:
    params = (Dense(jnp.ones((6, 4)), jnp.zeros(4)), Dense(jnp.ones((4, 2)), jnp.zeros(2)))

    def begin(lr: Any) -> Any:
        return make(lr).init(params)

    def step(lr: Any, state: Any) -> Any:
        # Twice, since an update may change the state's shapes or types.
        for _ in range(2):
            changes, state = make(lr).update(params, state, params)
        return changes, state

    lr = jnp.float32(0.01)
    state = traced(word, _EXPECTED, begin, lr)
    returned = traced(word, _EXPECTED, step, lr, state)
    for what, got, wanted in zip(("update", "state"), returned, (params, state), strict=True):
        _check_form(word, what, got, wanted)
    first, other = (run(word, partial(jax.jit(begin), rate)) for rate in (lr, 2 * lr))
    if not _equal(first, other):
        raise UserFunctionError(
            f"`{word}`: its first state depends on the learning rate, which moves with the schedule"
        )
    refuse_callbacks(word, run(word, lambda: jax.make_jaxpr(step)(lr, first)))
    updated = run(word, lambda: _as_in_training(make, params, first))
    if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(updated[0])):
        raise UserFunctionError(f"`{word}`: it makes numbers that are not finite out of gradients of 0 and 1")
    if not _equal(updated, run(word, lambda: _as_in_training(make, params, first))):
        raise UserFunctionError(
            f"`{word}`: called twice for the same update, it returns different ones; what it keeps belongs "
            "in its state"
        )
    return _guarded(make, word)


def _as_in_training(make: Callable[[Any], Any], params: Params, state: Any) -> Any:
    """Parameters and state after three updates of two members under `vmap`, `scan` and a rate schedule.

    Traced again at each call, so that a function that is not deterministic is noticed.
    """

    def member(lr: Array) -> Any:
        def update(carry: tuple[Params, Any], factor: Array) -> tuple[tuple[Params, Any], None]:
            at, state = carry
            changes, state = make(lr * factor).update(params, state, at)
            return (jax.tree.map(jnp.add, at, changes), state), None

        return jax.lax.scan(update, (params, state), jnp.linspace(1.0, 0.5, 3))[0]

    return jax.jit(jax.vmap(member))(jnp.array([0.01, 0.02], jnp.float32))


def _guarded(make: Callable[[Any], Any], word: str) -> Callable[[Any], UserOptimizer]:
    def of_rate(lr: Any) -> UserOptimizer:
        begin = guarded(word, lambda params: jax.tree.map(jnp.asarray, make(lr).init(params)))
        move = guarded(word, lambda gradient, state, params: make(lr).update(gradient, state, params))

        def update(gradient: Params, state: Any, params: Params) -> tuple[Params, Any]:
            returned = move(gradient, state, params)
            if not isinstance(returned, tuple) or len(returned) != 2:
                raise UserFunctionError(f"`{word}`: its update is to return (changes, state)")
            for what, got, wanted in zip(("update", "state"), returned, (params, state), strict=True):
                _check_form(word, what, got, wanted)
            return returned

        return UserOptimizer(begin, update)

    return of_rate


def _equal(one: Any, other: Any) -> bool:
    leaves = zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True)
    return all(np.array_equal(a, b, equal_nan=True) for a, b in leaves)


def _check_form(word: str, what: str, got: Any, wanted: Any) -> None:
    if _form(got) != _form(wanted):
        like = "as its parameters are" if what == "update" else "as its first one was"
        raise UserFunctionError(f"`{word}`: its {what} is not of the shapes and types {like}")


def _form(tree: Any) -> Any:
    return jax.tree.structure(tree), [
        (getattr(leaf, "shape", None), getattr(leaf, "dtype", type(leaf))) for leaf in jax.tree.leaves(tree)
    ]
