"""Defines what a network of any framework is turned into: first values, and a pure function of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from typing import Any, Literal, Protocol

from jax import Array, default_backend

from xavier_cli.errors import ExitCode, XavierError
from xavier_cli.nn.programs.rewriting import Convolution, resolve_convolution, rewritten

Mode = Literal["look", "train", "evaluate"]
"""How a network is run: as it trains, but with nothing dropped and its state unmoved; as it trains; as it is
used, with running averages and nothing dropped."""


class Apply(Protocol):
    """`(params, state, x, key, mode) -> (logits, state)`."""

    def __call__(self, params: Any, state: Any, x: Array, key: Array | None, mode: Mode) -> tuple[Array, Any]:
        """Logits of the examples `x` `(batch, *inputs)`, and the state after them."""


@dataclass(frozen=True)
class UserNetwork:
    """A network of a user's: trees of arrays and pure functions.

    `init(key)` gives parameters and state; `apply` as in `Apply`. `framework` is its name as people write it.
    """

    framework: str
    init: Callable[[Array], tuple[Any, Any]]
    apply: Apply

    def with_convolution(self, choice: Convolution) -> UserNetwork:
        """The same network with its convolutions, and their gradients, evaluated as `choice` says here."""
        if resolve_convolution(choice, default_backend()) == "xla":
            return self

        def apply(params: Any, state: Any, x: Array, key: Array | None, mode: Mode) -> tuple[Array, Any]:
            answer: tuple[Array, Any] = rewritten(partial(self.apply, mode=mode), choice)(
                params, state, x, key
            )
            return answer

        return replace(self, apply=apply)


class UnknownNetworkError(XavierError, ValueError):
    """What a function returned is no network of any known kind; the message says what it is."""

    exit_code = ExitCode.USAGE


# The module that a framework's classes live in -> the room that knows it.
_ROOMS = {
    "flax.linen": "linen",
    "flax.nnx": "nnx",
    "equinox": "equinox",
    "haiku": "haiku",
}


def adapt(make: Callable[[Array], Any], example: Array, key: Array) -> UserNetwork:
    """The network that `make(key)` returns, once for every seed where it is drawn as it is made.

    **Arguments:** `example`, inputs of shape `(1, *inputs)`, arrays or shapes.

    Raises `UnknownNetworkError`.
    """
    made = make(key)
    room = _room(made)
    if room is None:
        raise UnknownNetworkError(_refusal(made))
    network: UserNetwork = import_module(f"xavier_cli.nn.adapters.{room}").adapt(make, made, example)
    return network


def _room(made: Any) -> str | None:
    for each in (made, *made) if type(made) is tuple else (made,):
        for base in type(each).__mro__:
            for module, room in _ROOMS.items():
                if base.__module__ == module or base.__module__.startswith(module + "."):
                    return room
    is_pair = isinstance(made, tuple) and len(made) == 2 and all(map(callable, made))
    return "functions" if is_pair else None


def _refusal(made: Any) -> str:
    if inspect.isclass(made):
        return f"it returns the class {made.__name__}: call it, so that it returns a network"
    named = type(made).__name__
    return (
        f"it returns {named}, which is no network: return `(init, apply)`, or a module of Flax, Equinox, "
        "Haiku or PyTorch"
    )


def taken_by(function: Callable[..., Any], *names: str) -> list[str]:
    """Those of `names` that `function` has parameters for, all of them if it takes any keyword."""
    parameters = inspect.signature(function).parameters
    if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        return [*names]
    return [name for name in names if name in parameters]
