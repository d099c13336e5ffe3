"""Takes a weight layer's fans from the operation itself, not from a framework's habit."""

from __future__ import annotations

import math

from xavier_cli.nn.programs.program import Step


def fans(step: Step, weight: int) -> tuple[int, int]:
    """Fan-in and fan-out of a product or convolution whose input number `weight` is the weight.

    Fan-in is the number of products summed into one output, fan-out the number of outputs that one input
    reaches, stride 1 counted.
    """
    shape = step.shape(weight)
    if step.operation == "dot_general":
        contracted, batched = step.params["dimension_numbers"]
        summed = math.prod(shape[axis] for axis in contracted[weight])
        free = math.prod(shape) // (summed * math.prod(shape[axis] for axis in batched[weight]))
        return summed, free
    out_axis, in_axis, *space = step.params["dimension_numbers"].rhs_spec
    field_size = math.prod(shape[axis] for axis in space)
    groups = step.params["feature_group_count"] * step.params["batch_group_count"]
    # The kernel's input channels are already those of one group.
    return field_size * shape[in_axis], field_size * shape[out_axis] // groups
