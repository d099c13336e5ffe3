"""Checks and prepares a module: what it is, which parameters it has, and in which mode it is looked at."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import torch

from xavier_cli.vocabulary.network_info import NetworkError

Tensor = Any

# What is left out at random in training, whole branches too, by other libraries' names.
_DROPS = ("Dropout", "DropPath", "StochasticDepth", "DropBlock")
_COMPILED = "_orig_mod."


def check_module(made: Any) -> Any:
    """`made`, without the wrapper of `torch.compile`; raises `NetworkError` where it cannot be looked at."""
    if inspect.isclass(made):
        raise NetworkError(f"it returns the class {made.__name__}: call it, so that it returns a network")
    if not isinstance(made, torch.nn.Module):
        raise NetworkError(f"it returns {type(made).__name__}, which is no `torch.nn.Module`")
    module = getattr(made, "_orig_mod", made)
    refuse_unfollowed(module)
    for name, each in module.named_modules():
        if hasattr(each, "_orig_mod") or getattr(each, "_compiled_call_impl", None) is not None:
            where = f"its module `{name}`" if name else "it"
            raise NetworkError(f"{where} is compiled: pass it as it was before `torch.compile`")
    return module


def refuse_unfollowed(module: Any) -> None:
    """Raise `NetworkError` for modules whose calls cannot be followed, and for complex parameters."""
    for name, each in module.named_modules():
        if isinstance(each, torch.jit.ScriptModule):
            where = f"its module `{name}`" if name else "it"
            raise NetworkError(
                f"{where} is a ScriptModule, whose calls cannot be followed: pass it as it was before "
                "`torch.jit.script` or `torch.jit.trace`"
            )
    for name, parameter in module.named_parameters():
        if parameter.is_complex():
            raise NetworkError(
                f"its parameter `{name}` is complex: keep real and imaginary parts as two parameters"
            )


def draw_lazy(module: Any, examples: Tensor) -> None:
    """Run a module once where it has lazy parameters, so that they are drawn."""
    if not any(torch.nn.parameter.is_lazy(each) for each in module.parameters()):
        return
    modes = [(each, each.training) for each in module.modules()]
    # By its running averages, so that none are moved.
    module.eval()
    try:
        with torch.no_grad():
            module(examples.clone())
    except Exception as error:
        said = " ".join(str(error).split())[:300]
        raise NetworkError(
            f"it does not run on examples of shape {tuple(examples.shape[1:])}: {said}"
        ) from error
    finally:
        for each, mode in modes:
            each.training = mode


def set_modes(module: Any) -> None:
    """Have a module run as it trains, but with nothing left out at random."""
    module.train()
    drop_nothing(module)


def drop_nothing(module: Any) -> None:
    """Have a module leave nothing out at random, in whatever mode it is."""
    for each in module.modules():
        if type(each).__name__.startswith(_DROPS) or type(each).__name__.endswith("Dropout"):
            each.eval()


def named_parameters(module: Any) -> dict[str, Tensor]:
    """All parameters by the paths that PyTorch writes."""
    return dict(module.named_parameters())


def shared(module: Any) -> dict[str, str]:
    """Further names of parameters that have several -> the first."""
    first: dict[int, str] = {}
    again = {}
    for name, each in module.named_parameters(remove_duplicate=False):
        if id(each) in first:
            again[name] = first[id(each)]
        first.setdefault(id(each), name)
    return again


def plain(tensor: Tensor) -> np.ndarray:
    """A copy of a tensor's numbers, float32."""
    return np.array(tensor.detach().float().cpu().numpy())
