"""Defines what a network of any framework is turned into: first values, and a pure function of them."""

from __future__ import annotations

import inspect
import re
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from jax import Array, default_backend

from xavier_cli.nn.programs.program import written_numbers
from xavier_cli.nn.programs.rewriting import Convolution, resolve_convolution, rewritten
from xavier_cli.vocabulary.error_line import one_line
from xavier_cli.vocabulary.user_functions import UserFunctionError

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

    def with_convolution(self, choice: Convolution, merges_products: bool = False) -> UserNetwork:
        """The same network with its convolutions, and their gradients, evaluated as `choice` says here.

        `merges_products` as for `rewritten`.
        """
        if resolve_convolution(choice, default_backend()) == "xla":
            return self

        def apply(params: Any, state: Any, x: Array, key: Array | None, mode: Mode) -> tuple[Array, Any]:
            answer: tuple[Array, Any] = rewritten(partial(self.apply, mode=mode), choice, merges_products)(
                params, state, x, key
            )
            return answer

        return replace(self, apply=apply)


FIXED = "fixed"
"""Where the state of a network holds parameters that are not trained, such as integers."""


class UnknownNetworkError(UserFunctionError):
    """What a function returned is no network of any known kind; the message says what it is."""


class _Framework(NamedTuple):
    """The room that knows a framework, its package, and the version that it was last tested with."""

    room: str
    package: str
    tested: str
    is_drawn_when_made: bool = False


# By the module that a framework's classes live in.
_FRAMEWORKS = {
    "flax.linen": _Framework("linen", "flax", "0.12.8"),
    "flax.nnx": _Framework("nnx", "flax", "0.12.8", is_drawn_when_made=True),
    "equinox": _Framework("equinox", "equinox", "0.13.8", is_drawn_when_made=True),
    "haiku": _Framework("haiku", "dm-haiku", "0.0.17"),
}
_FUNCTIONS = _Framework("functions", "jax", "0.10.2")


def adapt(make: Callable[[Array], Any], example: Array, key: Array) -> UserNetwork:
    """The network that `make(key)` returns, once for every seed where it is drawn as it is made.

    **Arguments:** `example`, inputs of shape `(1, *inputs)`, arrays or shapes.

    Raises `UnknownNetworkError`.
    """
    abstract: list[UserNetwork] = []

    def adapt_without_numbers(key: Array) -> None:
        made = make(key)
        framework = framework_of(made)
        if framework is not None and framework.is_drawn_when_made:
            abstract.append(adapted(framework, make, made, example))

    # Operation by operation, a network that is drawn as it is made would take long to compile.
    jax.eval_shape(adapt_without_numbers, key)
    if not abstract or not _stands_alone(abstract[0], example, key):
        made = make(key)
        framework = framework_of(made)
        if framework is None:
            raise UnknownNetworkError(_refusal(made))
        abstract = [adapted(framework, make, made, example)]
    return without_integers(abstract[0], key)


def _stands_alone(network: UserNetwork, example: Array, key: Array) -> bool:
    """Whether the network holds no array that was made with it, as a function with a table does."""

    def used(key: Array) -> Any:
        return network.apply(*network.init(key), example, key, "evaluate")

    try:
        program = jax.make_jaxpr(used)(key)
    except jax.errors.UnexpectedTracerError:
        return False
    except Exception:  # The network's own, which is reported when it is tried.
        return True
    numbers = written_numbers(program.jaxpr, program.consts)
    return not any(isinstance(each, jax.core.Tracer) for each in numbers)


def adapted(framework: _Framework, make: Callable[[Array], Any], made: Any, example: Array) -> UserNetwork:
    """The network that the framework's room makes of `made`, which `make(key)` returned."""
    load = _blaming_version(framework, import_module)
    room = load(f"xavier_cli.nn.adapters.{framework.room}")
    network: UserNetwork = _blaming_version(framework, room.adapt)(make, made, example)
    init, apply = (_blaming_version(framework, each) for each in (network.init, network.apply))
    return UserNetwork(network.framework, init, apply)


def _blaming_version(framework: _Framework, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function` of an adapter, which may ask for what another version of the framework does not have."""

    def call(*arguments: Any, **options: Any) -> Any:
        try:
            return function(*arguments, **options)
        except (ImportError, AttributeError) as error:
            if not _is_asked_here(error):
                raise
            package, tested = framework.package, framework.tested
            raise UnknownNetworkError(
                f"{package} {version(package)} lacks what is needed ({one_line(error)}); known to work is "
                f"{tested}: `pip install {package}=={tested}`"
            ) from None

    return call


def _is_asked_here(error: BaseException) -> bool:
    """Whether it was an adapter that asked for what is not there, not the user's code."""
    (*_, (last, _)) = traceback.walk_tb(error.__traceback__)
    return Path(last.f_code.co_filename).parent == Path(__file__).parent


def without_integers(network: UserNetwork, key: Array) -> UserNetwork:
    """`network` with parameters that are no real numbers as state, since these cannot be trained."""
    try:
        shapes, _ = jax.eval_shape(network.init, key)
    except TypeError as error:
        if "valid JAX type" not in str(error):
            raise
        told = re.search(r"value of type (\S+ '[^']*'>?|\S+)", str(error))
        held = f", not {told[1]}" if told else ""
        raise UnknownNetworkError(f"its parameters and state are to be arrays and numbers{held}") from None
    if all(jnp.issubdtype(leaf.dtype, jnp.inexact) for leaf in jax.tree.leaves(shapes)):
        return network

    def split(params: Any) -> tuple[Any, Any]:
        def part(is_trained: bool) -> Any:
            return jax.tree.map(
                lambda leaf: (
                    leaf if jnp.issubdtype(jnp.result_type(leaf), jnp.inexact) == is_trained else None
                ),
                params,
            )

        return part(True), part(False)

    def init(key: Array) -> tuple[Any, Any]:
        params, state = network.init(key)
        trained, fixed = split(params)
        return trained, {FIXED: fixed, "state": state}

    def apply(params: Any, state: Any, x: Array, key: Array | None, mode: Mode) -> tuple[Array, Any]:
        whole = jax.tree.map(
            lambda trained, fixed: fixed if trained is None else trained,
            params,
            state[FIXED],
            is_leaf=lambda each: each is None,
        )
        logits, moved = network.apply(whole, state["state"], x, key, mode)
        return logits, {FIXED: state[FIXED], "state": moved}

    return UserNetwork(network.framework, init, apply)


def framework_of(made: Any) -> _Framework | None:
    """The framework that a network is of; None where it is none."""
    if inspect.isclass(made):
        return None
    # Equinox's networks with state are a pair; other frameworks' are one object.
    stated = made[0] if type(made) is tuple and len(made) == 2 else made
    for each in (made, stated):
        for base in type(each).__mro__:
            for module, framework in _FRAMEWORKS.items():
                is_of = base.__module__ == module or base.__module__.startswith(module + ".")
                has_state = framework.room == "equinox" and each is not made and not callable(made[1])
                if is_of and (each is made or has_state):
                    return framework
    is_pair = isinstance(made, tuple) and len(made) == 2 and all(map(callable, made))
    return _FUNCTIONS if is_pair and not any(map(inspect.isclass, made)) else None


def _refusal(made: Any) -> str:
    if inspect.isclass(made):
        return f"it returns the class {made.__name__}: call it, so that it returns a network"
    if inspect.isfunction(made):
        return (
            "it returns a function alone: return `(init, apply)`, of which `init(key)` gives the parameters, "
            "or Haiku's `hk.transform` of it"
        )
    named = type(made).__name__
    if isinstance(made, tuple):
        named = f"a tuple ({', '.join(type(each).__name__ for each in made)})"
    return (
        f"it returns {named}, which is no network: return `(init, apply)`, or a module of Flax, Equinox, "
        "Haiku or PyTorch"
    )


def refuse_other_arguments(function: Callable[..., Any], call: str, *given: Any, **named: Any) -> None:
    """Raise `UnknownNetworkError` where `function` cannot be called with what is `given`, as in `call`."""
    try:
        inspect.signature(function).bind(*given, **named)
    except TypeError as error:
        raise UnknownNetworkError(f"it is called as `{call}`, and does not take that: {error}") from None
    except ValueError:  # built in, without a signature
        pass


SWITCHES = {
    "train": True,
    "training": True,
    "is_training": True,
    "deterministic": False,
    "use_running_average": False,
    "eval": False,
    "inference": False,
}
"""What networks call the switch between training and use -> its value in training."""


def switches_of(function: Callable[..., Any]) -> dict[str, bool]:
    """The switches between training and use that `function` takes, by their value in training."""
    found = {name: SWITCHES[name] for name in taken_by(function, *SWITCHES)}
    return {} if len(found) == len(SWITCHES) else found  # any keyword: nobody knows which


def switched(switches: Mapping[str, bool], mode: Mode) -> dict[str, bool]:
    """The switches as `mode` has them."""
    return {name: training == (mode != "evaluate") for name, training in switches.items()}


def taken_by(function: Callable[..., Any], *names: str) -> list[str]:
    """Those of `names` that `function` has parameters for, all of them if it takes any keyword."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):  # built in, without one
        return []
    if any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        return [*names]
    return [name for name in names if name in parameters]
