"""Gathers the places where weights are used into a network's layers, named and in order of execution."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import product

from jax import Array

from xavier_cli.nn.programs.dependence import ROUND
from xavier_cli.nn.programs.weight_layers import Application, Layer, Site

Order = tuple[int, ...]


@dataclass(frozen=True)
class Use:
    """One place where a layer is used: its site, and the rounds of the scans that give it its weight."""

    layer: Layer
    rounds: tuple[int, ...]


@dataclass(frozen=True)
class WeightLayer:
    """One weight layer of a network: a matrix or kernel, and everywhere that it is used.

    `applied` are the activation functions between a use of this layer and the next layer.
    """

    name: str
    uses: tuple[Use, ...]
    applied: tuple[tuple[Application, Use], ...] = ()

    @property
    def first(self) -> Layer:
        """The place where it is used first; kind, shape and fans are alike at all."""
        return self.uses[0].layer

    @property
    def fan_in(self) -> int:
        """The number of products summed into one output."""
        return self.first.fan_in

    @property
    def fan_out(self) -> int:
        """The number of outputs that one input reaches."""
        return self.first.fan_out

    @property
    def has_bias(self) -> bool:
        """Whether a bias is added to what it puts out."""
        return any(use.layer.bias is not None for use in self.uses)


@dataclass
class _Gathered:
    order: Order
    uses: list[Use] = field(default_factory=list)


def gather(places: Sequence[Layer], applications: Sequence[Application] = ()) -> tuple[WeightLayer, ...]:
    """The layers of a network in order of execution: a weight used in many places is one layer.

    A scan over stacked weights gives a layer per slice, `blocks/kernel[3]`.
    """
    found: dict[tuple[int, tuple[int, ...], int, int], _Gathered] = {}
    for place in places:
        for rounds, order in _rounds(place):
            key = place.number, rounds, place.fan_in, place.fan_out
            found.setdefault(key, _Gathered(order)).uses.append(Use(place, rounds))
            found[key].order = min(found[key].order, order)
    ordered = sorted(found.values(), key=lambda each: each.order)
    names = _distinct([_name(each.uses[0]) for each in ordered])
    layers = [WeightLayer(name, tuple(each.uses)) for name, each in zip(names, ordered, strict=True)]
    return tuple(
        replace(layer, applied=applied)
        for layer, applied in zip(layers, _between(applications, layers), strict=True)
    )


def in_its_rounds(use: Use, values: Array, depth: int) -> Array:
    """Of `values`, met within `depth` scans and with an axis in front for each, what belongs to `use`.

    A scan that hands out the layer's weight has one round for it; of others all rounds are kept.
    """
    at = iter(use.rounds)
    return values[tuple(next(at) if loop.stacked else slice(None) for loop in use.layer.loops[:depth])]


def _rounds(place: Layer) -> Iterator[tuple[tuple[int, ...], Order]]:
    """The rounds that give the place another weight each, and where each stands in the order of execution."""
    choices = [range(loop.length) if loop.stacked else (0,) for loop in place.loops]
    for each in product(*choices):
        order: list[int] = []
        for step, loop, number in zip(place.site, place.loops, each, strict=False):
            order += [step, loop.length - 1 - number if loop.is_reversed and loop.stacked else number]
        order.append(place.site[-1])
        yield (
            tuple(number for number, loop in zip(each, place.loops, strict=True) if loop.stacked),
            tuple(order),
        )


def _name(use: Use) -> str:
    name = use.layer.name
    for number in use.rounds:
        name = name.replace(ROUND, f"[{number}]", 1)
    return name


def _distinct(names: Sequence[str]) -> list[str]:
    """`names`, with `#2` and so on behind those that are there already."""
    often, seen = Counter(names), Counter[str]()
    distinct = []
    for name in names:
        seen[name] += 1
        distinct.append(name if often[name] == 1 or seen[name] == 1 else f"{name}#{seen[name]}")
    return distinct


def _between(
    applications: Sequence[Application], layers: Sequence[WeightLayer]
) -> list[tuple[tuple[Application, Use], ...]]:
    """For each layer the functions applied after a use of it and before the next layer's."""
    users: dict[Site, list[tuple[int, Use]]] = {}
    for number, layer in enumerate(layers):
        for use in layer.uses:
            users.setdefault(use.layer.site, []).append((number, use))
    sites = sorted(users)
    applied: list[list[tuple[Application, Use]]] = [[] for _ in layers]
    for application in applications:
        before = [site for site in sites if site < application.site]
        for number, use in users[before[-1]] if before else ():
            applied[number].append((application, use))
    return [tuple(each) for each in applied]
