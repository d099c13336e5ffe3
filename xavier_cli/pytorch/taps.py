"""Runs a network of PyTorch's and keeps what passes its weight layers on the way.

Every call of PyTorch is intercepted: a product or convolution of which one side depends on parameters alone
and the other on the example is a use of a weight layer, whoever calls it. Kernels that hide such products are
written out (`written_out`), and nothing is dropped out.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from xavier_cli.pytorch.activations import count_shares, recognise
from xavier_cli.pytorch.calls import (
    ADDS,
    ASKS,
    DRAWS,
    DROPOUT,
    MOVES,
    PICKS,
    name_of,
    opened,
    overwritten,
    plain_arguments,
)
from xavier_cli.pytorch.origins import Origins, cut, tensors_in
from xavier_cli.pytorch.products import SIGNATURES, Side, may_hide_a_product, sides
from xavier_cli.pytorch.use import Use
from xavier_cli.pytorch.written_out import RECURRENT, WRITTEN_OUT, einsum_in_pairs

Tensor = Any


class Taps(TorchFunctionMode):  # type: ignore[misc]
    """Intercepts the calls of a network.

    **Attributes:** `uses`, in order of execution; `weights`, by use, what to take gradients by; `tables`, the
    names of embeddings; `hidden`, what could not be looked into, with the parameters in it; `drawn`, which
    random functions were called.
    """

    def __init__(self, parameters: Mapping[str, Tensor]):
        super().__init__()
        self.origins = Origins(parameters)
        self.uses: list[Use] = []
        self.weights: list[tuple[Use, Tensor]] = []
        self.tables: set[str] = set()
        self.hidden: dict[str, set[str]] = {}
        self.drawn: set[str] = set()
        self.is_watching = True
        self._inside: list[Any] = []
        self._held: dict[int, list[Use]] = {}

    @contextmanager
    def recomputing(self):  # type: ignore[no-untyped-def]
        """For a backward pass: what is computed again is computed in the same way, and not watched."""
        self.is_watching = False
        with self:
            yield

    def __torch_function__(
        self, func: Callable[..., Any], types_: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Call `func` and keep what passes."""
        kwargs = kwargs or {}
        name = name_of(func)
        if name in ASKS:
            return func(*args, **kwargs)
        if name.rstrip("_") in DROPOUT:
            return args[0] if args else kwargs["input"]
        if name == "native_dropout":
            return args[0], torch.ones_like(args[0], dtype=torch.bool)
        if name == "rrelu":
            args, kwargs = args[:3], {key: each for key, each in kwargs.items() if key != "training"}
            return self._call(func, name, args, kwargs)
        if name == "scaled_dot_product_attention":
            args = (*args[:4], 0.0, *args[5:]) if len(args) > 4 else args
            kwargs = kwargs if len(args) > 4 else {**kwargs, "dropout_p": 0.0}
        # What is computed again has to be written out again, and its tensors are not known.
        if name in RECURRENT:
            # Of packed sequences the state comes third, behind the sizes.
            place = 2 if isinstance(args[3], (tuple, list)) else 1
            args = (*args[:place], self._as_example(args[place]), *args[place + 1 :])
        if name in RECURRENT or (name in WRITTEN_OUT and self.is_watching and self._mixes(args, kwargs)):
            with self:
                return WRITTEN_OUT[name](*args, **kwargs)
        if name == "einsum":
            return self._einsum(func, args)
        if isinstance(func, types.FunctionType) and name != "softsign":
            return self._enter(func, args, kwargs)
        return self._call(func, name, args, kwargs)

    def _enter(self, func: types.FunctionType, args: Any, kwargs: Any) -> Any:
        if func in self._inside:
            return self._call(func, name_of(func), args, kwargs)
        self._inside.append(func)
        try:
            with self:
                return opened(func)(*args, **kwargs)
        finally:
            self._inside.remove(func)

    def _einsum(self, func: Callable[..., Any], args: Any) -> Any:
        equation, *operands = args
        if not isinstance(equation, str):  # letters as lists of numbers
            return self._call(func, "einsum by numbers", args, {})
        operands = list(operands[0]) if isinstance(operands[0], (tuple, list)) else operands
        if len(operands) > 2 and self._mixes(operands, {}):
            with self:
                return einsum_in_pairs(equation, *operands)
        return self._call(func, "einsum", (equation, *operands), {})

    def _mixes(self, args: Any, kwargs: Any) -> bool:
        """Whether an argument depends on parameters alone, and another on the example."""
        given = [self.origins.of(each) for each in (*tensors_in(args), *tensors_in(kwargs))]
        return any(each.is_weight for each in given) and any(each.example for each in given)

    def _as_example(self, state: Any) -> Any:
        """A first state of a recurrence as what it becomes: of the example, so that every step is a use."""
        if isinstance(state, (tuple, list)):
            return type(state)(self._as_example(each) for each in state)
        if not isinstance(state, torch.Tensor) or not state.is_floating_point() or not self.is_watching:
            return state
        origin = self.origins.of(state)
        again = state.clone()
        self.origins.known[again] = replace(origin, number=-1, example=True)
        return again

    def _call(self, func: Callable[..., Any], name: str, args: Any, kwargs: Any) -> Any:
        if not self.is_watching:
            return func(*args, **kwargs)
        tensors = [*tensors_in(args), *tensors_in(kwargs)]
        if name in DRAWS:
            self.drawn.add(name)
        changed = overwritten(name, args, kwargs)
        for each in changed:
            self._save(each)
        origins = self.origins
        if tensors and self.uses:
            self._apply(name, args, kwargs)
        side, given = self._side(name, args, kwargs) if len(tensors) > 1 else (None, {})
        if side is not None:
            result = self._use(func, side, given, args, kwargs)
        else:
            if len(tensors) > 1:
                self._pick(name, args, tensors)
            result = func(*args, **kwargs)
        made = list(tensors_in(result))
        if not made and not changed:
            return result
        still = origins.still_of(tensors) if side is None else None
        bias = self._added(name, still, tensors) if still is not None else None
        for each in changed:
            origins.note_change(each, tensors)
        old = [*changed, *tensors]
        fresh = [each for each in made if not any(each is one for one in old)]
        origins.note(name, tensors, lambda: repr(plain_arguments(args, kwargs)), fresh)
        if side is not None:
            self._begin(made[0], side)
        elif still is not None and made:
            self._go_on(name, still, bias, tensors, made[0])
        return result

    def _save(self, changed: Tensor) -> None:
        """Copy what is held of a tensor before it is overwritten."""
        if changed.layout != torch.strided:
            return
        for use in self._held.pop(changed.untyped_storage().data_ptr(), ()):
            use.s = use.s.clone()
            use.entering = tuple(each.clone() for each in use.entering)

    def _hold(self, use: Use) -> None:
        for each in (use.s, *use.entering):
            if each.layout == torch.strided:
                self._held.setdefault(each.untyped_storage().data_ptr(), []).append(use)

    def _side(self, name: str, args: Any, kwargs: Any) -> tuple[Side | None, dict[str, Any]]:
        """What a call is as a weight layer, None if it is none, and its arguments by name."""
        if name not in SIGNATURES or not self._mixes(args, kwargs):
            return None, {}
        given = dict(zip(SIGNATURES[name], args, strict=False)) | kwargs
        for side in sides(name, given):
            weight = self.origins.of(given[side.weight])
            if given[side.weight].is_complex():
                continue
            if weight.is_weight and any(self.origins.of(given[each]).example for each in side.entering):
                return side, given
        return None, {}

    def _use(
        self, func: Callable[..., Any], side: Side, given: Mapping[str, Any], args: Any, kwargs: Any
    ) -> Any:
        weight = given[side.weight]
        origin = self.origins.of(weight)
        parameter = self.origins.parameters[origin.name]
        # A name of its own for this use, so that its gradient is of this use alone.
        alias = weight.view_as(weight)
        result = func(
            *(alias if each is weight else each for each in args),
            **{key: alias if each is weight else each for key, each in kwargs.items()},
        )
        bias = given.get("bias")
        use = Use(
            side,
            origin.number,
            origin.name + cut(parameter, weight),
            origin.name,
            weight.detach(),
            tuple(given[each].detach() for each in side.entering),
            result.detach(),
            side.units,
            result.requires_grad,
        )
        if bias is not None:
            use.bias, use.bias_name = bias.detach(), self.origins.of(bias).name
        self.uses.append(use)
        if result.requires_grad and alias.requires_grad:
            self.weights.append((use, alias))
        return result

    def _begin(self, s: Tensor, side: Side) -> None:
        use = self.uses[-1]
        use.tap(s)
        self._hold(use)
        self.origins.still[s] = use
        self.origins.known[s] = replace(self.origins.of(s), units=side.units)

    def _added(self, name: str, use: Use, tensors: Sequence[Tensor]) -> Tensor | None:
        """The bias that a call adds to what a layer put out, if it does: a number per unit."""
        if name not in ADDS or use.bias is not None or len(tensors) != 2:
            return None
        other = tensors[1] if self.origins.still.get(tensors[0]) is use else tensors[0]
        sizes = 1
        for axis in use.units:
            sizes *= use.s.shape[axis]
        is_bias = self.origins.of(other).is_weight and other.numel() == sizes
        return other if is_bias else None

    def _go_on(
        self, name: str, use: Use, bias: Tensor | None, tensors: Sequence[Tensor], made: Tensor
    ) -> None:
        """After a call on what a layer put out: it is moved, or has its bias now, or is used up."""
        origins = self.origins
        for each in tensors:
            origins.still.pop(each, None)
        if bias is not None:
            use.bias, use.bias_name = bias.detach(), origins.of(bias).name
            if (units := origins.of(made).units) is not None:
                use.units = units
            elif made.ndim != use.s.ndim:
                use.units = (made.ndim - 1,)
            use.tap(made)
            self._hold(use)
        elif name in MOVES and made.numel() == use.s.numel():
            origins.still[made] = use

    def _apply(self, name: str, args: Any, kwargs: Any) -> None:
        """Count the inputs of a known activation function behind the last use of a layer."""
        applied = recognise(name, args, kwargs)
        if applied is None:
            return
        known, values = applied
        of = args[0] if args else kwargs["input"]
        origin = self.origins.of(of)
        if not origin.example or not values.is_floating_point():
            return
        units = origin.units
        if units is None or any(axis >= values.ndim for axis in units):
            if known.guards_perhaps:
                return
            units = (1,) if values.ndim in (2, 4, 5) else (values.ndim - 1,)
        self.uses[-1].applied.append((known.name, count_shares(known, values, units)))

    def _pick(self, name: str, args: Any, tensors: Sequence[Tensor]) -> None:
        """Note embeddings, and calls that may hide a product."""
        first = self.origins.of(tensors[0])
        is_complex = name in SIGNATURES and any(each.is_complex() for each in tensors)
        if name in PICKS and first.is_weight:
            if name.startswith("embedding") or any(self.origins.of(each).example for each in tensors[1:]):
                self.tables.add(first.name)
        elif (is_complex or may_hide_a_product(name)) and self._mixes(tensors, {}):
            name = f"{name} of complex numbers" if is_complex else name
            names = {self.origins.of(each).name for each in tensors if self.origins.of(each).is_weight}
            self.hidden.setdefault(name, set()).update(names)
