"""Follows through a program what each value depends on: the example, the parameters, or neither."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from jax.extend.core import Literal

from xavier_cli.nn.programs.program import Program, Step, Value, subprograms

ROUND = "[]"
"""Stands in a name for the round of a scan that hands out a parameter slice by slice."""


@dataclass(frozen=True)
class Origin:
    """What a value is made of.

    `example`: whether it depends on the example; `parameter`: whether on the parameters. `number` is equal
    for two values only if they are the same by the same computation, so that a parameter used twice is
    known again. `name` is the parameter that it mostly is, the one with the most numbers (`size`), with what
    is cut out of it. `loops` are the scans in every round of which the value is another one, as a slice that
    a scan hands out or one picked by a counter; the name has a `ROUND` for each. `leaf` is that parameter's
    own name, `parts` are those of all that go into it.
    """

    number: int
    example: bool = False
    parameter: bool = False
    name: str = ""
    size: int = 0
    loops: tuple[int, ...] = ()
    leaf: str = ""
    parts: frozenset[str] = frozenset()


@dataclass(eq=False)
class Numbering:
    """Hands out one number per computation."""

    known: dict[Hashable, int]
    kept: list[Any]

    @classmethod
    def empty(cls) -> Numbering:
        """Nothing numbered yet."""
        return cls({}, [])

    def of(self, *computation: Any) -> int:
        """The number of a computation, the same for the same one."""
        key = tuple(self._key(part) for part in computation)
        return self.known.setdefault(key, len(self.known))

    def _key(self, part: Any) -> Hashable:
        if isinstance(part, Literal):
            return ("literal", str(part.aval), repr(part.val))
        if isinstance(part, dict):
            return tuple((name, self._key(value)) for name, value in sorted(part.items()))
        try:
            hash(part)
        except TypeError:
            self.kept.append(part)  # so that its id isn't given to another
            return id(part)
        return part


Origins = dict[int, Origin]


def follow(program: Program, given: Sequence[Origin], numbering: Numbering) -> Origins:
    """The origin of every value of `program`, whose inputs have the origins `given`."""
    origins: Origins = dict(zip(program.inputs, given, strict=True))
    for value, constant in program.constants.items():
        origins[value] = Origin(numbering.of("constant", id(constant)))
    for step in program.steps:
        inputs = [origin_of(each, origins, numbering) for each in step.inputs]
        if step.body is not None:
            made = _through_scan(step, inputs, numbering)
        else:
            made = [_made(step, index, inputs, numbering) for index in range(len(step.outputs))]
        origins.update(zip(step.outputs, made, strict=True))
    return origins


def origin_of(value: Value, origins: Origins, numbering: Numbering) -> Origin:
    """The origin of a step's input."""
    return Origin(numbering.of("literal", value)) if isinstance(value, Literal) else origins[value]


def scan_inputs(step: Step, inputs: Sequence[Origin], numbering: Numbering) -> list[Origin]:
    """The origins of what a scan's body is given, once the carried values have settled."""
    assert step.body is not None
    constants, carried = step.params["num_consts"], step.params["num_carry"]
    loop = step.outputs[0] if step.outputs else -1
    fixed = list(inputs[:constants])
    sliced = [_slice(each, loop, numbering) for each in inputs[constants + carried :]]
    carry = list(inputs[constants : constants + carried])
    while True:
        origins = follow(step.body, [*fixed, *carry, *sliced], numbering)
        after = [origin_of(each, origins, numbering) for each in step.body.outputs[:carried]]
        joined = [
            _joined(before, then, numbering.of("carried", loop, index), loop)
            for index, (before, then) in enumerate(zip(carry, after, strict=True))
        ]
        if joined == carry:
            return [*fixed, *carry, *sliced]
        carry = joined


def _joined(before: Origin, after: Origin, number: int, loop: int) -> Origin:
    if before.number == after.number:
        return before
    return _in_rounds(
        Origin(
            number,
            before.example or after.example,
            before.parameter or after.parameter,
            before.name or after.name,
            before.size or after.size,
            before.loops if loop in before.loops else (*before.loops, loop),
            before.leaf or after.leaf,
            before.parts | after.parts,
        )
    )


def _in_rounds(origin: Origin) -> Origin:
    """`origin` with a name that tells as many rounds as it has loops."""
    if origin.example:
        return replace(origin, loops=())
    missing = len(origin.loops) - origin.name.count(ROUND)
    return replace(origin, name=origin.name + ROUND * missing) if origin.parameter and missing else origin


def _slice(origin: Origin, loop: int, numbering: Numbering) -> Origin:
    number = numbering.of("slice", origin.number)
    if origin.example:
        return replace(origin, number=number)
    return _in_rounds(replace(origin, number=number, loops=(*origin.loops, loop)))


def _through_scan(step: Step, inputs: Sequence[Origin], numbering: Numbering) -> list[Origin]:
    assert step.body is not None
    given = scan_inputs(step, inputs, numbering)
    origins = follow(step.body, given, numbering)
    carried = step.params["num_carry"]
    made = []
    for index, value in enumerate(step.body.outputs):
        origin = origin_of(value, origins, numbering)
        # What is another value in every round is stacked again, or its last one is kept.
        if index >= carried or step.outputs[0] in origin.loops:
            origin = replace(
                origin,
                number=numbering.of("stacked", step.outputs[0], index, origin.number),
                name=origin.name.replace(ROUND, ""),
                loops=tuple(loop for loop in origin.loops if loop != step.outputs[0]),
            )
            origin = _in_rounds(origin)
        made.append(origin)
    return made


def _made(step: Step, index: int, inputs: Sequence[Origin], numbering: Numbering) -> Origin:
    example = any(each.example for each in inputs)
    parameter = any(each.parameter for each in inputs)
    if example:
        return Origin(numbering.of("value", step.outputs[index]), True, parameter)
    numbers = [each.number for each in inputs]
    inner = [id(each) for each in subprograms(step.equation)]
    number = numbering.of(step.operation, index, inner or step.params, *numbers)
    loops = tuple(dict.fromkeys(loop for each in inputs for loop in each.loops))
    if not parameter:
        return Origin(number, loops=loops)
    main = max((each for each in inputs if each.parameter), key=lambda each: each.size)
    name = main.name + _cut(step, index)
    if step.operation in ("concatenate", "stack") and all(each.parameter for each in inputs):
        name = together([each.name for each in inputs])
    parts = frozenset[str]().union(*(each.parts for each in inputs))
    return _in_rounds(Origin(number, False, True, name, main.size, loops, main.leaf, parts))


def together(names: Sequence[str]) -> str:
    """One name for parameters side by side: `cell/{hf,hi}/b` of `cell/hf/b` and `cell/hi/b`."""
    paths = [name.split("/") for name in names]
    if len({len(path) for path in paths}) > 1:
        return "{" + ",".join(names) + "}"
    parts = []
    for part in zip(*paths, strict=True):
        each = tuple(dict.fromkeys(part))
        parts.append(each[0] if len(each) == 1 else "{" + ",".join(each) + "}")
    return "/".join(parts)


def _cut(step: Step, index: int) -> str:
    """Which part of a parameter output `index` of a step is, as one would write it: `[2]`, `[0:64]`."""
    if step.operation == "split":
        whole, axis, sizes = step.shape(0), step.params["axis"], step.params["sizes"]
        start = sum(sizes[:index])
        starts = [start if each == axis else 0 for each in range(len(whole))]
        limits = [start + sizes[index] if each == axis else size for each, size in enumerate(whole)]
    elif step.operation == "slice" and all(each == 1 for each in step.params.get("strides") or ()):
        whole = step.shape(0)
        starts, limits = step.params["start_indices"], step.params["limit_indices"]
    else:
        return ""
    parts = [
        (start, limit) if (start, limit) != (0, size) else None
        for start, limit, size in zip(starts, limits, whole, strict=True)
    ]
    while parts and parts[-1] is None:
        parts.pop()
    if not parts:
        return ""
    return "[" + ", ".join(_range(part) for part in parts) + "]"


def _range(part: tuple[int, int] | None) -> str:
    if part is None:
        return ":"
    start, limit = part
    return str(start) if limit == start + 1 else f"{start}:{limit}"
