"""Takes from the operation itself which axes of a weight are inputs, units and positions, and so its fans."""

from __future__ import annotations

import math
from dataclasses import dataclass

from xavier_cli.nn.programs.program import Step
from xavier_cli.vocabulary.network_info import LayerKind

Axes = tuple[int, ...]


@dataclass(frozen=True)
class Layout:
    """The axes of a weight: `space` (of a kernel), `inputs` that are summed over, and `units`.

    `apart` are those of matrices side by side, each of a place of its own, as of an expert. `groups` counts
    those of a grouped convolution, whose input channels are already those of one group.
    """

    apart: Axes
    space: Axes
    inputs: Axes
    units: Axes
    groups: int = 1

    def fans(self, shape: Axes) -> tuple[int, int]:
        """Fan-in and fan-out of a weight of this shape.

        Fan-in is the number of products summed into one output, fan-out the number of outputs that one input
        reaches, stride 1 counted.
        """
        field_size = self.receptive_field(shape)
        summed, reached = (math.prod(shape[axis] for axis in axes) for axes in (self.inputs, self.units))
        return field_size * summed, field_size * reached // self.groups

    def receptive_field(self, shape: Axes) -> int:
        """The number of positions that a kernel of this shape covers; 1 for a matrix."""
        return math.prod(shape[axis] for axis in self.space)

    @property
    def units_last(self) -> Axes:
        """The order of axes in which what is side by side stands first, then space, inputs and units."""
        return (*self.apart, *self.space, *self.inputs, *self.units)


def layout(step: Step, weight: int) -> Layout:
    """The axes of the weight, input number `weight`, of a product or convolution."""
    if step.operation == "dot_general":
        contracted, batched = (tuple(each[weight]) for each in step.params["dimension_numbers"])
        free = [axis for axis in range(len(step.shape(weight))) if axis not in (*contracted, *batched)]
        return Layout(batched, (), tuple(sorted(contracted)), tuple(free))
    out_axis, in_axis, *space = step.params["dimension_numbers"].rhs_spec
    groups = step.params["feature_group_count"] * step.params["batch_group_count"]
    return Layout((), tuple(space), (in_axis,), (out_axis,), groups)


def kind_of(step: Step) -> LayerKind:
    """What a product or convolution is called; transposed is one that spreads its input by a stride."""
    if step.operation == "dot_general":
        return "dense"
    spread = any(each > 1 for each in step.params["lhs_dilation"])
    return "transposed convolution" if spread else "convolution"
