"""Defines one place where a weight is used, and what passed it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from xavier_cli.pytorch.activations import Shares
from xavier_cli.pytorch.products import Side

Tensor = Any


@dataclass(eq=False)
class Use:
    """One place where a weight is used, and what passed it.

    **Attributes:** `number` of the weight, equal for two uses of the same; `s` after the bias, what was
    `entering`, `delta` dC/ds and `gradient` dC/dW of the summed loss (None where none came), the effective
    `weight` as it was used. `has_gradient` is false where gradients are switched off.
    """

    side: Side
    number: int
    name: str
    parameter: str
    weight: Tensor
    entering: tuple[Tensor, ...]
    s: Tensor
    units: tuple[int, ...]
    has_gradient: bool
    bias: Tensor = None
    bias_name: str = ""
    delta: Tensor = None
    gradient: Tensor = None
    applied: list[tuple[str, Shares]] = field(default_factory=list)
    handle: Any = None

    def tap(self, s: Tensor) -> None:
        """Take `s` for what this use puts out."""
        if self.handle is not None:
            self.handle.remove()
            self.handle = None
        self.s = s.detach()
        if s.requires_grad:
            self.handle = s.register_hook(self._take)

    def _take(self, delta: Tensor) -> None:
        self.delta = delta
