"""Parses names of networks: `mlp`, or a function that makes one, with values for its parameters.

    mlp     nets.py:resnet     nets.py:resnet:depth=20,norm=group     package.module:function
    watched:ResNet:depth=20    trained in a loop that `xavier_cli.watch` recorded; nothing here can make it

A canonical name has the values in the order of their keys. Nothing is loaded.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from xavier_cli.vocabulary.grammar import write_value
from xavier_cli.vocabulary.lookup import unknown_message
from xavier_cli.vocabulary.network_arguments import refuse_other_types
from xavier_cli.vocabulary.parameters import ParameterError, read_pairs
from xavier_cli.vocabulary.user_code import importing_beside, load_user_function
from xavier_cli.vocabulary.user_functions import UserFunctionError, short_name, user_function_word

MLP = "mlp"
"""The perceptron of the paper, the network that is not a user's."""
WATCHED = "watched"
"""Before the name of a network that somebody's own loop trained."""
AS_MADE = "network"
"""The activation and the initializer of a network as its own code has them."""
GIVEN = ("inputs", "classes", "act", "key", "rngs")
"""What the function of a network is given, where it has parameters of these names."""

_NAME = re.compile(r"([^:]+(?::[A-Za-z_]\w*)?)(?::([^:]*=.*))?", re.DOTALL)
_WHOLE = re.compile(r"[+-]?\d{1,18}")

Argument = bool | int | float | str


@dataclass(frozen=True)
class NetworkSpec:
    """A network as a user named it: the `function` that makes it, empty for `mlp`, and its `arguments`."""

    name: str
    function: str = ""
    arguments: tuple[tuple[str, Argument], ...] = ()
    is_watched: bool = False

    @property
    def is_users(self) -> bool:
        """Whether it is a user's: made by a function, or watched while its own loop trained it."""
        return bool(self.function) or self.is_watched

    @property
    def short(self) -> str:
        """The name in labels and titles: `resnet`, `resnet:depth=20`."""
        if self.is_watched:
            return self.name.removeprefix(f"{WATCHED}:")
        return short_name(self.function) + self.name[len(self.function) :] if self.function else self.name


def find_network(word: str) -> NetworkSpec:
    """The network called `word`; raises `ValueError` that says what it may be called."""
    word = word.strip()
    if word.lower() == MLP:
        return NetworkSpec(MLP)
    match = _NAME.fullmatch(word)
    is_watched = match is not None and match[1].startswith(f"{WATCHED}:")
    function = user_function_word("networks", match[1]) if match and not is_watched else None
    if match is None or (function is None and not is_watched):
        raise ValueError(_unknown(word))
    place = function or match[1]
    arguments: dict[str, Argument] = {}
    for key, text in read_pairs(f"{short_name(place)}:{match[2]}") if match[2] else ():
        if not key.isidentifier() or (key in GIVEN and not is_watched):
            told = "is given by xavier" if key in GIVEN else "is no name of a parameter"
            raise ParameterError(f"`{key}` of `{word}` {told}")
        arguments[key] = _value(text)
    written = ",".join(f"{key}={_written(arguments[key])}" for key in sorted(arguments))
    return NetworkSpec(
        f"{place}:{written}" if written else place,
        function or "",
        tuple(sorted(arguments.items())),
        is_watched,
    )


@dataclass(frozen=True)
class Maker:
    """The function of a network and what it is called with.

    **Attributes:** `word`, what stands for the function; `takes`, the names of its parameters.
    """

    word: str
    function: Callable[..., Any]
    arguments: Mapping[str, Any]
    takes: frozenset[str]

    def __call__(self, **given: Any) -> Any:
        """The network; of what is `given`, the function gets what it has parameters for.

        It may import from its own folder, as its file does.
        """
        with importing_beside(self.word):
            return self.function(
                **self.arguments, **{name: each for name, each in given.items() if name in self.takes}
            )


def load_network(spec: NetworkSpec, *, act: Any = None) -> Maker:
    """The function of `spec` with its arguments; `act`, where one was chosen, is given to it, too.

    Runs the file of the function. Raises `UserFunctionError`, also for arguments that the function has no
    parameters for, or parameters of another type, for parameters that nothing is known for, and for a network
    that was watched.
    """
    refuse_watched(spec)
    return bind_network(load_user_function(spec.function), spec, act=act)


def bind_network(function: Callable[..., Any], spec: NetworkSpec, *, act: Any = None) -> Maker:
    """`load_network` of a `function` that is there already."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        raise UserFunctionError(f"`{spec.function}` does not say which parameters it has") from None
    takes_any = any(each.kind is each.VAR_KEYWORD for each in parameters.values())
    named = {name for name, each in parameters.items() if each.kind not in _UNNAMED}
    for name, _ in spec.arguments:
        if name not in named and not takes_any:
            there = sorted(named - {*GIVEN})
            told = unknown_message("parameter", name, there) if there else f"it has no parameter `{name}`"
            raise UserFunctionError(f"`{spec.function}`: {told}")
    refuse_other_types(function, spec)
    if act is not None and "act" not in named:
        raise UserFunctionError(
            f"`{spec.function}` has no parameter `act`, so that `--act` changes nothing: leave it out"
        )
    bound: dict[str, Any] = dict(spec.arguments) | ({} if act is None else {"act": act})
    lacking = [
        name
        for name, each in parameters.items()
        if each.default is each.empty
        and each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL)
        and name not in bound
        and (name not in GIVEN or name == "act" or each.kind is each.POSITIONAL_ONLY)
    ]
    if lacking:
        raise UserFunctionError(_lacks(spec, lacking[0], named))

    return Maker(spec.function, function, bound, frozenset(named))


def refuse_watched(spec: NetworkSpec) -> None:
    """Raise `UserFunctionError` for a network that was watched: no function here makes it."""
    if spec.is_watched:
        raise UserFunctionError(
            f"`{spec.short}` was trained in a loop of its own, which `watch` recorded: xavier does not have "
            "its code, so that it can neither make it nor train it again"
        )


_UNNAMED = (
    inspect.Parameter.VAR_KEYWORD,
    inspect.Parameter.VAR_POSITIONAL,
    inspect.Parameter.POSITIONAL_ONLY,
)


def _lacks(spec: NetworkSpec, name: str, named: set[str]) -> str:
    if name == "act":
        return f"`{spec.function}` needs its parameter `act`: choose one by `--act`"
    if name not in named:
        return f"`{spec.function}` takes `{name}` by position alone: xavier gives arguments by name"
    return (
        f"`{spec.function}` needs its parameter `{name}`: give it a value, "
        f"`{spec.name}{',' if spec.arguments else ':'}{name}=VALUE`; xavier knows {', '.join(GIVEN)}"
    )


def _unknown(word: str) -> str:
    if re.fullmatch(r".+\.py", word):
        return f"should name the function that makes the network: `{word}:FUNCTION`"
    return (
        f"unknown network `{word[:80]}`: `{MLP}`, `FILE.py:FUNCTION[:KEY=VALUE,…]`, "
        "`package.module:FUNCTION`, or an entry point of the group `xavier.networks`"
    )


def _value(text: str) -> Argument:
    known = {"true": True, "false": False}
    if text.lower() in known:
        return known[text.lower()]
    if _WHOLE.fullmatch(text):
        return int(text)
    try:
        return float(text)
    except ValueError:
        return text


def _written(value: Argument) -> str:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else write_value(value)
