"""Reads, checks and writes the parameters in `name:key=value,…`, for every kind of name."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from xavier_cli.errors import ExitCode, XavierError
from xavier_cli.vocabulary.entry import Parameter, Value
from xavier_cli.vocabulary.grammar import write_value
from xavier_cli.vocabulary.lookup import unknown_message


class ParameterError(XavierError, ValueError):
    """An unknown parameter or a value out of bounds; the message says what is accepted."""

    exit_code = ExitCode.USAGE


def read_name(text: str) -> str:
    """The name in `name:key=value,…`, without parameters."""
    return text.partition(":")[0].strip()


def read_pairs(text: str, wrong: Callable[[str], str] | None = None) -> Iterator[tuple[str, str]]:
    """Yield key and text of each value in `name:key=value,…`.

    Raises `ParameterError` for a part that is no pair; its message is `wrong(part)` where `wrong` is given.
    """
    text = text.strip()
    _, colon, rest = text.partition(":")
    seen = set()
    for part in rest.split(",") if colon else ():
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not (key and equals and value):
            like = f"`{text}` should be like `name:key=value,key=value`"
            raise ParameterError(wrong(part.strip()) if wrong else like)
        if key in seen:
            raise ParameterError(f"`{text}` sets `{key}` twice")
        seen.add(key)
        yield key, value


def read_parameters(
    name: str, parameters: Sequence[Parameter], given: Iterable[tuple[str, str]], if_none: str = ""
) -> dict[str, Value]:
    """The values of the `parameters` of `name` that the texts in `given` set; raises `ParameterError`.

    The message includes the parameter's description where its row has one; `if_none`, where given, is the
    message for a name without parameters.
    """
    by_name = {each.name: each for each in parameters}
    values: dict[str, Value] = {}
    for key, text in given:
        if key not in by_name:
            raise ParameterError(if_none if if_none and not parameters else _unknown(name, key, parameters))
        value = by_name[key].read(text)
        if value is None:
            raise ParameterError(_complaint(name, by_name[key], text))
        values[key] = value
    return values


def write_word(name: str, settings: Mapping[str, Value]) -> str:
    """The canonical text of `name` with `settings`, in their order."""
    written = ",".join(f"{key}={write_value(value)}" for key, value in settings.items())
    return f"{name}:{written}" if written else name


def changed(values: Mapping[str, Value], parameters: Iterable[Parameter]) -> dict[str, Value]:
    """Those of `values` that are not defaults; canonical text holds only these."""
    usual = {each.name: each.default for each in parameters}
    return {key: value for key, value in values.items() if value != usual[key]}


def _unknown(name: str, key: str, parameters: Sequence[Parameter]) -> str:
    if parameters and not any(each.about for each in parameters):
        return unknown_message(f"parameter of {name}", key, [each.name for each in parameters])
    known = f"it has {', '.join(each.name for each in parameters)}" if parameters else "it has no parameters"
    return f"unknown parameter `{key}` of `{name}`: {known}"


def _complaint(name: str, parameter: Parameter, text: str) -> str:
    if parameter.about:
        return (
            f"`{parameter.name}` of `{name}`, {parameter.about}, should be {parameter.allowed}, "
            f"not `{text[:40]}`"
        )
    return f"{parameter.name} should be {_short(parameter, text)}"


def _short(parameter: Parameter, text: str) -> str:
    """A short message that names the bound which `text` breaks."""
    if parameter.choices:
        return " or ".join(parameter.choices)
    try:
        value = float(text)
    except ValueError:
        return f"a number, not `{text[:40]}`"
    if not math.isfinite(value) or not parameter.low <= value <= parameter.high:
        return f"a number from {parameter.low:g} to {parameter.high:g}".replace("e+0", "e")
    if value == parameter.low and parameter.above:
        return f"above {parameter.low:g}"
    return f"at least {parameter.low:g} and below {parameter.below:g}"
