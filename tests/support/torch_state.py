"""All of a training in PyTorch that can be compared: tensors, gradients, modes, hooks, random states."""

from __future__ import annotations

import pickle
import random

import numpy as np
import torch


def state_of(module, optimizer=None):
    """A dictionary of bytes and texts; equal for two trainings that are bit for bit the same."""
    found = {}
    for name, each in (*module.named_parameters(), *module.named_buffers()):
        found[f"{name} values"] = each.detach().cpu().float().numpy().tobytes(), str(each.dtype)
        found[f"{name} wants a gradient"] = each.requires_grad
        found[f"{name} gradient"] = None if each.grad is None else each.grad.float().numpy().tobytes()
    for name, each in module.named_modules():
        found[f"{name} training"] = each.training
        found[f"{name} hooks"] = [
            [getattr(hook, "__qualname__", type(hook).__qualname__) for hook in getattr(each, kind).values()]
            for kind in HOOKS
        ]
        found[f"{name} attributes"] = sorted(vars(each))
        found[f"{name} order"] = list(each._modules), list(each._buffers), list(each._parameters)
    if optimizer is not None:
        for at, state in enumerate(optimizer.state.values()):
            found[f"optimizer {at}"] = {
                key: torch.as_tensor(each).float().numpy().tobytes() for key, each in state.items()
            }
    return found | {
        "torch": torch.get_rng_state().numpy().tobytes(),
        "numpy": pickle.dumps(np.random.get_state()),  # noqa: NPY002
        "python": pickle.dumps(random.getstate()),
        "grad mode": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
        "autocast": torch.is_autocast_enabled("cpu"),
    }


HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
