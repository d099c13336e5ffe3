"""Differentiates the logits of a module with respect to its inputs, example by example."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from xavier_cli.statistics.singular_values import EndToEnd, end_to_end
from xavier_cli.vocabulary.network_info import NetworkError

Tensor = Any


def measure_end_to_end(module: Any, x: Tensor, chosen: Sequence[int]) -> EndToEnd:
    """The singular values of dlogits/dx of the examples `chosen` among `x`, `(examples, ...)`.

    As `training.probes.end_to_end` has it: own logits by own input, the rest of the batch held fixed; alone
    where the logits are the same without the others. The module runs as it is, in whatever mode, and may
    move its buffers; within `Taps.recomputing` nothing is dropped at random. Raises `NetworkError`.
    """
    x = x.detach()
    batch, logits = _run(module, x)
    is_alone = _is_alone(module, x, chosen[0], logits)

    def products(example: int, vectors: np.ndarray) -> np.ndarray:
        if is_alone:
            return _backwards(*_run(module, x[example : example + 1]), 0, vectors)
        return _backwards(batch, logits, example, vectors)

    found = end_to_end(products, chosen, logits.shape[1], x[0].numel())
    return found._replace(is_in_batch=not is_alone)


def _run(module: Any, x: Tensor) -> tuple[Tensor, Tensor]:
    """A leaf with the examples, and the logits that depend on it, float32."""
    leaf = x.clone().requires_grad_()
    with torch.enable_grad():
        # A copy of the leaf, which may be overwritten in place.
        answer = module(leaf.clone())
        return leaf, getattr(answer, "logits", answer).float()


def _is_alone(module: Any, x: Tensor, first: int, logits: Tensor) -> bool:
    wanted = logits[first].detach()
    try:
        with torch.no_grad():
            own = _run(module, x[first : first + 1])[1][0].detach()
    except Exception:
        # Batch normalization refuses one example, and other code may count on more.
        return False
    return torch.allclose(own, wanted, rtol=1e-4, atol=1e-5 * float(wanted.abs().max()))


def _backwards(leaf: Tensor, logits: Tensor, at: int, vectors: np.ndarray) -> np.ndarray:
    rows = []
    for vector in torch.from_numpy(vectors).to(logits.device):
        try:
            (gradient,) = torch.autograd.grad(logits[at], leaf, vector, retain_graph=True, allow_unused=True)
        except RuntimeError as error:
            said = " ".join(str(error).split())[:300]
            raise NetworkError(f"its Jacobian cannot be taken: {said}") from error
        # None where the logits do not depend on the example.
        row = torch.zeros_like(leaf[at]) if gradient is None else gradient[at]
        rows.append(row.detach().float().flatten().cpu().numpy())
    return np.stack(rows)
