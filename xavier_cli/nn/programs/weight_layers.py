"""Finds the weight layers of a program, with their names, fans and the places where to look at them.

A weight layer is a matrix product or convolution of which one side depends on parameters alone and the other
on the example. What it puts out, s, is taken after its bias; the weight is the effective matrix.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import jax.numpy as jnp

from xavier_cli.nn.programs.biases import shared_bias, with_bias
from xavier_cli.nn.programs.dependence import (
    ROUND,
    Numbering,
    Origin,
    Origins,
    follow,
    origin_of,
    scan_inputs,
)
from xavier_cli.nn.programs.layout import Layout, kind_of, layout
from xavier_cli.nn.programs.program import CONVOLUTIONS, PRODUCTS, Program, Step, holds, subprograms
from xavier_cli.nn.programs.recognition import recognise
from xavier_cli.nn.programs.units import in_a_round, moved_units, product_units
from xavier_cli.vocabulary.network_info import LayerKind

OF_COMPLEX = "product of complex numbers"
"""What is told in place of an operation: the run file holds real numbers alone."""

Site = tuple[int, ...]
"""Where something is in a program: the number of the step, within a scan after that of the scan."""


class Loop(NamedTuple):
    """A scan around a layer: its rounds, and whether the weight is another one in every round."""

    length: int
    stacked: bool
    is_reversed: bool


@dataclass(frozen=True)
class Layer:
    """A place where a weight is used.

    `weight` says which input of the step is the weight; `tapped` is the value that is s, `bias` the value
    that is added to it, and `units` are the axes of s that are units, not examples or positions. `loops` are
    the scans around it, from outside. `made_of` and `bias_made_of` say which parameters go into them.
    """

    site: Site
    number: int
    name: str
    kind: LayerKind
    shape: tuple[int, ...]
    layout: Layout
    weight: int
    made_of: Origin
    tapped: int
    bias: int | None
    bias_made_of: Origin | None
    units: tuple[int, ...]
    loops: tuple[Loop, ...] = ()

    @property
    def often(self) -> int:
        """How often it is used: the rounds of those scans that do not hand out its weight."""
        return math.prod(loop.length for loop in self.loops if not loop.stacked)

    @property
    def fan_in(self) -> int:
        """The number of products summed into one output."""
        return self.layout.fans(self.shape)[0]

    @property
    def fan_out(self) -> int:
        """The number of outputs that one input reaches."""
        return self.layout.fans(self.shape)[1]


@dataclass(frozen=True)
class Application:
    """A place where an activation function is applied to `value`, of `rank` axes, `units` its channels."""

    site: Site
    function: str
    value: int
    rank: int
    units: tuple[int, ...]


@dataclass(frozen=True)
class Table:
    """An embedding: rows of a parameter picked by the example. `parts` are the parameters it is made of."""

    name: str
    shape: tuple[int, ...]
    parts: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Unseen:
    """What could not be looked into: the operation, and what goes into it of parameters alone.

    `parts` are the names of the parameters that this is made of.
    """

    operation: str
    names: tuple[str, ...]
    parts: frozenset[str] = frozenset()


@dataclass
class Found:
    """All that was found in a program, in order of execution.

    `shared_biases` are the parameters of biases that are added to a sum of several layers' outputs or to part
    of an output, as in recurrent cells.
    """

    layers: list[Layer] = field(default_factory=list)
    applications: list[Application] = field(default_factory=list)
    tables: list[Table] = field(default_factory=list)
    unseen: list[Unseen] = field(default_factory=list)
    shared_biases: list[frozenset[str]] = field(default_factory=list)
    bodies: dict[int, Found] = field(default_factory=dict)
    origins: Origins = field(default_factory=dict)

    def every_layer(self) -> Iterator[Layer]:
        """The layers of this program and of its loops."""
        yield from self.layers
        for body in self.bodies.values():
            yield from body.every_layer()

    @property
    def has_taps(self) -> bool:
        """Whether there is anything to look at here or within."""
        return bool(self.layers or self.applications) or any(each.has_taps for each in self.bodies.values())


def find(program: Program, given: Sequence[Origin], numbering: Numbering | None = None) -> Found:
    """What is in `program`, whose inputs have the origins `given`."""
    return _find(program, list(given), numbering or Numbering.empty(), (), (), ())


def _find(
    program: Program,
    given: list[Origin],
    numbering: Numbering,
    site: Site,
    loops: tuple[tuple[Step, int], ...],
    units: Sequence[tuple[int, ...] | None],
) -> Found:
    found = Found(origins=follow(program, given, numbering))
    origins = found.origins
    channels: dict[int, tuple[int, ...] | None] = dict(zip(program.inputs, units, strict=False))
    # Values that are layers' outputs or sums of them, with the number of their units.
    sums: dict[int, int] = {}
    for index, step in enumerate(program.steps):
        here = (*site, index)
        inputs = [origin_of(each, origins, numbering) for each in step.inputs]
        layer = _layer(program, step, inputs, here, origins, numbering, loops)
        if layer is not None:
            found.layers.append(layer)
            at = channels[step.outputs[0]] = product_units(step, layer.weight)
            sums[step.outputs[0]] = math.prod(program.shape(step.outputs[0])[axis] for axis in at)
            continue
        found.shared_biases += shared_bias(program, step, inputs, sums, channels)
        if step.body is not None:
            constants, carried = step.params["num_consts"], step.params["num_carry"]
            inside = scan_inputs(step, inputs, numbering)
            around = (*loops, (step, step.outputs[0] if step.outputs else -1))
            known = [channels.get(each) if isinstance(each, int) else None for each in step.inputs]
            known[constants + carried :] = [in_a_round(each) for each in known[constants + carried :]]
            body = _find(step.body, inside, numbering, here, around, known)
            found.tables += body.tables
            found.unseen += body.unseen
            found.shared_biases += body.shared_biases
            if body.has_taps:
                found.bodies[index] = body
            continue
        applied = recognise(program, step)
        if applied is not None and origins[applied[1]].example:
            function, value = applied
            known_units = channels.get(value)
            # A maximum with 0 may guard a variance; a rectifier's input still has a layer's units.
            if known_units is not None or step.operation != "max":
                rank = len(program.shape(value))
                at = (rank - 1,) if known_units is None else known_units
                found.applications.append(Application(here, function, value, rank, at))
        if step.operation == "gather" and inputs[0].parameter and not inputs[0].example and inputs[1].example:
            found.tables.append(Table(inputs[0].name, program.shape(step.inputs[0]), inputs[0].parts))
        elif _multiplies(step) and _hides(inputs):
            made_of = [each for each in inputs if each.parameter and not each.example]
            names = dict.fromkeys(each.name.replace(ROUND, "") for each in made_of)
            parts = frozenset[str]().union(*(each.parts for each in made_of))
            operation = OF_COMPLEX if _is_complex(step) else step.operation
            found.unseen.append(Unseen(operation, tuple(names), parts))
        for output in step.outputs:
            channels[output] = moved_units(program, step, channels, program.shape(output))
    return found


def _multiplies(step: Step) -> bool:
    return step.operation in PRODUCTS or any(holds(inner, PRODUCTS) for inner in subprograms(step.equation))


def _is_complex(step: Step) -> bool:
    made: Any = step.equation.outvars[0].aval
    return step.operation in PRODUCTS and jnp.issubdtype(made.dtype, jnp.complexfloating)


def _hides(inputs: Sequence[Origin]) -> bool:
    return any(each.example for each in inputs) and any(
        each.parameter and not each.example for each in inputs
    )


def _layer(
    program: Program,
    step: Step,
    inputs: Sequence[Origin],
    site: Site,
    origins: Origins,
    numbering: Numbering,
    loops: tuple[tuple[Step, int], ...],
) -> Layer | None:
    if step.operation != "dot_general" and step.operation not in CONVOLUTIONS:
        return None
    if _is_complex(step):
        return None
    weight = next(
        (
            side
            for side in (0, 1)
            if inputs[side].parameter and not inputs[side].example and inputs[1 - side].example
        ),
        None,
    )
    if weight is None or (step.operation in CONVOLUTIONS and weight == 0):
        return None
    origin = inputs[weight]
    shape = program.shape(step.inputs[weight])
    tapped, bias, units = with_bias(program, step, product_units(step, weight), origins, numbering)
    return Layer(
        site,
        origin.number,
        origin.name,
        kind_of(step),
        shape,
        layout(step, weight),
        weight,
        origin,
        tapped,
        bias,
        None if bias is None else origins[bias],
        units,
        tuple(
            Loop(scan.params["length"], loop in origin.loops, scan.params["reverse"]) for scan, loop in loops
        ),
    )
