"""Looks up names and aliases in the tables of activations, initializers, data sets and claims.

Standard library only, so that help and completion read it without loading anything heavy.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any, Protocol, TypeVar

from xavier_cli.errors import ExitCode, XavierError
from xavier_cli.vocabulary.activations import ACTIVATIONS as ACTIVATIONS
from xavier_cli.vocabulary.claims import CLAIMS as CLAIMS
from xavier_cli.vocabulary.claims import Claim as Claim
from xavier_cli.vocabulary.entry import Activation as Activation
from xavier_cli.vocabulary.entry import DataSet as DataSet
from xavier_cli.vocabulary.entry import Initializer as Initializer
from xavier_cli.vocabulary.entry import Parameter as Parameter
from xavier_cli.vocabulary.entry import Pretraining as Pretraining
from xavier_cli.vocabulary.entry import Spellings as Spellings
from xavier_cli.vocabulary.initializers import INITIALIZERS as INITIALIZERS
from xavier_cli.vocabulary.pretraining import PRETRAININGS as PRETRAININGS

DATA_SETS = {
    word.name: word
    for word in (
        DataSet(
            "shapeset",
            "Shapeset-3×2: one or two of triangle, parallelogram, ellipse; generated, an infinite stream",
            "xavier_cli.data.shapeset:images",
            inputs=32 * 32,
            classes=9,
            coding=(-1.0, 1.0),
            top_class=1 / 6,
            labels=(
                "tri",
                "quad",
                "ell",
                "tri+quad",
                "quad+ell",
                "tri+ell",
                "tri+tri",
                "quad+quad",
                "ell+ell",
            ),
            shape=(32, 32),
        ),
        DataSet(
            "mnist",
            "MNIST handwritten digits",
            "xavier_cli.data.mnist:read",
            inputs=28 * 28,
            classes=10,
            coding=(0.0, 1.0),
            top_class=0.1135,
            labels=tuple("0123456789"),
            shape=(28, 28),
            sizes=(50_000, 10_000, 10_000),
        ),
        DataSet(
            "cifar10",
            "CIFAR-10 colour photographs",
            "xavier_cli.data.cifar:read",
            inputs=3 * 32 * 32,
            classes=10,
            coding=(0.0, 1.0),
            top_class=0.1,
            labels=(
                "airplane",
                "automobile",
                "bird",
                "cat",
                "deer",
                "dog",
                "frog",
                "horse",
                "ship",
                "truck",
            ),
            shape=(3, 32, 32),
            sizes=(40_000, 10_000, 10_000),
            aliases=("cifar-10", "CIFAR-10", "CIFAR10"),
        ),
        DataSet(
            "fashion_mnist",
            "Fashion-MNIST pictures of clothes",
            "xavier_cli.data.mnist:read_fashion",
            inputs=28 * 28,
            classes=10,
            coding=(0.0, 1.0),
            top_class=0.1,
            labels=(
                "t-shirt",
                "trouser",
                "pullover",
                "dress",
                "coat",
                "sandal",
                "shirt",
                "sneaker",
                "bag",
                "boot",
            ),
            shape=(28, 28),
            sizes=(50_000, 10_000, 10_000),
            aliases=("fashion-mnist", "Fashion-MNIST", "FashionMNIST"),
        ),
    )
}


# The kinds of things that a user function can be.
_OWN_KINDS = ("activation", "initializer", "optimizer", "data set")


class Word(Protocol):
    """A row of the tables above."""

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
    """The row of `table` whose name or alias is `word`.

    Raises `UnknownNameError` that suggests the nearest name; `kind` is what the message calls the rows.
    """
    by_alias = {alias: entry for entry in table.values() for alias in (entry.name, *entry.aliases)}
    if word in by_alias:
        return by_alias[word]
    raise UnknownNameError(unknown_message(kind, word, by_alias, shown=table))


def load(function: str) -> Any:
    """The object that `module:attribute` names; imports the module."""
    module, _, attribute = function.partition(":")
    return getattr(import_module(module), attribute)


def unknown_message(kind: str, word: str, known: Iterable[str], shown: Iterable[str] | None = None) -> str:
    """One line: `word` is no known `kind`; it suggests the nearest of `known`, or else lists `shown`."""
    known = list(known)
    near = difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    hint = f"did you mean `{near[0]}`?" if near else "known: " + ", ".join(shown or known)
    shown_word = " ".join(word.split())
    if kind in _OWN_KINDS and re.search(r"\w\.py:?$", shown_word):
        hint = f"which function of that file? `{shown_word.rstrip(':')}:FUNCTION`"
    return f"unknown {kind} `{shown_word[:40]}{'…' * (len(shown_word) > 40)}`: {hint}"
