"""Describes a module that was run once: its layers, its parameters and what they are for, remarks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from xavier_cli.pytorch.layers import Layer
from xavier_cli.pytorch.modules import shared
from xavier_cli.pytorch.taps import Taps
from xavier_cli.vocabulary.network_info import BATCH_DEPENDENT, NetworkInfo, ParameterInfo, Role

Tensor = Any


def describe_module(
    module: Any,
    layers: Sequence[Layer],
    parameters: dict[str, Tensor],
    taps: Taps,
    out_of_sight: set[str],
    examples: Tensor,
    frozen: Sequence[str] = (),
) -> NetworkInfo:
    """What a run file keeps of a module.

    Its parameters `out_of_sight` are used where none can follow; `frozen` ones are not trained.
    """
    infos = tuple(layer.info for layer in layers)
    weights, biases = {each.parameter for each in infos}, {each.bias for each in infos}

    def role(name: str) -> Role:
        if name in weights:
            return "weight"
        if name in biases:
            return "bias"
        return "embedding" if name in taps.tables else "other"

    unseen = [
        f"`{operation}`, with {_listed(names)}: no known product" for operation, names in taps.hidden.items()
    ]
    if out_of_sight:
        unseen.append(f"{_listed(out_of_sight)}: used where PyTorch's calls cannot be followed")
    unused = [name for name in parameters if name not in taps.origins.met and name not in out_of_sight]
    notes = [
        f"`{again}` is `{name}`: one parameter, in two places." for again, name in shared(module).items()
    ]
    if any(isinstance(each, torch.nn.modules.batchnorm._BatchNorm) for each in module.modules()):
        notes.append(BATCH_DEPENDENT)
    if frozen:
        notes.append(f"Not trained: {_listed(frozen)} (`requires_grad` is False); dC/dW is what it would be.")
    if unused:
        notes.append(f"Not used for the logits: {_listed(unused)}.")
    if without := [layer.name for layer in layers if not any(use.has_gradient for use in layer.uses)]:
        notes.append(
            f"No gradient is taken of {_listed(without)}: gradients are switched off there (`torch.no_grad`, "
            "`checkpoint` with `use_reentrant=True`)."
        )
    if taps.drawn:
        notes.append(f"It draws random numbers when it runs ({', '.join(sorted(taps.drawn))}).")
    kinds = {each.dtype for each in parameters.values() if each.is_floating_point()}
    if others := sorted(str(each).removeprefix("torch.") for each in kinds - {torch.float32}):
        notes.append(f"It runs in {' and '.join(others)}; statistics are in float32.")
    return NetworkInfo(
        framework="PyTorch",
        layers=infos,
        parameters=tuple(
            ParameterInfo(name=name, shape=tuple(each.shape), role=role(name))
            for name, each in parameters.items()
        ),
        unseen=tuple(unseen),
        notes=tuple(notes),
    )


def _listed(names: Any, most: int = 6) -> str:
    ordered = sorted(names)
    text = ", ".join(f"`{name}`" for name in ordered[:most])
    return f"{text} and {len(ordered) - most} more" if len(ordered) > most else text
