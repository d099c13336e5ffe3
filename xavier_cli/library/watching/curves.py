"""Keeps the losses and errors that a loop tells between two records."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from xavier_cli.errors import ConfigError
from xavier_cli.vocabulary import lookup
from xavier_cli.vocabulary.metrics import CURVES

TRAINED = ("train_loss", "train_error")
"""Averaged since the record before; the others are the newest that were told."""
TOLD = (*CURVES, "train_error")
_MOST_WAITING = 256


class ToldCurves:
    """What a loop told: of training, the mean since the record before; of held-out examples, the newest.

    A number that is still being computed on a device is waited for only when a record is due.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, list[Any]] = {}
        self._sums: dict[str, tuple[float, int]] = {}
        self._newest: dict[str, float] = {}

    def take(self, told: Mapping[str, Any]) -> None:
        """Keep what was told; raises `ConfigError` for an unknown name and for what is no such number."""
        for name, value in told.items():
            if name not in TOLD:
                raise ConfigError(f"record: {lookup.unknown_message('metric', name, TOLD)}")
            value = _one_number(name, value)
            if name not in TRAINED:
                self._newest[name] = _checked(name, value)
            elif isinstance(value, float):
                self._add(name, _checked(name, value))
            else:
                waiting = self._waiting.setdefault(name, [])
                waiting.append(value)
                if len(waiting) > _MOST_WAITING:
                    # The first half was computed long ago.
                    self._fold(name, _MOST_WAITING // 2)

    def newest(self) -> dict[str, float]:
        """What was told last of held-out examples."""
        return dict(self._newest)

    def means(self) -> dict[str, float]:
        """The means of what was told of training since they were last taken, NaN for nothing."""
        for name in [*self._waiting]:
            self._fold(name, len(self._waiting[name]))
        found = {name: total / count for name, (total, count) in self._sums.items() if count}
        self._sums.clear()
        return {"train_loss": math.nan, **found}

    @property
    def has_means(self) -> bool:
        """Whether something was told of training since the means were taken."""
        return bool(self._sums) or any(self._waiting.values())

    def _add(self, name: str, value: float) -> None:
        total, count = self._sums.get(name, (0.0, 0))
        self._sums[name] = total + value, count + 1

    def _fold(self, name: str, count: int) -> None:
        waiting = self._waiting[name]
        for each in waiting[:count]:
            self._add(name, _checked(name, float(each)))
        del waiting[:count]


def _one_number(name: str, value: Any) -> Any:
    """A float, or the array of one number that a device still computes."""
    if isinstance(value, int | float):
        return float(value)
    shape = getattr(value, "shape", None)
    if shape is None or math.prod(shape) != 1:
        held = f"shape {tuple(shape)}" if shape is not None else type(value).__name__
        raise ConfigError(f"record: {name} is to be one number, not {held}: tell its mean")
    if not hasattr(value, "detach"):
        # Of JAX or NumPy; JAX's are never overwritten.
        return value if type(value).__module__.startswith("jax") else float(value.reshape(()))
    value = value.detach().reshape(())
    # The loop may overwrite it, and the processor has it already.
    return float(value) if value.device.type == "cpu" else value.clone()


def _checked(name: str, value: Any) -> float:
    number = float(value.reshape(())) if hasattr(value, "reshape") else float(value)
    if name.endswith("_error") and not math.isnan(number) and not -1e-6 <= number <= 1 + 1e-6:
        raise ConfigError(
            f"record: {name} is a share from 0 to 1, not {number:g}: an error of 12.5 % is 0.125"
        )
    return min(max(number, 0.0), 1.0) if name.endswith("_error") else number
