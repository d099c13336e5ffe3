"""Resolves the name of an activation or initializer, with parameters, or of a user function, to its row.

    relu                leaky_relu:slope=0.2            waves.py:wave            package.module:wave
    normalized          normal:std=0.02                 normalized,output=zeros,1=standard

A canonical name leaves defaults out and has its parameters in order. Nothing is loaded.
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Mapping
from typing import TypeVar

from xavier_cli.vocabulary import lookup
from xavier_cli.vocabulary.entry import ActivationEntry, InitializerEntry, PretrainingEntry
from xavier_cli.vocabulary.grammar import parse_layers
from xavier_cli.vocabulary.networks import AS_MADE
from xavier_cli.vocabulary.parameters import changed, read_name, read_pairs, read_parameters, write_word
from xavier_cli.vocabulary.told_words import as_name, words_are_told
from xavier_cli.vocabulary.user_functions import refuse_parameters, user_function_word

PLACES = ("hidden", "output")
"""Names of layers; single hidden layers are given by their numbers."""

LONGEST_PLACE = 300
"""Characters of a path or pattern of layers."""
OWN = "a custom function"
_AS_MADE = "as the network's own code says"
_TOLD = "as a watched training called it"


Row = TypeVar("Row", ActivationEntry, InitializerEntry, PretrainingEntry)


def find_activation(word: str) -> ActivationEntry:
    """The activation called `word`; its `name` is the canonical one.

    Raises `UnknownNameError` and `ParameterError`.
    """
    if word.strip() == AS_MADE:
        return ActivationEntry(AS_MADE, _AS_MADE, _AS_MADE, source=_AS_MADE)
    own = find_user_function("activations", word, lookup.ACTIVATIONS)
    if own:
        return ActivationEntry(own, OWN, own, source=own)
    try:
        return _found("activation", word, lookup.ACTIVATIONS)
    except ValueError:
        if not words_are_told():
            raise
        name = as_name(word)
        return ActivationEntry(name, _TOLD, name, source=_TOLD)


def find_initializer(word: str) -> InitializerEntry:
    """The initializer of one layer called `word`; errors as for `find_activation`."""
    if word.strip() == AS_MADE:
        return _own_initializer(AS_MADE, _AS_MADE)
    own = find_user_function("initializers", word, lookup.INITIALIZERS)
    if own:
        return _own_initializer(own, OWN)
    try:
        return _found("initializer", word, lookup.INITIALIZERS)
    except ValueError:
        if not words_are_told():
            raise
        return _own_initializer(as_name(word), _TOLD)


def _own_initializer(name: str, about: str) -> InitializerEntry:
    return InitializerEntry(name, about, name, variance=lambda *_: math.nan, distribution="own", source=name)


def find_pretraining(word: str) -> PretrainingEntry:
    """The pre-training method called `word`, or `none`; errors as for `find_activation`."""
    return _found("pre-training", word, lookup.PRETRAININGS)


def find_layers(
    word: str, names: bool = False, find: Callable[[str], InitializerEntry] = find_initializer
) -> str:
    """The canonical text of an initializer for all layers with exceptions for single ones.

    In `normalized,output=zeros,1=standard` a place is `hidden`, `output` or the number of a hidden layer; a
    semicolon is accepted instead of the comma before a place. Exceptions without effect are left out.
    With `names`, of custom networks, a place may be a path or pattern too; then later ones override earlier
    ones, and without an initializer of all layers they stay as the network draws them.
    """
    if words_are_told():
        # Its layers are not numbered as the perceptron's: the word is one name.
        return find_initializer(word).name
    every, single = parse_layers(word, PLACES, is_parameter if names else None)
    if single and not every and not ({*PLACES} <= set(single)):
        if not names:
            raise ValueError(
                f"`{word}` should begin with the initializer of all layers, like `normalized,{word}`"
            )
        every = AS_MADE
    found = {place: find(text).name for place, text in single.items()}
    whole = find(every).name if every or not single else ""
    if any(len(place) > LONGEST_PLACE for place in found):
        raise ValueError(f"the name of a layer has at most {LONGEST_PLACE} characters")
    if any(unicodedata.category(each) == "Cc" for place in found for each in place):
        raise ValueError("the name of a layer holds a control character: put `?` for it")
    if "0" in found:
        raise ValueError(f"{'layers' if names else 'hidden layers'} are numbered from 1")
    if any(not place.isdigit() and place not in PLACES for place in found):
        return _in_order(whole, found)
    hidden = found.pop("hidden", whole)
    output = found.pop("output", whole)
    numbered = {number: name for number, name in found.items() if name != hidden}
    parts = [f"{number}={numbered[number]}" for number in sorted(numbered, key=int)]
    parts += [f"output={output}"] * (output != hidden)
    return ",".join([hidden, *parts])


def _in_order(whole: str, found: Mapping[str, str]) -> str:
    """The text where the order counts, since patterns may name a layer that has a number, too."""
    parts = [("output", whole)] if "hidden" in found and "output" not in found else []
    parts += [(place, name) for place, name in found.items() if place != "hidden"]
    text = before = found.get("hidden", whole)
    while parts and parts[0][1] == text:
        del parts[0]
    for place, name in parts:
        text += f"{';' if is_parameter(before, place) else ','}{place}={name}"
        before = name
    return text


def is_parameter(word: str, key: str) -> bool:
    """Whether `key` is a parameter of the initializer that `word`, with or without parameters, names."""
    try:
        row = lookup.find("initializer", read_name(word), lookup.INITIALIZERS)
    except lookup.UnknownNameError:
        return False
    return any(each.name == key for each in row.parameters)


def all_inits(init: str) -> tuple[str, ...]:
    """The initializers named in a canonical `init`, one for each place."""
    hidden, single = parse_layers(init, PLACES, is_parameter)
    return (hidden, *single.values())


def find_layer_initializers(init: str, depth: int) -> tuple[InitializerEntry, ...]:
    """The initializers of all `depth` hidden layers and of the output layer, from a canonical `init`.

    Layers of the same name share one row. Raises `ValueError` for a layer that does not exist.
    """
    if words_are_told():
        return (find_initializer(init),) * (depth + 1)
    hidden, single = parse_layers(init, PLACES)
    layers = [hidden] * depth + [single.pop("output", hidden)]
    for number, name in single.items():
        if int(number) > depth:
            raise ValueError(f"there is no hidden layer {number}; depth is {depth}, and the last is `output`")
        layers[int(number) - 1] = name
    rows = {name: find_initializer(name) for name in dict.fromkeys(layers)}
    return tuple(rows[name] for name in layers)


def find_bias(word: str, names: bool = False) -> str:
    """The canonical name of a bias initializer; raises `ValueError` for one defined for matrices only.

    With `names`, of custom networks, single layers may have others, as in `find_layers`.
    """
    if not names and parse_layers(word, PLACES, is_parameter)[1]:
        raise ValueError("single layers are named with `--net` alone: give one initializer for all biases")
    return find_layers(word, True, _of_biases) if names else _of_biases(word).name


def _of_biases(word: str) -> InitializerEntry:
    found = find_initializer(word)
    if not words_are_told() and not (found.is_independent or found.distribution in ("constant", "own")):
        raise ValueError(f"`{found.name}` is for matrices, not for biases")
    return found


def find_user_function(group: str, word: str, table: Mapping[str, lookup.Word]) -> str | None:
    """The canonical text of `word` where it names a user function and not a row of `table`, else None.

    Raises `UserFunctionError` where it gives the function parameters.
    """
    base = word.strip().partition(":")[0]
    if words_are_told() or any(base in (row.name, *row.aliases) for row in table.values()):
        return None
    refuse_parameters(word)
    return user_function_word(group, word) if "=" not in word else None


def _found(kind: str, word: str, table: Mapping[str, Row]) -> Row:
    # Parse all pairs before the name is looked up, so that a syntax error is reported first.
    written = list(read_pairs(word))
    row = lookup.find(kind, read_name(word), table)
    settings = changed(read_parameters(row.name, row.parameters, written), row.parameters)
    if not settings:
        return row
    return row.with_parameters(write_word(row.name, dict(sorted(settings.items()))), settings)
