"""Lists the fans that a layer's weights may have been drawn for: its own, frameworks' habits, mistakes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from xavier_cli.theory.drawn.naming import Candidate
from xavier_cli.theory.drawn.rules import BIAS_RULES, EMBEDDING_RULES, RULES
from xavier_cli.vocabulary.network_info import LayerInfo

TRANSPOSED = "transposed"
NO_FIELD = "without the receptive field"
AS_A_KERNEL = "read as a convolution kernel"
MISTAKES = (TRANSPOSED, NO_FIELD, AS_A_KERNEL)
_GATES = (4, 3, 2, 1)

_OF_BOTH = tuple(rule for rule in RULES if rule.depends_on == "both" and not rule.is_rare)
_OF_ONE = tuple(rule for rule in RULES if rule.depends_on == "fan_in")
_WITH_FAN_OUT = tuple(rule for rule in RULES if rule.depends_on != "fan_in")


def is_habit(layer: LayerInfo, framework: str, fans_of: str) -> bool:
    """Whether a framework is known to draw such a layer for fans that are not the operation's own.

    PyTorch computes those of a transposed convolution as of the convolution that it is the transpose of, and
    so does Flax with `transpose_kernel`; recurrent cells are drawn by hidden size or gate, attention's
    projections as one matrix, and the fan_out of grouped convolutions leaves the groups out.
    """
    if fans_of == TRANSPOSED:
        return layer.kind == "transposed convolution" and framework.split()[:1] in (["PyTorch"], ["Flax"])
    return fans_of not in MISTAKES


def of_layer(layer: LayerInfo) -> list[Candidate]:
    """The candidates for the weight of a layer, its own fans first, mistakes last."""
    own = layer.fan_in, layer.fan_out
    found = [Candidate(own), *_habits(layer), *_mistakes(layer)]
    return [each for index, each in enumerate(found) if not index or each.fans != own]


def _habits(layer: LayerInfo) -> Iterator[Candidate]:
    fan_in, fan_out, shape = layer.fan_in, layer.fan_out, layer.shape
    if layer.kind == "dense":
        yield from _of_cells(layer)
        for gates in _GATES[:-1]:
            if fan_out % gates == 0:
                yield Candidate((fan_in, fan_out // gates), f"one of {gates} blocks", _OF_BOTH)
        for parts in (3, 2):
            yield Candidate((fan_in, parts * fan_out), f"one of {parts} blocks together", _OF_BOTH)
    elif len(shape) > 2:
        groups = max(1, round(layer.receptive_field * shape[-1] / fan_out))
        if groups > 1:
            yield Candidate((fan_in, fan_out * groups), "groups not counted", _WITH_FAN_OUT)
            yield Candidate((fan_in * groups, fan_out), "groups not counted", _OF_BOTH)


def _of_cells(layer: LayerInfo) -> Iterator[Candidate]:
    """PyTorch's and Equinox's: recurrent cells by hidden size, a bilinear layer by its first input."""
    if len(layer.shape) == 3:
        yield Candidate((layer.shape[0], layer.fan_out), "first input", BIAS_RULES)
        return
    # Of a cell with one gate alone it would be the transposed shape's, which others draw by mistake.
    for gates in _GATES if "weight_ih" in layer.parameter else _GATES[:-1]:
        if layer.fan_out % gates == 0:
            size = layer.fan_out // gates
            yield Candidate((size, layer.fan_out), "hidden size", BIAS_RULES)


def may_be(layer: LayerInfo, mistake: str) -> bool:
    """Whether a mistake gives the layer other fans than its own."""
    if mistake == TRANSPOSED:
        return layer.fan_in != layer.fan_out
    if mistake == NO_FIELD:
        return layer.receptive_field > 1
    return layer.kind == "dense" and len(layer.shape) > 2


def _mistakes(layer: LayerInfo) -> Iterator[Candidate]:
    fan_in, fan_out, field = layer.fan_in, layer.fan_out, layer.receptive_field
    if may_be(layer, TRANSPOSED):
        yield Candidate((fan_out, fan_in), TRANSPOSED, _OF_ONE)
    if may_be(layer, NO_FIELD):
        yield Candidate((max(fan_in // field, 1), max(fan_out // field, 1)), NO_FIELD)
    if may_be(layer, AS_A_KERNEL):
        window = math.prod(layer.shape[:-2])
        yield Candidate((window * layer.shape[-2], window * layer.shape[-1]), AS_A_KERNEL)


def of_bias(layers: Sequence[LayerInfo]) -> list[Candidate]:
    """The candidates for the bias of one of `layers`."""
    found = [Candidate((layer.fan_in, layer.fan_out), "", BIAS_RULES) for layer in layers]
    for layer in layers:
        if layer.kind == "dense":
            found += _of_cells(layer)
        found.append(Candidate((layer.fan_out, layer.fan_in), TRANSPOSED, BIAS_RULES))
    return _distinct(found)


def of_parameter(layers: Sequence[LayerInfo], shape: tuple[int, ...], framework: str) -> list[Candidate]:
    """The candidates for a parameter of rank 2 or more that goes into `layers`, which may be none."""
    found = [each for layer in layers for each in of_layer(layer)]
    # The own fans of all before what may be a habit or a mistake of one.
    return _distinct(sorted(found, key=lambda each: bool(each.of))) or of_shape(shape, framework)


def of_table(shape: tuple[int, ...]) -> list[Candidate]:
    """The candidates for an embedding of `(rows, features)`."""
    if len(shape) < 2:
        return []
    return [Candidate((shape[-1], math.prod(shape[:-1])), "", EMBEDDING_RULES)]


def of_shape(shape: tuple[int, ...], framework: str) -> list[Candidate]:
    """The fans that the framework's initializers read from a shape of rank 2 or more.

    A single row, as a class token is, has none: with a fan of 1 a standard deviation of 1 would have a name.
    """
    if len(shape) < 2 or 1 in (shape[:2] if framework.startswith(("PyTorch", "Equinox")) else shape[-2:]):
        return []
    if framework.startswith(("PyTorch", "Equinox")):
        field = math.prod(shape[2:])
        return [Candidate((field * shape[1], field * shape[0]))]
    field = math.prod(shape[:-2])
    return [Candidate((field * shape[-2], field * shape[-1]))]


def _distinct(candidates: Sequence[Candidate]) -> list[Candidate]:
    return list({(each.fans, each.of, len(each.rules)): each for each in candidates}.values())
