"""Runs a module once on examples, and takes the gradients of what its weight layers put out."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import torch

from xavier_cli.pytorch.layers import Layer, gather
from xavier_cli.pytorch.taps import Taps
from xavier_cli.vocabulary.network_info import NetworkError

Tensor = Any


def examine(
    module: Any, parameters: dict[str, Tensor], examples: Tensor, total: Callable[[Any, Taps], Tensor]
) -> tuple[tuple[Layer, ...], Taps, set[str]]:
    """The layers of a module, with all that passed them, and the parameters that are used out of sight.

    **Arguments:** `module`, in the mode that it is to run in, within `kept_module`: all parameters are made
    to want a gradient; `examples`, a leaf; `total`, which takes the summed loss from what the module returns.

    Raises `NetworkError`.
    """
    taps, answer = pass_tapped(module, parameters, examples)
    with torch.enable_grad():
        reached = _differentiate(total(answer, taps), taps, parameters)
    return gather(taps.uses), taps, reached


def pass_tapped(module: Any, parameters: dict[str, Tensor], examples: Tensor) -> tuple[Taps, Any]:
    """What passed the module's layers, and what it returned; arguments and errors as of `examine`."""
    for each in parameters.values():
        if each.is_floating_point():
            each.requires_grad_()
    taps = Taps(parameters)
    with torch.enable_grad():
        return taps, _run(module, taps, examples)


def _run(module: Any, taps: Taps, examples: Tensor) -> Any:
    # A copy of the leaf, which may be overwritten in place.
    x = (examples.requires_grad_() if examples.is_floating_point() else examples).clone()
    taps.origins.set_example(x)
    try:
        with taps:
            return module(x)
    except NetworkError:
        raise
    except Exception as error:
        raise cannot_run(error, examples) from error


def cannot_run(error: Exception, examples: Tensor) -> NetworkError:
    """What to say of a module that fails on the examples."""
    said = " ".join(str(error).split()) or type(error).__name__
    said = said if len(said) <= 300 else f"{said[:300]} …"
    if isinstance(error, TypeError) and "positional argument" in said:
        return NetworkError(f"its `forward` is to take one batch of examples, nothing else: {said}")
    return NetworkError(
        f"it does not run on examples of shape {tuple(examples.shape[1:])}: {said}{_remedy(said)}"
    )


def _remedy(said: str) -> str:
    """What PyTorch's message about shapes asks for; empty where nobody knows."""
    if "mat1 and mat2 shapes" in said or "linear(): input and weight" in said:
        return (
            "; flatten an example before its first dense layer, `nn.Flatten()`, and take sizes from `inputs`"
        )
    if "out of memory" in said:
        return "; fewer examples take less"
    return (
        "; take the number of channels from `inputs[0]`" if re.search(r"to have \d+ channels", said) else ""
    )


def _differentiate(loss: Tensor, taps: Taps, parameters: dict[str, Tensor]) -> set[str]:
    """Take dC/ds and dC/dW of every use; returns the parameters that the loss depends on out of sight."""
    unmet = [name for name in parameters if name not in taps.origins.met]
    unmet = [name for name in unmet if parameters[name].requires_grad]
    wanted = [alias for _, alias in taps.weights]
    try:
        with taps.recomputing():
            gradients = torch.autograd.grad(
                loss, [*wanted, *(parameters[name] for name in unmet)], allow_unused=True
            )
    except RuntimeError as error:
        said = " ".join(str(error).split())
        if "checkpoint" in said:
            said = "it recomputes activations: pass `use_reentrant=False` to `checkpoint`"
        raise NetworkError(f"its gradient cannot be taken: {said[:300]}") from error
    for (use, _), gradient in zip(taps.weights, gradients, strict=False):
        use.gradient = gradient
    return {
        name for name, gradient in zip(unmet, gradients[len(wanted) :], strict=True) if gradient is not None
    }
