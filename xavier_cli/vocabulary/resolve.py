"""What a word for an activation or initializer asks for: a name with parameters, or the user's own function.

    relu                leaky_relu:slope=0.2            waves.py:wave            package.module:wave
    normalized          normal:std=0.02                 normalized,output=zeros,1=standard

A canonical word leaves defaults out and has its parameters in order. Nothing is loaded.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeVar

from xavier_cli.vocabulary import lookup
from xavier_cli.vocabulary.entry import Activation, Initializer, Pretraining
from xavier_cli.vocabulary.grammar import parse_layers
from xavier_cli.vocabulary.parameters import changed, read_name, read_pairs, read_parameters, write_word
from xavier_cli.vocabulary.user_functions import own_word

PLACES = ("hidden", "output")
"""Layers that have a name, beside the numbers of the hidden ones."""

OWN = "a function of your own"


Row = TypeVar("Row", Activation, Initializer, Pretraining)


def find_activation(word: str) -> Activation:
    """The activation that `word` asks for, its `name` the canonical word.

    Raises `UnknownNameError` and `ParameterError`.
    """
    own = find_own("activations", word, lookup.ACTIVATIONS)
    if own:
        return Activation(own, OWN, own, source=own)
    return _found("activation", word, lookup.ACTIVATIONS)


def find_initializer(word: str) -> Initializer:
    """The initializer of one layer that `word` asks for; as `find_activation`."""
    own = find_own("initializers", word, lookup.INITIALIZERS)
    if own:
        return Initializer(own, OWN, own, variance=lambda *_: math.nan, distribution="own", source=own)
    return _found("initializer", word, lookup.INITIALIZERS)


def find_pretraining(word: str) -> Pretraining:
    """The pre-training that `word` asks for, `none` among them; as `find_activation`."""
    return _found("pre-training", word, lookup.PRETRAININGS)


def find_layers(word: str) -> str:
    """The canonical text of an initializer for all layers and others for single ones.

    `normalized,output=zeros,1=standard`: a place is `hidden`, `output` or the number of a hidden layer; a
    semicolon may stand for a comma before a place. What a layer would have anyway is left out.
    """
    every, single = parse_layers(word, PLACES)
    if single and not every and not ({*PLACES} <= set(single)):
        raise ValueError(
            f"`{word}` should begin with the initializer of all layers, like `normalized,{word}`"
        )
    found = {place: find_initializer(text).name for place, text in single.items()}
    whole = find_initializer(every).name if every or not single else ""
    hidden = found.pop("hidden", whole)
    output = found.pop("output", whole)
    if "0" in found:
        raise ValueError("hidden layers are numbered from 1")
    numbered = {number: name for number, name in found.items() if name != hidden}
    parts = [f"{number}={numbered[number]}" for number in sorted(numbered, key=int)]
    parts += [f"output={output}"] * (output != hidden)
    return ",".join([hidden, *parts])


def all_inits(init: str) -> tuple[str, ...]:
    """Every initializer that a canonical `init` names, once for each place."""
    hidden, single = parse_layers(init, PLACES)
    return (hidden, *single.values())


def find_layer_initializers(init: str, depth: int) -> tuple[Initializer, ...]:
    """The initializer of every layer of weights, `depth` hidden ones and the output's, of a canonical `init`.

    One row for all layers of one name. Raises `ValueError` where there is no such layer.
    """
    hidden, single = parse_layers(init, PLACES)
    layers = [hidden] * depth + [single.pop("output", hidden)]
    for number, name in single.items():
        if int(number) > depth:
            raise ValueError(f"there is no hidden layer {number}; depth is {depth}, and the last is `output`")
        layers[int(number) - 1] = name
    rows = {name: find_initializer(name) for name in dict.fromkeys(layers)}
    return tuple(rows[name] for name in layers)


def find_bias(word: str) -> str:
    """The canonical name of an initializer of biases; raises `ValueError` for what only matrices have."""
    found = find_initializer(word)
    if not (found.is_independent or found.distribution in ("constant", "own")):
        raise ValueError(f"`{found.name}` is of matrices, not of biases")
    return found.name


def find_own(group: str, word: str, table: Mapping[str, lookup.Word]) -> str | None:
    """The canonical text of `word` where it names a function of the user's own, and no row of `table`."""
    base = word.strip().partition(":")[0]
    if "=" in word or any(base in (row.name, *row.aliases) for row in table.values()):
        return None
    return own_word(group, word)


def _found(kind: str, word: str, table: Mapping[str, Row]) -> Row:
    # All are looked at before the name is: what is no word at all is told first.
    written = list(read_pairs(word))
    row = lookup.find(kind, read_name(word), table)
    settings = changed(read_parameters(row.name, row.parameters, written), row.parameters)
    if not settings:
        return row
    return row.with_parameters(write_word(row.name, dict(sorted(settings.items()))), settings)
