"""Finds stacks of layers with one activation, and how far their variance is from what fits it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from xavier_cli.findings.health.advice import fitting_to
from xavier_cli.runs.record import Run
from xavier_cli.vocabulary.activations import ACTIVATIONS
from xavier_cli.vocabulary.initializers import INITIALIZERS
from xavier_cli.vocabulary.network_info import LayerInfo

# Standard deviations at which an activation is as it is at 0, and far out.
_NEAR, _FAR = 1e-4, 100.0
_ALIKE = 1.1


@dataclass(frozen=True)
class Chain:
    """Layers one after the other, each with the activation `act` behind it.

    `numbers` count from 0. `scale` is n Var W, the geometric mean over all but the first, whose input is not
    the activation's; of unequal widths it is that of the product of the layers.
    """

    act: str
    numbers: tuple[int, ...]
    scale: float

    @property
    def steps(self) -> int:
        """The number of layers that a signal goes through on its way from the first's activation."""
        return len(self.numbers) - 1


def chains(layers: Sequence[LayerInfo]) -> Iterator[Chain]:
    """The longest stacks of two layers or more that have the same known activation behind each."""
    start = 0
    for end in range(1, len(layers) + 1):
        if end < len(layers) and _act(layers[end]) == _act(layers[start]):
            continue
        act, within = _act(layers[start]), layers[start + 1 : end]
        if act and within:
            # The mean square of a weight, which its mean adds to.
            logs = [math.log(layer.fan_in * _mean_square(layer)) for layer in within]
            yield Chain(act, tuple(range(start, end)), math.exp(sum(logs) / len(logs)))
        start = end


def _act(layer: LayerInfo) -> str:
    """The one activation behind a layer; empty where there is none, several, or nothing drawn."""
    known = set(layer.applied)
    usable = len(known) == 1 and known <= ACTIVATIONS.keys() and _mean_square(layer) > 0 and layer.uses == 1
    return known.pop() if usable else ""


def _mean_square(layer: LayerInfo) -> float:
    drawn = layer.drawn
    return 0.0 if drawn is None or not drawn.std else drawn.std**2 + (drawn.mean or 0.0) ** 2


@dataclass(frozen=True)
class Misfit:
    """What a variance that does not fit does to a signal.

    `per_layer` is the factor on its standard deviation, of gradients going down where `is_of_gradients`.
    `fitting` is the initializer that fits, with its n Var W.
    """

    chain: Chain
    per_layer: float
    is_of_gradients: bool
    fitting: str
    fitting_scale: float

    @property
    def in_all(self) -> float:
        """The factor over the whole stack, above 1 whether it is lost or gained."""
        return math.exp(abs(math.log(self.per_layer)) * self.chain.steps)

    def measured(self, run: Run) -> float:
        """The factor between both ends before training, the median over seeds; NaN where it is not known."""
        path = "backprop/std" if self.is_of_gradients else "activation/std"
        first, last = self.chain.numbers[0], self.chain.numbers[-1]
        if path not in run or run.updates[0] != 0 or last >= run[path].shape[-1]:
            return math.nan
        stds = np.asarray(run[path][:, 0], np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = stds[:, last] / stds[:, first]
        return float(np.median(1 / ratio if self.is_of_gradients else ratio))

    def is_measured(self, run: Run) -> bool:
        """Whether the run says how the signal changes."""
        return not math.isnan(self.measured(run))

    def is_borne_out(self, run: Run) -> bool:
        """Whether what is measured, if anything, is half of what theory says, in logarithms, or more."""
        seen = self.measured(run)
        if math.isnan(seen):
            return True
        expected = math.log(self.per_layer) * self.chain.steps
        return seen == 0 if seen <= 0 else math.log(seen) / expected >= 0.5


def misfit(chain: Chain) -> Misfit | None:
    """What the stack's variance does, where another initializer does half as much or less; else None."""
    fitting = fitting_to(ACTIVATIONS[chain.act])
    scale = INITIALIZERS[fitting].variance(1, 1)
    if max(chain.scale / scale, scale / chain.scale) < _ALIKE:
        return None
    # Rounded, so that equal stacks of other draws are not computed again.
    (slope, grows), (best, _) = _slopes(chain.act, float(f"{chain.scale:.3g}"), scale)
    if not slope > 0 or abs(math.log(slope)) < 2 * abs(math.log(best)):
        return None
    return Misfit(chain, math.sqrt(slope), slope > 1 and not grows, fitting, scale)


@cache
def _slopes(act: str, *scales: float) -> list[tuple[float, bool]]:
    """For each n Var W the factor per layer on a signal's variance deep in a net, and if it has no limit."""
    # Both load jax, which reads no file of a perceptron.
    from xavier_cli.nn.activations import make_activation
    from xavier_cli.theory.edge import find_edge
    from xavier_cli.theory.quadrature import gaussian_moments

    word = ACTIVATIONS[act]
    function = make_activation(word)
    edge = find_edge(function, word.kinks, scales)
    near, far = gaussian_moments(function, [_NEAR, _FAR], word.kinks).slope_second
    found = []
    for scale, second, slope in zip(scales, edge.second, edge.slope, strict=True):
        # At 0 itself a rectifier has no slope.
        limit = scale * far if math.isnan(slope) else scale * near if second < _NEAR**2 else slope
        found.append((float(limit), math.isnan(slope)))
    return found
