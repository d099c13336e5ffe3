"""Rewrites pydantic's errors for the person who typed the setting."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pydantic_core import ErrorDetails

from xavier_cli.vocabulary import other_words
from xavier_cli.vocabulary.grammar import write_value

_LONGEST = 60

# By pydantic's type of error. The types left out cannot occur with these settings.
_WORDS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    **dict.fromkeys(("int_parsing", "int_type", "int_from_float"), lambda _: "should be a whole number"),
    "int_parsing_size": lambda _: "has too many digits",
    **dict.fromkeys(("float_parsing", "float_type"), lambda _: "should be a number"),
    "finite_number": lambda _: "should be a finite number",
    "greater_than": lambda at: f"should be above {_number(at['gt'])}",
    "greater_than_equal": lambda at: f"should be at least {_number(at['ge'])}",
    "less_than": lambda at: f"should be below {_number(at['lt'])}",
    "less_than_equal": lambda at: f"should be at most {_number(at['le'])}",
    "literal_error": lambda at: f"should be {at['expected'].replace(chr(39), '')}",
    **dict.fromkeys(("bool_parsing", "bool_type"), lambda _: "should be true or false"),
    **dict.fromkeys(("string_type", "string_unicode", "string_sub_type"), lambda _: "should be text"),
    **dict.fromkeys(("tuple_type", "list_type"), lambda _: "should be a list"),
    **dict.fromkeys(
        ("dict_type", "model_type", "model_attributes_type", "mapping_type"),
        lambda _: "should be a table of settings",
    ),
    "too_short": lambda at: f"should hold {_values('at least', at['min_length'])}",
    "too_long": lambda at: f"should hold {_values('at most', at['max_length'])}",
    "extra_forbidden": lambda _: "has an unknown key",
    "missing": lambda _: "is missing",
    "string_pattern_mismatch": lambda at: f"should be made of {_pattern(at['pattern'])}",
    "string_too_short": lambda _: "should not be empty",
    "value_error": lambda at: str(at["error"]),
}


def words(error: ErrorDetails) -> str:
    """The message that follows the name of the setting."""
    row = _WORDS.get(error["type"])
    return " ".join(row(error.get("ctx", {})).split()) if row else "is not allowed here"


def meant(field: str, error: ErrorDetails) -> str:
    """The message where another program's word was given for one of ours; empty otherwise."""
    typed = error["input"]
    is_word = error["type"] == "literal_error" and isinstance(typed, str)
    question = other_words.hint(field, typed) if is_word else ""
    return f"`{typed}` is not known: {question}" if question else ""


def given(error: ErrorDetails, typed: object = None) -> str:
    """The typed text in parentheses; empty where it is long, holds several values, or is in the message.

    The error itself holds the converted value: -1.0 for `-1`.
    """
    # The error may be about one part of a list.
    is_whole = isinstance(typed, str) and (len(error["loc"]) == 1 or not re.search("[,:]", typed))
    value = typed if is_whole else error["input"]
    if isinstance(value, float):
        value = write_value(value)
    if isinstance(value, Mapping) or (isinstance(value, int) and value.bit_length() > 1024):
        return ""
    text = str(value).lower() if isinstance(value, bool) else " ".join(str(value).split())
    return f" (got `{text}`)" if len(text) < _LONGEST and f"`{text}`" not in words(error) else ""


def clauses(errors: Sequence[ErrorDetails], typed: Mapping[str, object]) -> str:
    """What is wrong with each field that has errors, by its name: `width: should be …; lr: should be …`.

    Of several fields each is told shortly, without the list of what is known.
    """
    names, text = fields(errors), ""
    for name in names:
        error = foremost([each for each in errors if each["loc"] and str(each["loc"][0]) == name])
        clause = meant(name, error) or f"{words(error)}{given(error, typed.get(name))}"
        if len(names) > 1:
            clause = clause.partition(": known: ")[0]
        text += (" " if text.endswith("?") else "; ") * bool(text) + f"{name}: {clause}"
    return text


def foremost(errors: Sequence[ErrorDetails]) -> ErrorDetails:
    """The error to report: the first field's, and errors about a value rather than about its type.

    A setting of a number or a list of numbers fails as both, and `0` is not a list.
    """
    field = errors[0]["loc"][:1]
    of_field = [error for error in errors if error["loc"][:1] == field]
    return next((error for error in of_field if not error["type"].endswith("_type")), of_field[0])


def fields(errors: Sequence[ErrorDetails]) -> list[str]:
    """The fields that have errors, each once, in order."""
    return list(dict.fromkeys(str(error["loc"][0]) for error in errors if error["loc"]))


def _number(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}"


def _values(limit: str, count: int) -> str:
    return f"{limit} {'one value' if count == 1 else f'{count} values'}"


def _pattern(pattern: str) -> str:
    match = re.fullmatch(r"\^\[(.*)\]\*\$", pattern)
    return f"the signs {match[1]}" if match else "other signs"
