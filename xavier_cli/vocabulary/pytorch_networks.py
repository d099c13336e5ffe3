"""Tells whether a function makes a network of PyTorch's, without importing PyTorch."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from xavier_cli.vocabulary.networks import Maker
from xavier_cli.vocabulary.user_code import guarded


def makes_pytorchs(name: str, maker: Maker, shapes: Mapping[str, tuple[int, ...]], classes: int) -> bool:
    """Whether the function called `name` makes a module of PyTorch's.

    `shapes` are those of one example with the channels `first`, as PyTorch has them, and `last`; the function
    is called for either, until it returns something. What goes wrong in it is said where it is used.
    """
    if draws_by_jax(maker):
        return False
    # What it changes is restored, so that it is seen to change it when it is used.
    make = guarded(name, maker)
    orders = ("first", "last") if "torch" in sys.modules else ("last", "first")
    for channels in orders:
        try:
            made = make(inputs=shapes[channels], classes=classes)
        except Exception:
            continue
        torch: Any = sys.modules.get("torch")
        return torch is not None and isinstance(made, torch.nn.Module)
    # It fails either way, which is to be told for the shape that it would be given.
    used = {getattr(each, "__name__", "").partition(".")[0] for each in _names_in(maker.function)}
    return "torch" in used and not used & {"jax", "flax", "equinox", "haiku"}


def draws_by_jax(maker: Maker) -> bool:
    """Whether the function asks for a key, or for a stream of them, as JAX's frameworks draw by."""
    return bool(maker.takes & {"key", "rngs"})


def _names_in(function: Callable[..., Any]) -> list[Any]:
    """The modules that the file of `function` has imported at its top."""
    named = getattr(function, "__globals__", {})
    return [each for each in named.values() if isinstance(each, ModuleType)]
