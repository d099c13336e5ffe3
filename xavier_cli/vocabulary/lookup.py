"""Finds a word in its table, by name or alias, and loads what a row names.

Standard library only, so that help and completion read it without loading anything heavy.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any, Protocol, TypeVar

from xavier_cli.errors import ExitCode, XavierError
from xavier_cli.vocabulary import other_words
from xavier_cli.vocabulary.activations import ACTIVATIONS as ACTIVATIONS
from xavier_cli.vocabulary.builtin_data import DATA_SETS as DATA_SETS
from xavier_cli.vocabulary.claims import CLAIMS as CLAIMS
from xavier_cli.vocabulary.claims import Claim as Claim
from xavier_cli.vocabulary.entry import ActivationEntry as ActivationEntry
from xavier_cli.vocabulary.entry import DataSetEntry as DataSetEntry
from xavier_cli.vocabulary.entry import InitializerEntry as InitializerEntry
from xavier_cli.vocabulary.entry import Parameter as Parameter
from xavier_cli.vocabulary.entry import PretrainingEntry as PretrainingEntry
from xavier_cli.vocabulary.entry import Spellings as Spellings
from xavier_cli.vocabulary.initializers import INITIALIZERS as INITIALIZERS
from xavier_cli.vocabulary.pretraining import PRETRAININGS as PRETRAININGS

# The kinds of things that a user function can be.
_OWN_KINDS = ("activation", "initializer", "optimizer", "data set")
_SWEPT_KINDS = (*_OWN_KINDS, "pre-training")


class Word(Protocol):
    """A row of a table of words."""

    @property
    def name(self) -> str:
        """The canonical name, under which it is stored and shown."""

    @property
    def aliases(self) -> tuple[str, ...]:
        """Other accepted names."""


W = TypeVar("W", bound=Word)


class UnknownNameError(XavierError, ValueError):
    """A name that is in no table; the message suggests the nearest one."""

    exit_code = ExitCode.USAGE


def find(kind: str, word: str, table: Mapping[str, W]) -> W:
    """The row of `table` whose name or alias is `word`, or is but for capitals, `-` and `_`: `LeakyReLU`.

    Raises `UnknownNameError` that suggests the nearest name; `kind` is what the message calls the rows.
    """
    by_alias = {alias: entry for entry in table.values() for alias in (entry.name, *entry.aliases)}
    if word in by_alias:
        return by_alias[word]
    alike = {row.name: row for alias, row in by_alias.items() if plain(alias) == plain(word)}
    if len(alike) == 1:
        return next(iter(alike.values()))
    raise UnknownNameError(unknown_message(kind, word, by_alias, shown=table))


def nearest(word: str, known: Iterable[str], most: int = 2) -> list[str]:
    """The names among `known` that `word` is probably a slip of, the nearest first: none that is only alike.

    Leading dashes of options are compared with none of their letters.
    """
    typed = word.lstrip("-")
    by_letters = {each.lstrip("-"): each for each in known}
    near = difflib.get_close_matches(typed, by_letters, most, cutoff=0.7)
    # In a short word one slip is a large part.
    near += [each for each in by_letters if each not in near and _is_one_slip(typed, each)]
    return [by_letters[each] for each in near[:most]]


def _is_one_slip(typed: str, name: str) -> bool:
    """Whether one letter of three or more is another one, or letters are in another order."""
    wrong = sum(a != b for a, b in zip(typed, name, strict=False))
    return len(typed) == len(name) > 2 and (wrong == 1 or sorted(typed) == sorted(name))


def plain(word: str) -> str:
    """`word` without capitals, `-`, `_` and spaces, which programs write differently."""
    return re.sub(r"[-_\s]", "", word).lower()


def load(function: str) -> Any:
    """The object that `module:attribute` names; imports the module."""
    module, _, attribute = function.partition(":")
    return getattr(import_module(module), attribute)


def _several(kind: str, word: str, known: Iterable[str]) -> str:
    """What to say to names that are all known but separated by commas, as numbers may be; else ""."""
    names = [name.strip() for name in word.split(",")]
    if len(names) < 2 or not {name.partition(":")[0] for name in names} <= {*known}:
        return ""
    listed = ", ".join(f'"{name}"' for name in names)
    more = f": `xavier sweep` takes several, `[{listed}]` in a recipe" if kind in _SWEPT_KINDS else ""
    return f"one {kind} at a time, not `{word}`{more}"


def unknown_message(kind: str, word: str, known: Iterable[str], shown: Iterable[str] | None = None) -> str:
    """One line: `word` is no known `kind`; it suggests the nearest of `known`, or else lists `shown`."""
    known = list(known)
    if several := _several(kind, word, known):
        return several
    near = nearest(word.lower(), known, 1)
    hint = other_words.hint(kind, word)
    hint = hint or (f"did you mean `{near[0]}`?" if near else "known: " + ", ".join(shown or known))
    shown_word = " ".join(word.split())
    if kind in _OWN_KINDS and re.search(r"\w\.py:?$", shown_word):
        hint = f"which function of that file? `{shown_word.rstrip(':')}:FUNCTION`"
    return f"unknown {kind} `{shown_word[:40]}{'…' * (len(shown_word) > 40)}`: {hint}"
