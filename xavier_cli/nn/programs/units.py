"""Follows through a program which axes of a value are units, not examples or positions."""

from __future__ import annotations

import math

from xavier_cli.nn.programs.program import CONVOLUTIONS, Program, Step

Axes = tuple[int, ...]
CUTS = frozenset({"slice", "split", "dynamic_slice"})
"""Take part of a value and leave its axes where they are."""


def product_units(step: Step, weight: int) -> Axes:
    """The axes of units of a product or convolution, whose input number `weight` is the weight."""
    if step.operation in CONVOLUTIONS:
        return (step.params["dimension_numbers"].out_spec[1],)
    contracted, batched = step.params["dimension_numbers"]
    ranks = [len(step.shape(side)) for side in (0, 1)]
    free = [ranks[side] - len(contracted[side]) - len(batched[side]) for side in (0, 1)]
    first = len(batched[0])
    return (
        tuple(range(first, first + free[0]))
        if weight == 0
        else tuple(range(first + free[0], first + free[0] + free[1]))
    )


def in_a_round(axes: Axes | None) -> Axes | None:
    """The axes of a slice that a scan takes along the first axis; None where that holds units."""
    return None if axes is None or 0 in axes else tuple(axis - 1 for axis in axes)


def moved_units(
    program: Program,
    step: Step,
    channels: dict[int, Axes | None],
    shape: tuple[int, ...],
) -> Axes | None:
    """Where the unit axes of a step's input stand in its output, None where that cannot be said."""
    value = next(
        (each for each in step.inputs if isinstance(each, int) and channels.get(each) is not None), None
    )
    if value is None:
        return None
    axes, before = channels[value], program.shape(value)
    assert axes is not None
    if step.operation == "transpose":
        permutation = step.params["permutation"]
        return tuple(sorted(permutation.index(axis) for axis in axes))
    if before == shape or step.operation in CUTS:
        return axes
    if step.operation == "broadcast_in_dim":
        return tuple(step.params["broadcast_dimensions"][axis] for axis in axes)
    if step.operation in ("reshape", "squeeze", "expand_dims"):
        return _reshaped(axes, before, shape)
    if len(before) == len(shape) and all(before[axis] == shape[axis] for axis in axes):
        return axes  # windows over positions
    return None


def _reshaped(axes: tuple[int, ...], before: tuple[int, ...], after: tuple[int, ...]) -> Axes | None:
    """The axes of `after` that hold the same numbers as `axes` of `before`, if such there are."""

    def blocks(shape: tuple[int, ...]) -> dict[tuple[int, int], int]:
        # An axis is known by its size and the number of entries behind it.
        return {
            (shape[axis], math.prod(shape[axis + 1 :])): axis for axis in range(len(shape)) if shape[axis] > 1
        }

    there = blocks(after)
    wanted = [(before[axis], math.prod(before[axis + 1 :])) for axis in axes if before[axis] > 1]
    if all(each in there for each in wanted):
        return tuple(sorted(there[each] for each in wanted))
    return None
