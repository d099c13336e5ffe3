"""Says which argument of a network's function is wrong: by its annotation, or because it runs without it."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from xavier_cli.vocabulary.grammar import write_value
from xavier_cli.vocabulary.user_functions import UserFunctionError

if TYPE_CHECKING:
    from xavier_cli.vocabulary.networks import Maker, NetworkSpec

Made = TypeVar("Made")

# What arguments may be, as people say it. Text is anything that is typed.
_IN_WORDS: Mapping[type, str] = {bool: "true or false", int: "a whole number", float: "a number"}


def refuse_other_types(function: Callable[..., Any], spec: NetworkSpec) -> None:
    """Raise `UserFunctionError` for an argument that is not of the type its parameter is annotated with.

    Only truth values, numbers and choices (`Literal`) are judged, and unions of these.
    """
    try:
        annotated = typing.get_type_hints(function)
    except Exception:  # Names that are there for a type checker alone, or no function.
        return
    for name, value in spec.arguments:
        if name in annotated and not _is_of(annotated[name], value):
            wanted = " or ".join(_words(annotated[name]))
            raise UserFunctionError(
                f"`{spec.function}`: `{name}` should be {wanted}, not `{write_value(value)}`"
            )


def _is_of(annotation: Any, value: Any) -> bool:
    """Whether `value` may be what `annotation` says; an annotation of another kind says nothing."""
    if typing.get_origin(annotation) is typing.Literal:
        return value in typing.get_args(annotation)
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return any(_is_of(each, value) for each in typing.get_args(annotation) if each is not type(None))
    if annotation not in _IN_WORDS:
        return True
    if isinstance(value, bool):
        return annotation is bool
    return isinstance(value, (int, float) if annotation is float else annotation)


def _words(annotation: Any) -> list[str]:
    if typing.get_origin(annotation) is typing.Literal:
        return [f"`{each}`" for each in typing.get_args(annotation)]
    if annotation in _IN_WORDS:
        return [_IN_WORDS[annotation]]
    return [words for each in typing.get_args(annotation) for words in _words(each)]


def blaming_arguments(maker: Maker, word: str, run: Callable[[Maker], Made]) -> Made:
    """What `run(maker)` returns, which makes the network `word` and tries it out.

    Where it fails, it is tried with the default of one argument after another. Raises `UserFunctionError`,
    which names the argument and its default where that alone was wrong.
    """
    try:
        return run(maker)
    except UserFunctionError as error:
        defaults = inspect.signature(maker.function).parameters
        for name, value in maker.arguments.items():
            default = defaults[name].default if name in defaults else inspect.Parameter.empty
            if default is inspect.Parameter.empty or not isinstance(value, bool | int | float | str):
                continue
            try:
                run(replace(maker, arguments={k: v for k, v in maker.arguments.items() if k != name}))
            except Exception:
                continue
            raise UserFunctionError(_wrong(maker.word, word, name, value, default, error)) from None
        raise


def _wrong(function: str, word: str, name: str, value: Any, default: Any, error: Exception) -> str:
    is_plain = isinstance(default, bool | int | float | str)
    usual = f"its default `{write_value(default)}`" if is_plain else "its default"
    wanted = _IN_WORDS.get(type(default))
    if wanted and isinstance(value, str):
        return f"`{function}`: `{name}` should be {wanted}, like {usual}, not `{value}`"
    why = str(error).removeprefix(f"`{word}`")
    return f"`{function}` with `{name}={write_value(value)}`{why}; with {usual} it runs"
