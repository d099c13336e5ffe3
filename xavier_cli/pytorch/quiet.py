"""Runs a module apart from what surrounds it: without hooks, autocast, compilation; on other buffers."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from typing import Any

import torch
from torch.nn.modules import module as of_all_modules

from xavier_cli.pytorch.state import full_precision, kept_random_states

Tensor = Any

_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
_GLOBAL_HOOKS = (
    "_global_forward_hooks",
    "_global_forward_pre_hooks",
    "_global_backward_hooks",
    "_global_backward_pre_hooks",
)


@contextmanager
def apart(device: str) -> Iterator[None]:
    """Compute in single precision and eagerly, whatever contexts this is called in; random states are kept.

    **Arguments:** `device`, the type of the module's device.
    """
    as_it_is = torch.autograd.graph.saved_tensors_hooks(lambda kept: kept, lambda kept: kept)
    with ExitStack() as stack:
        stack.enter_context(kept_random_states())
        stack.enter_context(full_precision())
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(as_it_is)
        for each in {"cpu", device}:
            stack.enter_context(torch.autocast(each, enabled=False))
        stack.enter_context(_eagerly())
        stack.enter_context(_no_global_hooks())
        yield


def set_apart(module: Any) -> bool:
    """Take hooks and buffers of a module away; within `kept_module`, which puts them back.

    Hooks that make a weight, of `torch.nn.utils`, stay. Returns whether others were there. Buffers are
    replaced by copies: what is saved for a gradient of the loop's own is not overwritten. Statistics over
    processes become those of this one.
    """
    had_hooks, copies = False, dict[int, Tensor]()
    for each in module.modules():
        for name in _HOOKS:
            hooks = vars(each).get(name) or {}
            others = [key for key, hook in hooks.items() if not _makes_weight(hook)]
            had_hooks = had_hooks or bool(others)
            for key in others:
                del hooks[key]
        for name, buffer in each._buffers.items():
            if buffer is not None:
                each._buffers[name] = copies.setdefault(id(buffer), buffer.detach().clone())
        if isinstance(each, torch.nn.SyncBatchNorm):
            each.forward = partial(torch.nn.modules.batchnorm._BatchNorm.forward, each)
    return had_hooks


def _makes_weight(hook: Any) -> bool:
    """Whether a hook is PyTorch's own that computes a weight: weight and spectral norm, pruning."""
    return type(getattr(hook, "__self__", hook)).__module__.startswith("torch.nn.utils")


def _eagerly() -> Any:
    """What was compiled runs as it was written, so that its calls can be followed."""
    stance = getattr(torch.compiler, "set_stance", None)
    # Where nothing was compiled, the compiler is not imported either, which takes seconds.
    if stance is None or "torch._dynamo" not in sys.modules:
        return nullcontext()
    return stance("force_eager")


@contextmanager
def _no_global_hooks() -> Iterator[None]:
    kept = {name: dict(getattr(of_all_modules, name)) for name in _GLOBAL_HOOKS}
    for name in _GLOBAL_HOOKS:
        getattr(of_all_modules, name).clear()
    try:
        yield
    finally:
        for name, hooks in kept.items():
            getattr(of_all_modules, name).update(hooks)
