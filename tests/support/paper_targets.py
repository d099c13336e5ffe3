"""The paper's targets at initialization, as data: Shapeset in [-1, 1], depth 5, width 1000, 300 examples.

The same targets are applied to this program and to programs that are wrong in a named way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

Seen = Mapping[str, np.ndarray]
"""Means over seeds: `activation_std` `backprop_std`, `(5,)`, `weight_gradient_std`, `(6,)`, `start_loss`,
and where Jacobians were taken `mean` `rms` `geometric_mean` singular values, `(5,)`."""


@dataclass(frozen=True)
class Target:
    """A statistic of a `tanh` network and the bounds it must lie in, one pair per layer or one for all."""

    name: str
    init: str
    needs: tuple[str, ...]
    statistic: Callable[[Seen], np.ndarray]
    low: Sequence[float] | float
    high: Sequence[float] | float

    def holds(self, seen: Seen) -> bool:
        """Whether every layer's number lies within the bounds."""
        value = self.statistic(seen)
        return bool(np.all((value >= np.array(self.low)) & (value <= np.array(self.high))))


def _around(values: Sequence[float], tolerance: float) -> tuple[list[float], list[float]]:
    return [v * (1 - tolerance) for v in values], [v * (1 + tolerance) for v in values]


def _steps(seen: Seen) -> np.ndarray:
    return seen["backprop_std"][1:] / seen["backprop_std"][:-1]


def _of(name: str) -> Callable[[Seen], np.ndarray]:
    return lambda seen: seen[name][1:]


def _ratio(name: str) -> Callable[[Seen], np.ndarray]:
    return lambda seen: seen[name][1:] / seen["rms"][1:]


def _spread(seen: Seen) -> np.ndarray:
    hidden = seen["weight_gradient_std"][:5]
    return hidden.max() / hidden.min()


def _output_step(seen: Seen) -> np.ndarray:
    gradients = seen["weight_gradient_std"]
    return gradients[5] / gradients[:5].mean()


_MEAN, _RATIOS = ("mean",), ("mean", "rms", "geometric_mean")
TARGETS = tuple(
    target
    for init, std, tolerance, steps, low, high, loss in (
        (
            "standard",
            (0.31, 0.17, 0.098, 0.056, 0.032),
            0.08,
            (1.65, 1.95),
            (0.455,) * 4,
            (0.500,) * 4,
            (2.190, 2.205),
        ),
        (
            "normalized",
            (0.456, 0.384, 0.334, 0.301, 0.277),
            0.06,
            (1.05, 1.22),
            (0.66, 0.70, 0.73, 0.73),
            (0.80, 0.82, 0.82, 0.82),
            (2.22, 2.27),
        ),
    )
    for target in (
        Target(
            "activation std",
            init,
            ("activation_std",),
            lambda seen: seen["activation_std"],
            *_around(std, tolerance),
        ),
        Target("back-prop step", init, ("backprop_std",), _steps, *steps),
        Target("mean singular value", init, _MEAN, _of("mean"), low, high),
        Target("mean/RMS", init, _RATIOS, _ratio("mean"), 0.82, 0.86),
        Target("geometric/RMS", init, _RATIOS, _ratio("geometric_mean"), 0.54, 0.62),
        Target("weight-gradient std alike", init, ("weight_gradient_std",), _spread, 1.0, 1.15),
        Target("output layer's weight gradient", init, ("weight_gradient_std",), _output_step, 7.0, 11.0),
        Target("start loss", init, ("start_loss",), lambda seen: seen["start_loss"], *loss),
    )
)


def failing(seen: Seen, init: str) -> set[str]:
    """The names of the targets for `init` that `seen` misses; what was not measured is passed over."""
    return {
        target.name
        for target in TARGETS
        if target.init == init and all(name in seen for name in target.needs) and not target.holds(seen)
    }
