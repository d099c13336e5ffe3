"""Sorts the calls of PyTorch by what they do, and opens those that are written in Python."""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import torch

from xavier_cli.pytorch.origins import tensors_in

Tensor = Any


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ASKS = _words("""
    size dim ndimension numel nelement element_size stride is_contiguous storage_offset data_ptr get_device
    untyped_storage item tolist numpy is_floating_point is_complex type has_names _set_grad_enabled __len__
    __bool__ __repr__ __hash__ __format__ __set__ requires_grad_ register_hook retain_grad
""")
"""They ask about a tensor or set something of it, and make none."""
ADDS = _words("add add_ __add__ __radd__ __iadd__ sub sub_ __sub__ __isub__")
OVERWRITES = _words(
    "__setitem__ __iadd__ __isub__ __imul__ __itruediv__ __idiv__ __ipow__ __iand__ __ior__ __ixor__"
)
MOVES = _words("""
    view reshape flatten unflatten transpose permute t swapaxes swapdims movedim moveaxis squeeze unsqueeze
    contiguous to float view_as reshape_as type_as __get__
""")
"""They arrange the same numbers otherwise; `__get__` of `T`, `mT` and `data`."""
PICKS = _words("embedding embedding_bag index_select __getitem__ gather take take_along_dim")
DROPOUT = _words("dropout alpha_dropout feature_dropout feature_alpha_dropout dropout1d dropout2d dropout3d")
DRAWS = _words("""
    rand randn rand_like randn_like randint randint_like randperm bernoulli bernoulli_ normal normal_ uniform_
    multinomial exponential_ poisson gumbel_softmax
""")
"""They draw random numbers."""


def overwritten(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Tensor]:
    """The tensors that a call overwrites."""
    changed = list(tensors_in(kwargs.get("out")))
    in_place = (name.endswith("_") and not name.endswith("__")) or name in OVERWRITES
    if in_place and args and isinstance(args[0], torch.Tensor):
        changed.append(args[0])
    return changed


def plain_arguments(args: Any, kwargs: Any) -> list[Any]:
    """The arguments that are no tensors."""
    every = [*args, *kwargs.items()]
    return [each for each in every if not any(True for _ in tensors_in(each))]


def name_of(func: Callable[..., Any]) -> str:
    """The function's name: of `torch.ops.aten.linear.default` `linear`, of another room's with its room."""
    name = getattr(func, "__name__", type(func).__name__)
    if isinstance(func, (torch._ops.OpOverload, torch._ops.OpOverloadPacket)):
        room, _, within = str(func).partition(".") if "::" not in str(func) else str(func).partition("::")
        name = within.partition(".")[0]
        return name if room == "aten" else f"{room}::{name}"
    return str(name)


@cache
def opened(func: types.FunctionType) -> Callable[..., Any]:
    """`func` without its question whether its arguments want to be called otherwise: its calls are seen."""
    asks = [name for name in func.__globals__ if name.startswith("has_torch_function")]
    scope = {**func.__globals__, **dict.fromkeys(asks, lambda *_: False)}
    function = types.FunctionType(func.__code__, scope, func.__name__, func.__defaults__, func.__closure__)
    function.__kwdefaults__ = func.__kwdefaults__
    return function
