"""Chooses what each layer of a custom network is drawn by: by number, path or pattern, once they are known.

network,conv1=zeros      he_normal,blocks/*/mlp/*=normal:std=0.01      normal:std=0.02;std=zeros
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from xavier_cli.vocabulary.entry import InitializerEntry
from xavier_cli.vocabulary.grammar import parse_layers
from xavier_cli.vocabulary.lookup import UnknownNameError, unknown_message
from xavier_cli.vocabulary.network_info import MOST_LAYERS, LayerInfo
from xavier_cli.vocabulary.networks import AS_MADE
from xavier_cli.vocabulary.resolve import PLACES, is_parameter

MOST_LISTED = 8
"""Layers that a message names at most."""

_NUMBER = re.compile(r"[0-9]{1,9}")
_RANGE = re.compile(r"([0-9]{1,9})-([0-9]{1,9})")
# Of a pattern: `*`, or `…` as tables shorten names; `?`; a range of numbers as tables write several layers.
_SIGNS = re.compile(rf"(?P<any>[*…]+)|(?P<one>\?)|(?<!\d){_RANGE.pattern}(?!\d)")


@dataclass(frozen=True)
class LayerRows:
    """What the layers of a network are drawn by, in order: a row each for weights and for biases.

    The row called `network` leaves a layer as its network's own code draws it.
    """

    weights: tuple[InitializerEntry, ...]
    biases: tuple[InitializerEntry, ...]

    def chosen(self) -> tuple[dict[int, InitializerEntry], dict[int, InitializerEntry]]:
        """The rows of the layers, counted from 0, whose weights and whose biases are drawn anew."""
        weights, biases = (
            {at: row for at, row in enumerate(rows) if row.name != AS_MADE}
            for rows in (self.weights, self.biases)
        )
        return weights, biases


def layer_words(text: str, layers: Sequence[LayerInfo]) -> tuple[str, ...]:
    """The initializer of each of `layers` by the canonical `text`; later places override earlier ones.

    A place is a layer's number from 1 or a range of them, `output` for the last, or a path or a pattern of
    paths: the layer's, its parameter's or, without what is behind the last `/` or `.`, its module's. `*`
    stands for any signs, `/` among them, `?` for one, `0-11` for numbers in a path, as tables write it;
    brackets stand for themselves. A layer's very name means this layer alone.

    Raises `UnknownNameError`: one line that suggests a layer, or lists them.
    """
    every, single = parse_layers(text, PLACES, is_parameter)
    words = [every] * len(layers)
    for place, word in single.items():
        for at in _places(place, layers):
            words[at] = word
    return tuple(words)


def _places(place: str, layers: Sequence[LayerInfo]) -> list[int]:
    count = len(layers)
    if place == "output":
        return [count - 1]
    span = _RANGE.fullmatch(place)
    if span or _NUMBER.fullmatch(place):
        first, last = (int(span[1]), int(span[2])) if span else (int(place), int(place))
        if not 1 <= first <= last <= count:
            raise UnknownNameError(
                f"there is no layer {place}: the network has {count} weight layer{'s' * (count != 1)}"
            )
        return list(range(first - 1, last))
    named = [at for at, layer in enumerate(layers) if layer.name == place]
    if not named:
        fits = _expression(place).fullmatch
        named = [at for at, layer in enumerate(layers) if any(map(fits, _paths(layer)))]
    if not named:
        names = [layer.name for layer in layers]
        shown = names[:MOST_LISTED]
        shown += [f"and {count - MOST_LISTED} more"] * (count > MOST_LISTED)
        known = dict.fromkeys([*names, *(each for layer in layers for each in _paths(layer))])
        raise UnknownNameError(unknown_message("layer", place, known, shown))
    return named


def _paths(layer: LayerInfo) -> list[str]:
    """What a layer may be called: by its own name, by its parameter's, by that of what holds them."""
    names = [layer.name, layer.parameter]
    holders = [re.sub(r"[/.][^/.\]}]*(\[[^\]]*\])?(#\d+)?$", "", name) for name in names]
    return [name for name in dict.fromkeys([*names, *holders]) if name]


def _expression(place: str) -> re.Pattern[str]:
    """The regular expression of whole paths that a pattern stands for."""
    pieces, end = [""], 0
    for sign in _SIGNS.finditer(place):
        pieces[-1] += re.escape(place[end : sign.start()])
        end = sign.end()
        if sign["any"]:
            pieces.append("")
        elif sign["one"]:
            pieces[-1] += "."
        else:
            low, high = int(sign[3]), int(sign[4])
            numbers = range(low, high + 1 if high - low < MOST_LAYERS else low)
            written = [re.escape(sign[0]), *(rf"(?<!\d){number}(?!\d)" for number in numbers)]
            pieces[-1] += f"(?:{'|'.join(written)})"
    pieces[-1] += re.escape(place[end:])
    first, *between = pieces
    # What stands between two `*` is looked for once, at its first place: nothing is tried twice.
    inner = "".join(f"(?>.*?{piece})" for piece in between[:-1])
    return re.compile(first + inner + (f".*{between[-1]}" if between else ""), re.DOTALL)


def not_own_numbers(what: str, layer: str, at: int, setting: str) -> str:
    """Why the weight or bias, `what`, of layer number `at` cannot be drawn anew, and the remedy."""
    return (
        f"the {what} of `{layer}` is not a parameter's own numbers (it is computed, or shared with another "
        f"layer), so that it cannot be drawn here: leave it by `{at}={AS_MADE}` in {setting}"
    )


def is_a_table(layer: str, at: int) -> str:
    """Why the weight of layer number `at`, which is an embedding table, too, is not drawn anew."""
    return (
        f"the weight of `{layer}` is also an embedding table, which stays as it is drawn: leave it by "
        f"`{at}={AS_MADE}` in init"
    )
