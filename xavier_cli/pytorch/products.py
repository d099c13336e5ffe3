"""Defines which calls of PyTorch are products and convolutions, with fans and layout of either side.

A product is described by the letters of its axes, as `einsum` writes them; which side is the weight is not
known here. Fans follow from the operation: fan-in is the number of products summed into one output, fan-out
the number of outputs that one input reaches, stride 1 counted.
"""

from __future__ import annotations

import math
import re
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from xavier_cli.vocabulary.network_info import LayerKind

Tensor = Any

_CONVOLUTION = ("input", "weight", "bias", "stride", "padding", "dilation", "groups")
_TRANSPOSED = ("input", "weight", "bias", "stride", "padding", "output_padding", "groups", "dilation")
SIGNATURES: dict[str, tuple[str, ...]] = {
    "linear": ("input", "weight", "bias"),
    "bilinear": ("input1", "input2", "weight", "bias"),
    "convolution": (*_CONVOLUTION[:6], "transposed", "output_padding", "groups"),
    "conv_tbc": ("input", "weight", "bias", "pad"),
    "einsum": ("equation", "left", "right"),
    **{f"conv{rank}d": _CONVOLUTION for rank in (1, 2, 3)},
    **{f"conv_transpose{rank}d": _TRANSPOSED for rank in (1, 2, 3)},
    **dict.fromkeys(("matmul", "__matmul__"), ("input", "other")),
    "mm": ("input", "mat2"),
    "bmm": ("input", "mat2"),
    "mv": ("input", "vec"),
    **dict.fromkeys(("dot", "inner", "vdot"), ("input", "tensor")),
}


@dataclass(frozen=True)
class Side:
    """What a product is if one of its tensors, the argument `weight`, is the weight.

    `to_layout` turns the weight to inputs in front, units last. `units` are the axes of the result that are
    units, `entering_units` the axis of channels of what enters.
    """

    weight: str
    entering: tuple[str, ...]
    kind: LayerKind
    fan_in: int
    fan_out: int
    receptive_field: int
    to_layout: Callable[[Tensor], Tensor]
    units: tuple[int, ...]
    entering_units: int = -1
    units_in_front: bool = False
    """Whether channels stand in front of positions, as convolutions have them."""
    order: tuple[int, ...] = ()
    """The axes of a matrix as `to_layout` has them: turned around it is another."""


def sides(name: str, given: Mapping[str, Any]) -> tuple[Side, ...]:
    """The sides of the product that the call `name` with arguments `given` is; none where it is none."""
    if name not in SIGNATURES:
        return ()
    if name.startswith("conv"):
        return _convolution(name, given)
    if name == "bilinear":
        return _bilinear(given)
    names = [each for each in SIGNATURES[name] if each not in ("bias", "equation")]
    left, right = (given[each] for each in names)
    letters = _letters(name, given, left, right)
    if letters is None:
        return ()
    result = letters[2]
    found = []
    for at in (0, 1):
        weight, axes, others = given[names[at]], letters[at], letters[1 - at]
        summed = [axis for axis, letter in enumerate(axes) if letter not in result]
        batched = [axis for axis, letter in enumerate(axes) if letter in result and letter in others]
        free = [axis for axis, letter in enumerate(axes) if letter in result and letter not in others]
        order = (*batched, *summed, *free)
        found.append(
            Side(
                names[at],
                (names[1 - at],),
                "dense",
                math.prod(weight.shape[axis] for axis in summed),
                math.prod(weight.shape[axis] for axis in free),
                1,
                lambda values, order=order: values.permute(order),  # type: ignore[misc]
                tuple(result.index(axes[axis]) for axis in free),
                order=order,
            )
        )
    return tuple(found)


def _letters(name: str, given: Mapping[str, Any], left: Tensor, right: Tensor) -> tuple[str, ...] | None:
    if name == "einsum":
        return einsum_letters(given["equation"], (left.ndim, right.ndim))
    if name == "linear":
        front = string.ascii_letters[2 : 1 + left.ndim]
        return (f"{front}i", "oi", f"{front}o") if right.ndim == 2 else (f"{front}i", "i", front)
    if name in ("dot", "vdot"):
        return "a", "a", ""
    if name == "inner":
        front, behind = string.ascii_lowercase[: left.ndim - 1], string.ascii_uppercase[: right.ndim - 1]
        return f"{front}z", f"{behind}z", front + behind
    return _matmul_letters(left.ndim, right.ndim)


def _matmul_letters(left: int, right: int) -> tuple[str, str, str] | None:
    if not left or not right:
        return None
    batch = string.ascii_uppercase[: max(left, right, 2) - 2]
    first = "j" if left == 1 else batch[len(batch) - left + 2 :] + "ij"
    second = "j" if right == 1 else batch[len(batch) - right + 2 :] + "jk"
    return first, second, batch + ("i" if left > 1 else "") + ("k" if right > 1 else "")


def einsum_letters(equation: str, ranks: tuple[int, ...]) -> tuple[str, ...] | None:
    """The letters of each operand of an equation and of its result, dots written out.

    None for equations that are not understood: a letter twice in one operand.
    """
    before, arrow, after = equation.replace(" ", "").partition("->")
    operands = before.split(",")
    if len(operands) != len(ranks):
        return None
    spare = [letter for letter in string.ascii_letters if letter not in equation]
    longest = max(rank - len(each.replace("...", "")) for each, rank in zip(operands, ranks, strict=True))
    dots = "".join(spare[: max(longest, 0)])
    written = []
    for each, rank in zip(operands, ranks, strict=True):
        missing = rank - len(each.replace("...", ""))
        written.append(each.replace("...", dots[len(dots) - missing :] if missing else ""))
    if arrow:
        result = after.replace("...", dots)
    else:
        once = sorted(letter for letter in set(before) if letter.isalpha() and before.count(letter) == 1)
        result = (dots if "..." in before else "") + "".join(once)
    if any(len(set(each)) < len(each) for each in (*written, result)):
        return None
    return (*written, result)


def _bilinear(given: Mapping[str, Any]) -> tuple[Side, ...]:
    out, first, second = given["weight"].shape
    return (
        Side(
            "weight",
            ("input1", "input2"),
            "dense",
            first * second,
            out,
            1,
            lambda values: values.permute(1, 2, 0),
            (given["input1"].ndim - 1,),
        ),
    )


def _convolution(name: str, given: Mapping[str, Any]) -> tuple[Side, ...]:
    weight = given["weight"]
    if name == "conv_tbc":
        field, channels_in, channels_out = weight.shape
        fans = field * channels_in, field * channels_out
        return (Side("weight", ("input",), "convolution", *fans, field, lambda values: values, (2,)),)
    groups, rank = given.get("groups") or 1, weight.ndim - 2
    is_transposed = "transpose" in name or bool(given.get("transposed"))
    field = math.prod(weight.shape[2:])
    # PyTorch's kernels are (out, in of one group, …), transposed ones (in, out of one group, …).
    of_one_group = weight.shape[0] // groups
    fans = (of_one_group, weight.shape[1]) if is_transposed else (weight.shape[1], of_one_group)
    space = tuple(range(2, rank + 2))

    def to_layout(values: Tensor) -> Tensor:
        if not is_transposed:
            return values.permute(*space, 1, 0)
        grouped = values.reshape(groups, -1, *values.shape[1:])
        grouped = grouped.permute(*(axis + 1 for axis in space), 1, 0, 2)
        return grouped.reshape(*grouped.shape[: rank + 1], -1)

    channel = given["input"].ndim - rank - 1
    return (
        Side(
            "weight",
            ("input",),
            "transposed convolution" if is_transposed else "convolution",
            field * fans[0],
            field * fans[1],
            field,
            to_layout,
            (channel,),
            channel,
            True,
        ),
    )


_HIDES = re.compile(
    r"(mm|mv|dot|matmul|einsum|einsum by numbers|bilinear|linear|attention|attn)$|lstm|gru|rnn|conv"
)


def may_hide_a_product(name: str) -> bool:
    """Whether a call that is none of the known products may well be one: by its name, or of a library."""
    return name not in SIGNATURES and ("::" in name or _HIDES.search(name) is not None)
