"""Makes a user's network ready to be looked at; whatever is wrong with it becomes an error of one line."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from pydantic import ValidationError

from xavier_cli.nn.adapters.network import Mode, UnknownNetworkError, UserNetwork, adapt
from xavier_cli.nn.inspection.description import describe, fixed_of
from xavier_cli.nn.inspection.first_pass import QUICK, first_pass, numbers_of
from xavier_cli.nn.inspection.logits import check_logits, what_would_fit
from xavier_cli.nn.programs.layers import WeightLayer, gather
from xavier_cli.nn.programs.rewriting import Convolution
from xavier_cli.nn.programs.taps import TappedNetwork, named_leaves, tap
from xavier_cli.nn.programs.weight_layers import OF_COMPLEX
from xavier_cli.nn.user_functions import refuse_callbacks
from xavier_cli.vocabulary.network_info import NetworkInfo
from xavier_cli.vocabulary.user_code import guarded
from xavier_cli.vocabulary.user_functions import UserFunctionError, short_name

_TRIED = 8
"""On so many examples a network is tried out."""
_OTHER_BATCH = 3


@dataclass(frozen=True)
class Prepared:
    """A network ready to be looked at.

    **Attributes:** `network`; `tapped`, the program of `logits(params, x, state, key)`, `(examples, classes)`
    in float32, as it is looked at; `layers`, its weight layers in order of execution; `info`, what a run
    file keeps of it, without what its parameters were drawn from; `state` of one seed.
    """

    network: UserNetwork
    tapped: TappedNetwork
    layers: tuple[WeightLayer, ...]
    info: NetworkInfo
    state: Any


def prepare(
    make: Callable[[Array], Any],
    inputs: tuple[int, ...],
    classes: int,
    word: str,
    x: Array | None = None,
    convolution: Convolution = "xla",
) -> Prepared:
    """The network that `make(key)` returns, `word` being what the user typed for it.

    **Arguments:** `inputs`, the shape of one example; `x`, `(examples, *inputs)`, those that it is to be
    looked at on, 300 of uniform numbers in [0, 1) without them; `convolution`, how it is evaluated.

    Raises `UserFunctionError`: one line that names the word, what is wrong and the remedy.
    """
    if x is None:
        x = jax.random.uniform(jax.random.key(0), (300, *inputs))
    key = jax.random.key(0)
    few = x[:_TRIED]
    network = _adapted(make, few[:1], classes, word, key).with_convolution(convolution)
    draw = _guarded(
        word,
        jax.jit(network.init, compiler_options=QUICK),
        " fails where it draws its parameters under `jax.jit`",
    )
    _check_draws(network, word, key)
    params, state = draw(key)
    check_parameters(word, params, state)

    logits = logits_of(network)
    shapes = jax.eval_shape(lambda: (params, state))
    _try_modes(network, word, shapes, few, len(x), classes, lambda: what_would_fit(make, few, classes, key))
    tapped = guarded(word, tap)(logits, params, x, state, key)
    layers = gather(tapped.layers, tapped.applications)
    check_program(word, tapped, layers, params)
    passed = first_pass(word, logits, params, state, few, key)
    other, _ = draw(jax.random.key(1))
    notes = [*passed, *_alike(params, other)]
    try:
        info = describe(network.framework, tapped, layers, params, state, notes)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UserFunctionError(f"`{word}` cannot be described: {place}: {first['msg']}") from None
    return Prepared(network, tapped, layers, info, state)


def logits_of(network: UserNetwork) -> Callable[[Any, Array, Any, Array], Array]:
    """The function `(params, x, state, key) -> logits` `(examples, classes)`, float32, as it is looked at."""

    def logits(params: Any, x: Array, state: Any, key: Array) -> Array:
        return jnp.asarray(network.apply(params, state, x, key, "look")[0], jnp.float32)

    return logits


def _adapted(
    make: Callable[[Array], Any], example: Array, classes: int, word: str, key: Array
) -> UserNetwork:
    network: UserNetwork
    try:
        network = _guarded(word, adapt)(make, example, key)
    except UnknownNetworkError:
        raise
    except UserFunctionError as error:
        if re.search(rf"TypeError: ([\w<>]+\.)*{short_name(word)}(\.__init__|\.__new__)?\(\) ", str(error)):
            raise UserFunctionError(
                f"{error}; of the words `inputs`, `classes`, `act`, `key` and `rngs` it gets those that it "
                f"has parameters for, others as `{word}:KEY=VALUE`"
            ) from None
        raise _explained(error, what_would_fit(make, example, classes, key)) from None
    return network


def _guarded(word: str, function: Callable[..., Any], doing: str = " fails") -> Callable[..., Any]:
    """`function`, whose errors are of one line and name `word`."""
    call = guarded(word, function, doing)

    def named(*arguments: Any) -> Any:
        try:
            return call(*arguments)
        except UnknownNetworkError as error:
            raise UnknownNetworkError(f"`{word}`: {error}") from None

    return named


def _explained(error: UserFunctionError, remedy: str) -> UserFunctionError:
    """The error with its remedy, also where code asks for a number while it is compiled."""
    if not remedy and re.search(r"Tracer\w*Error|ConcretizationTypeError", str(error)):
        remedy = (
            "; it is compiled by `jax.jit`: use JAX's functions alone, `jnp.where` or `lax.cond` for `if`"
        )
    if not remedy and re.search(r"TypeError: .*\(\) (missing|takes|got an unexpected)", str(error)):
        remedy = (
            "; parameters are drawn by the key alone, and the network is called on the examples alone, with "
            "a switch such as `train` where it has one"
        )
    return UserFunctionError(f"{error}{remedy}")


def _check_draws(network: UserNetwork, word: str, key: Array) -> None:
    """Refuse what draws in Python, or by other numbers each time."""
    trace = _guarded(word, jax.make_jaxpr(network.init), " fails where it draws its parameters")
    try:
        first = trace(key)
    except UserFunctionError as error:
        raise _explained(error, "") from None
    refuse_callbacks(word, first)
    if numbers_of(first) != numbers_of(jax.make_jaxpr(lambda key: network.init(key))(key)):
        raise UserFunctionError(
            f"`{word}`: it draws other parameters each time it is called with the same key; draw from the "
            "key, as `jax.random` does"
        )


def check_parameters(word: str, params: Any, state: Any) -> None:
    """Refuse parameters that cannot be looked at."""
    leaves = named_leaves(params)
    for name, leaf in [*leaves, *named_leaves(fixed_of(state))]:
        if jnp.issubdtype(leaf.dtype, jnp.complexfloating):
            raise UserFunctionError(
                f"`{word}`: its parameter `{name}` is {leaf.dtype}: complex numbers are not supported; "
                "keep real and imaginary parts as two parameters"
            )
    if not leaves:
        fixed = [f"`{name}` {leaf.dtype}" for name, leaf in named_leaves(fixed_of(state))]
        told = f", which are to be real numbers, only {', '.join(fixed[:3])}" if fixed else ""
        raise UserFunctionError(f"`{word}`: it has no parameters to be trained{told}")


def _try_modes(
    network: UserNetwork,
    word: str,
    numbers: Any,
    few: Array,
    examples: int,
    classes: int,
    what_fits: Callable[[], str],
) -> None:
    """Run it as it is looked at, trained and used, for two sizes of batch, without computing anything."""
    key = jax.random.key(0)
    ways: list[tuple[Mode, int, str]] = [
        ("look", examples, ""),
        ("train", examples, " in training"),
        ("evaluate", _OTHER_BATCH, f" in use, for {_OTHER_BATCH} examples"),
    ]
    for mode, batch, when in ways:
        x = jax.ShapeDtypeStruct((batch, *few.shape[1:]), few.dtype)

        def apply(params: Any, state: Any, x: Array, mode: Mode = mode) -> Any:
            return network.apply(params, state, x, key, mode)[0]

        try:
            answer = _guarded(word, jax.eval_shape, f" fails{when}")(apply, *numbers, x)
        except UnknownNetworkError:
            raise
        except UserFunctionError as error:
            remedy = what_fits()
            as_many = jax.ShapeDtypeStruct((examples, *few.shape[1:]), few.dtype)
            if not remedy and mode == "evaluate" and _runs(word, apply, *numbers, as_many):
                remedy = "; take the number of examples from `len(x)`"
            if not remedy and network.framework == "Equinox":
                remedy = f"; in Equinox it is called on one example at a time, here of shape {few.shape[1:]}"
            raise _explained(error, remedy) from None
        check_logits(word, answer, batch, classes, what_fits)


def _runs(word: str, apply: Callable[..., Any], *shapes: Any) -> bool:
    try:
        _guarded(word, jax.eval_shape, "")(apply, *shapes)
    except UserFunctionError:
        return False
    return True


def check_program(word: str, tapped: TappedNetwork, layers: tuple[WeightLayer, ...], params: Any) -> None:
    """Refuse a network without weight layers."""
    if layers:
        return
    if any(each.operation == OF_COMPLEX for each in tapped.unseen):
        raise UserFunctionError(
            f"`{word}`: it has no weight layer of real numbers: products of complex numbers are not looked at"
            "; multiply by real and imaginary parts as two layers"
        )
    if tapped.unseen:
        operations = " and ".join(f"`{each}`" for each in dict.fromkeys(u.operation for u in tapped.unseen))
        raise UserFunctionError(
            f"`{word}`: all its weight layers are within {operations}, where they cannot be tapped; use "
            "`lax.scan`, or `lax.fori_loop` with a fixed number of rounds"
        )
    names = [f"`{name}` {tuple(leaf.shape)}" for name, leaf in named_leaves(params)]
    told = ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
    raise UserFunctionError(
        f"`{word}`: it has no weight layer: nothing that depends on the example is multiplied by a matrix or "
        f"kernel of its parameters ({told})"
    )


def _alike(params: Any, other: Any) -> list[str]:
    """What is to be said of parameters that are not constant, and yet the same for two keys."""
    alike, drawn = [], 0
    # In NumPy, which has nothing to compile for every shape.
    pairs = zip(named_leaves(jax.device_get(params)), named_leaves(jax.device_get(other)), strict=True)
    for (name, one), (_, two) in pairs:
        if one.size and np.any(one != one.ravel()[0]):
            drawn += 1
            if np.array_equal(one, two):
                alike.append(name)
    if not alike:
        return []
    if len(alike) == drawn:
        return ["It draws the same parameters whatever the key, so that all seeds are one network."]
    some = ", ".join(alike[:3]) + (f" and {len(alike) - 3} more" if len(alike) > 3 else "")
    return [f"Drawn without the key, alike for all seeds: {some}."]
