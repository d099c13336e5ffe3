"""Leaves a module and the random states as they were, however the time in between ends."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

Tensor = Any


@contextmanager
def kept_random_states() -> Iterator[None]:
    """Put back the states of all global random generators: torch's of every device, NumPy's, Python's."""
    states = torch.get_rng_state(), np.random.get_state(), random.getstate()  # noqa: NPY002
    # Of a GPU that nothing was asked of there is no state yet.
    on_gpus = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    try:
        yield
    finally:
        torch.set_rng_state(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        random.setstate(states[2])
        if on_gpus is not None:
            torch.cuda.set_rng_state_all(on_gpus)


@contextmanager
def full_precision() -> Iterator[None]:
    """On a GPU, multiply in float32 as it is, without TF32."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


@contextmanager
def kept_module(module: Any) -> Iterator[None]:
    """Put back what is in a module: tensors, gradients, modes, hooks, and the containers that it fills."""
    modules = list(module.modules())
    contents = [_contents(each) for each in modules]
    tensors = [*module.parameters(), *_others(modules)]
    kept = [
        (each, each.data, each.detach().clone(), each.requires_grad, each.grad if each.is_leaf else None)
        for each in tensors
    ]
    versions = [each._version for each in tensors]
    try:
        yield
    finally:
        for each, (attributes, containers) in zip(modules, contents, strict=True):
            inside = vars(each)
            for name in inside.keys() - attributes.keys():
                del inside[name]
            inside.update(attributes)
            for container, items in containers:
                _refill(container, items)
        with torch.no_grad():
            for (tensor, data, values, wanted, gradient), version in zip(kept, versions, strict=True):
                if tensor.data_ptr() != data.data_ptr():
                    tensor.data = data
                if tensor._version != version or not torch.equal(tensor, values):
                    tensor.data.copy_(values)
                if tensor.is_leaf:
                    tensor.requires_grad_(wanted)
                    tensor.grad = gradient


def _contents(module: Any) -> tuple[dict[str, Any], list[tuple[Any, Any]]]:
    """The attributes of a module, and what is in those that are containers."""
    attributes = dict(vars(module))
    return attributes, [
        (each, type(each)(each))
        for each in attributes.values()
        if type(each) in (dict, list, set) or type(each).__name__ == "OrderedDict"
    ]


def _refill(container: Any, items: Any) -> None:
    if isinstance(container, list):
        container[:] = items
    else:
        container.clear()
        container.update(items)


def _others(modules: list[Any]) -> list[Tensor]:
    """Buffers, and tensors that a module keeps beside them."""
    found: dict[int, Tensor] = {}
    for module in modules:
        values: Mapping[str, Any] = {**vars(module), **module._buffers}
        for value in values.values():
            if isinstance(value, torch.Tensor) and not isinstance(value, torch.nn.Parameter):
                found[id(value)] = value
    return list(found.values())
