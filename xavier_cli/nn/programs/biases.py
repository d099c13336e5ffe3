"""Finds the bias of a weight layer: what depends on parameters alone and has a number per unit."""

from __future__ import annotations

import math
from collections.abc import Sequence

from jax.extend.core import Literal

from xavier_cli.nn.programs.dependence import Numbering, Origin, Origins, origin_of
from xavier_cli.nn.programs.program import Program, Step, Value
from xavier_cli.nn.programs.units import CUTS, moved_units

_MOVES = frozenset({"reshape", "transpose", "convert_element_type", "squeeze", "expand_dims", "copy", "rev"})
_SUMS = frozenset({"add", "sub", "add_any"})


def shared_bias(
    program: Program,
    step: Step,
    inputs: Sequence[Origin],
    sums: dict[int, int],
    channels: dict[int, tuple[int, ...] | None],
) -> list[frozenset[str]]:
    """The bias that is added to a sum of layers' outputs, or to part of one; keeps `sums` up to date."""
    known = [each for each in step.inputs if isinstance(each, int) and each in sums]
    if not known:
        return []
    size = sums[known[0]]
    if step.operation in CUTS:
        for output in step.outputs:
            shape = program.shape(output)
            at = moved_units(program, step, channels, shape)
            if at is not None:
                sums[output] = math.prod(shape[axis] for axis in at)
        return []
    if step.operation not in _MOVES and step.operation not in _SUMS:
        return []
    if len(known) == len(step.inputs):
        if all(sums[each] == size for each in known):
            sums[step.outputs[0]] = size
        return []
    other = step.inputs[1 - step.inputs.index(known[0])]
    origin = inputs[step.inputs.index(other)]
    bias = _before_broadcast(program, other)
    if origin.example or not origin.parameter or math.prod(program.shape(bias)) != size:
        return []
    return [origin.parts]


def with_bias(
    program: Program, step: Step, units: tuple[int, ...], origins: Origins, numbering: Numbering
) -> tuple[int, int | None, tuple[int, ...]]:
    """The value that is s, the bias in it, and the axes of s that are units.

    The bias is what depends on parameters alone, has a number per unit, and is added first; a position
    embedding has more.
    """
    value: int = step.outputs[0]
    plain = value, None, units
    at: tuple[int, ...] | None = units
    size = math.prod(program.shape(value)[axis] for axis in units)
    while program.uses[value] == 1 and value in program.users:
        (user,) = program.users[value]
        if user.operation in _SUMS:
            left, right = user.inputs
            other = right if left == value else left
            origin = origin_of(other, origins, numbering)
            if origin.example or not origin.parameter or isinstance(other, Literal):
                return plain
            bias = _before_broadcast(program, other)
            if math.prod(program.shape(bias)) != size or not isinstance(bias, int):
                return plain
            return user.outputs[0], bias, at if at is not None else (len(program.shape(value)) - 1,)
        if user.operation not in _MOVES:
            return plain
        at = moved_units(program, user, {value: at}, program.shape(user.outputs[0]))
        value = user.outputs[0]
    return plain


def _before_broadcast(program: Program, value: Value) -> Value:
    while isinstance(value, int):
        made = program.made_by.get(value)
        if made is None or made.operation not in _MOVES | {"broadcast_in_dim"}:
            return value
        value = made.inputs[0]
    return value
