"""Says of every parameter and weight layer of a network which distribution it may have been drawn from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import takewhile
from typing import NamedTuple

import numpy as np

from xavier_cli.theory.drawn.fans import of_bias, of_layer, of_parameter, of_shape, of_table
from xavier_cli.theory.drawn.naming import Candidate, drawn_from
from xavier_cli.theory.drawn.sample import real
from xavier_cli.vocabulary.network_info import Drawn, LayerInfo, NetworkInfo, ParameterInfo

Draws = Sequence[np.ndarray]


def describe(info: NetworkInfo, draws: Mapping[str, Draws], layer_draws: Sequence[Draws]) -> NetworkInfo:
    """`info` with what each parameter, layer and layer's bias may have been drawn from.

    **Arguments:** `draws`, by the name of a parameter its numbers, one array per seed; `layer_draws`, for
    each layer its effective weight per seed: the axes of its inputs first, its units last, a convolution's
    `(kh, kw, in, out)`. Parameters without draws keep what they have.
    """
    told = _Told()
    layers = [
        layer.model_copy(update={"drawn": told.drawn(layer.name, seeds, of_layer(layer))})
        for layer, seeds in zip(info.layers, layer_draws, strict=True)
    ]
    like = _first_alike({each.name: draws[each.name] for each in info.parameters if each.name in draws})
    parameters = tuple(
        each.model_copy(update={"drawn": _of_parameter(each, info, draws[each.name], told, like)})
        if each.name in draws
        else each
        for each in info.parameters
    )
    by_name = {each.name: each.drawn for each in parameters}
    same = _first_alike({layer.name: seeds for layer, seeds in zip(layers, layer_draws, strict=True)})
    return info.model_copy(
        update={
            "layers": tuple(_with_copies(layer, by_name, same) for layer in layers),
            "parameters": parameters,
        }
    )


def _with_copies(
    layer: LayerInfo, parameters: Mapping[str, Drawn | None], like: Mapping[str, str]
) -> LayerInfo:
    drawn = layer.drawn
    if drawn and layer.name in like:
        drawn = drawn.model_copy(update={"like": like[layer.name]})
    return layer.model_copy(update={"drawn": drawn, "bias_drawn": parameters.get(layer.bias)})


def _of_parameter(
    parameter: ParameterInfo, info: NetworkInfo, seeds: Draws, told: _Told, like: Mapping[str, str]
) -> Drawn:
    drawn = told.known(seeds) if parameter.role == "weight" else None
    if drawn is None:
        drawn = told.drawn(parameter.name, seeds, _candidates(parameter, info))
    return drawn.model_copy(update={"like": like.get(parameter.name, "")})


def _candidates(parameter: ParameterInfo, info: NetworkInfo) -> list[Candidate]:
    name, shape = parameter.name, parameter.shape
    match parameter.role:
        case "weight":
            return of_parameter(
                [each for each in info.layers if each.parameter == name], shape, info.framework
            )
        case "bias":
            return of_bias(_biased(parameter, info.layers))
        case "embedding":
            return of_table(shape)
    return of_shape(shape, info.framework)


def _biased(bias: ParameterInfo, layers: Sequence[LayerInfo]) -> list[LayerInfo]:
    """The layers of a bias: those that name it, else those of its length whose names are the most alike.

    PyTorch's recurrent cells have two biases, of which a layer names one.
    """
    if found := [layer for layer in layers if layer.bias == bias.name]:
        return found
    fitting = [layer for layer in layers if bias.shape and layer.shape[-1:] == bias.shape[-1:]]

    def shared(layer: LayerInfo) -> int:
        pairs = zip(bias.name, layer.parameter, strict=False)
        return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))

    most = max(map(shared, fitting), default=0)
    return [layer for layer in fitting if most and shared(layer) == most][:4]


class _Print(NamedTuple):
    """What numbers have in common in whatever order they stand: how many, and a sum of their bits."""

    number: int
    bits: int


def _print_of(seeds: Draws) -> _Print:
    number = bits = 0
    for seed in seeds:
        flat = real(seed).ravel()
        words = flat.view(np.uint32)
        number += flat.size
        bits = (bits * 3 + int(np.add.reduce(words, dtype=np.uint64))) % 2**64
    return _Print(number, bits)


class _Told:
    """What was said of arrays, so that a parameter that is a layer's weight is not measured twice."""

    def __init__(self) -> None:
        self._by_print: dict[_Print, Drawn] = {}

    def known(self, seeds: Draws) -> Drawn | None:
        """What was said of the same numbers."""
        return self._by_print.get(_print_of(seeds))

    def drawn(self, name: str, seeds: Draws, candidates: Sequence[Candidate]) -> Drawn:
        """What `seeds` may have been drawn from."""
        found = drawn_from(seeds, candidates)
        self._by_print.setdefault(_print_of(seeds), found)
        return found


def _first_alike(draws: Mapping[str, Draws]) -> dict[str, str]:
    """By name the earlier one, if any, with the same numbers in every seed, or transposed; no constants."""
    first: dict[_Print, list[str]] = {}
    found = {}
    for name, seeds in draws.items():
        if not seeds or not np.size(seeds[0]) or _is_constant(seeds):
            continue
        earlier = first.setdefault(_print_of(seeds), [])
        same = next((each for each in earlier if _alike(draws[each], seeds)), "")
        if same:
            found[name] = same
        else:
            earlier.append(name)
    return found


def _is_constant(seeds: Draws) -> bool:
    value = np.ravel(seeds[0])[0]
    return all(np.ravel(seed)[-1] == value and bool(np.all(seed == value)) for seed in seeds)


def _alike(one: Draws, other: Draws) -> bool:
    def same(a: np.ndarray, b: np.ndarray) -> bool:
        return np.array_equal(a, b) or (a.ndim > 1 and np.array_equal(a, b.T))

    return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other, strict=True))
