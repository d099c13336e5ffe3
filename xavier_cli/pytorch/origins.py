"""Follows through the calls of PyTorch what each tensor depends on: the example, parameters, or neither."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.weak import WeakTensorKeyDictionary

if TYPE_CHECKING:
    from xavier_cli.pytorch.use import Use

Tensor = Any


@dataclass(frozen=True)
class Origin:
    """What a tensor is made of.

    `example` and `parameter`: whether it depends on either. `number` is equal for two tensors only if they
    are the same by the same computation. `name` is the parameter that it mostly is, the one with the most
    numbers (`size`). `units` are the axes that are a layer's units, where that is known.
    """

    number: int
    example: bool = False
    parameter: bool = False
    name: str = ""
    size: int = 0
    units: tuple[int, ...] | None = None
    names: frozenset[str] = frozenset()

    @property
    def is_weight(self) -> bool:
        """Whether it depends on parameters alone."""
        return self.parameter and not self.example


@dataclass(eq=False)
class Origins:
    """The origins of all tensors that were seen.

    `still` are those that are what a layer put out; `met` the parameters that met the example in a call.
    """

    parameters: Mapping[str, Tensor]
    known: Any = field(default_factory=WeakTensorKeyDictionary)
    still: Any = field(default_factory=WeakTensorKeyDictionary)
    met: set[str] = field(default_factory=set)
    _numbers: dict[Hashable, int] = field(default_factory=dict)
    _leaves: dict[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, parameter in self.parameters.items():
            self._leaves[id(parameter)] = name
            self.known[parameter] = Origin(
                self.number("parameter", name),
                parameter=True,
                name=name,
                size=parameter.numel(),
                names=frozenset({name}),
            )

    def number(self, *computation: Hashable) -> int:
        """The number of a computation, the same for the same one."""
        return self._numbers.setdefault(computation, len(self._numbers))

    def _another(self) -> int:
        """A number that nothing else has."""
        return self.number("another", len(self._numbers))

    def set_example(self, x: Tensor) -> None:
        """Say that `x` is the example; floats are made of a leaf that wants a gradient, as parameters are."""
        self.known[x] = Origin(self._another(), example=True)

    def of(self, tensor: Tensor) -> Origin:
        """The origin of a tensor: of one that was made out of sight, by its gradient's way."""
        found = self.known.get(tensor)
        if found is None and tensor._base is not None:
            found = self.known.get(tensor._base)
        if found is None:
            found = self._by_gradient(tensor) if tensor.grad_fn is not None else None
        if found is None:
            found = Origin(self._another())
        self.known[tensor] = found
        return found

    def _by_gradient(self, tensor: Tensor) -> Origin:
        """By the leaves that the gradient of `tensor` goes to."""
        names, example, seen, ahead = set[str](), False, set[Any](), [tensor.grad_fn]
        while ahead:
            node = ahead.pop()
            if node is None or node in seen:
                continue
            seen.add(node)
            leaf = getattr(node, "variable", None)
            if leaf is not None:
                name = self._leaves.get(id(leaf))
                names |= {name} if name else set()
                example = example or name is None
            ahead += [each for each, _ in node.next_functions]
        main = max(names, key=lambda name: self.parameters[name].numel(), default="")
        size = self.parameters[main].numel() if main else 0
        return Origin(self._another(), example, bool(names), main, size, names=frozenset(names))

    def note(
        self, name: str, arguments: Sequence[Tensor], rest: Callable[[], str], made: Sequence[Tensor]
    ) -> None:
        """Say that the call `name` made the tensors `made` of `arguments` and other things, `rest()`."""
        given = [self.of(each) for each in arguments]
        example = any(each.example for each in given)
        if example:
            self.met.update(*(each.names for each in given if each.is_weight))
        of_parameters = [each for each in given if each.parameter]
        main = max(of_parameters, key=lambda each: each.size, default=None)
        names = (
            frozenset(name for each in of_parameters for name in each.names) if not example else frozenset()
        )
        for index, tensor in enumerate(made):
            self.known[tensor] = Origin(
                -1 if example else self.number(name, index, rest(), *(each.number for each in given)),
                example,
                main is not None,
                main.name if main else "",
                main.size if main else 0,
                moved_units(arguments, given, tensor),
                names,
            )

    def note_change(self, changed: Tensor, arguments: Sequence[Tensor]) -> None:
        """Say that `changed` was overwritten in place, by what is in `arguments`."""
        given = [self.of(each) for each in arguments]
        if any(each.example for each in given):
            self.met.update(*(each.names for each in given if each.is_weight))
        before = self.of(changed)
        main = max((each for each in given if each.parameter), key=lambda each: each.size, default=before)
        after = replace(
            before,
            number=self.number("changed", before.number, *(each.number for each in given)),
            example=any(each.example for each in given),
            parameter=any(each.parameter for each in given),
            name=main.name,
            size=main.size,
            names=frozenset(name for each in given for name in each.names),
        )
        self.known[changed] = after
        if changed._base is not None:
            whole = self.of(changed._base)
            self.known[changed._base] = replace(
                after, number=self.number("changed", whole.number, after.number), units=whole.units
            )

    def still_of(self, tensors: Iterable[Tensor]) -> Use | None:
        """The use of a layer of which one of the tensors is still what it put out."""
        return next((use for each in tensors if (use := self.still.get(each)) is not None), None)


def tensors_in(value: Any) -> Iterator[Tensor]:
    """All tensors in an argument or a result, within lists, tuples and mappings."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for each in value:
            yield from tensors_in(each)
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from tensors_in(each)


def moved_units(arguments: Sequence[Tensor], given: Sequence[Origin], made: Tensor) -> tuple[int, ...] | None:
    """Where the unit axes of a call's argument stand in what it makes, None where that cannot be said."""
    for tensor, origin in zip(arguments, given, strict=True):
        units = origin.units
        if units is None or any(axis >= tensor.ndim for axis in units):
            continue
        if made.untyped_storage().data_ptr() == tensor.untyped_storage().data_ptr():
            # A view has the same steps through memory.
            places = {made.stride(axis): axis for axis in range(made.ndim) if made.shape[axis] > 1}
            wanted = [tensor.stride(axis) for axis in units if tensor.shape[axis] > 1]
            return tuple(places[each] for each in wanted) if all(each in places for each in wanted) else None
        if made.ndim == tensor.ndim and all(made.shape[axis] == tensor.shape[axis] for axis in units):
            return units
        return None
    return None


def cut(parameter: Tensor, part: Tensor) -> str:
    """Which part of a parameter a view of it is, as one would write it: `[0:64]`; empty for all of it."""
    if (
        part.untyped_storage().data_ptr() != parameter.untyped_storage().data_ptr()
        or part.numel() == parameter.numel()
    ):
        return ""
    extents = {part.stride(axis): part.shape[axis] for axis in range(part.ndim)}
    rest = part.storage_offset() - parameter.storage_offset()
    texts: list[str] = []
    for axis in range(parameter.ndim):
        stride, size = parameter.stride(axis), parameter.shape[axis]
        start, rest = divmod(rest, stride)
        extent = extents.get(stride, 1)
        whole = (start, extent) == (0, size)
        texts.append(":" if whole else str(start) if extent == 1 else f"{start}:{start + extent}")
    while texts and texts[-1] == ":":
        texts.pop()
    return "[" + ", ".join(texts) + "]" if texts else ""
