"""Rules about signals on their way through the layers: vanishing and exploding activations and gradients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from xavier_cli.findings.health.advice import other_start
from xavier_cli.findings.health.finding import Rule, Severity, Symptom, first_since, judged
from xavier_cli.findings.health.progress import progress
from xavier_cli.findings.layer_summary import factor_per_layer
from xavier_cli.runs.counting import known_records
from xavier_cli.runs.layer_statistics import BY_PATH
from xavier_cli.runs.record import Run
from xavier_cli.sanitize import LARGE

RATE, SPAN = 1.4, 5.0
STALLS = 2 ** (21 / 2)
"""What a signal loses over the deepest network that still trains, and more than which none does: rectifiers
lose a factor of √2 per layer under the normalized initialization, and train with 22 layers, not with 30."""


@dataclass(frozen=True)
class _Along:
    """A rule about a statistic that vanishes or explodes: upwards for activations, else downwards.

    `custom_path` is what is judged of a custom network. What enters its last layer may have been pooled, and
    what leaves that may be drawn smaller on purpose, so that it is the output of all other weight layers, as
    in He et al.'s derivation. They come in the order of execution, not along one path: where branches lie
    side by side the factor per layer is understated, and a rule speaks less often, never more.
    """

    path: str
    up: bool
    vanishes: bool
    custom_path: str = ""

    def __call__(self, run: Run) -> Iterator[Symptom]:
        """Compares both ends of the network at the last record, or at the first if training recovered."""
        steps = run.config.depth - 1
        if steps < 1:
            return
        is_users = run.config.network.is_users
        path = (is_users and self.custom_path) or self.path
        if path not in run:
            return
        at = judged(run, path, lambda values: self._grave(self._factor(values), SPAN, steps)[..., None])
        known = known_records(run)
        factor = self._factor(at.center[known])
        if not len(factor):
            return
        holds = at.mask[known, 0]
        if is_users and not (at.center[known][..., [0, -1]] > 0).all():
            # A layer that gives 0, as the last of a residual branch may, is passed by on a skip.
            return
        # A problem at the start that training overcame is a note, not a warning.
        record = -1 if holds[-1] else 0
        if not holds[record]:
            return
        recovered = not holds[-1]
        grave = self._grave(factor, STALLS, steps)
        span = factor**steps
        sign = "shrinks" if self.vanishes else "grows"
        ends = "in all"
        if is_users:
            first_and_last = (1, run.config.depth) if self.up else (run.config.depth, 1)
            ends = "from layer {} to layer {}".format(*first_and_last)
        evidence = (
            f"{BY_PATH[path].spoken} {sign} by a factor of {factor[record]:.3g} per layer, "
            f"{self._written(span[record])} {ends}"
        )
        expected = self._expected(run)
        if np.isfinite(expected):
            evidence += f"; theory expects {expected:.3g} per layer at the start"
        if recovered:
            first = int(run.updates[known][np.flatnonzero(~holds)[0]])
            evidence += f"; recovered by update {first:,}"
        # Less than what stalls a training is a cause only of what is seen to have stalled.
        matters = not recovered and (grave[-1] or bool(progress(run).stuck.any()))
        severity: Severity | None = None if matters else "note"
        yield Symptom(
            evidence,
            other_start(run.config) if matters else "",
            tuple(range(1, run.config.depth + 1)),
            0 if recovered else first_since(run, holds),
            {"per_layer": float(factor[record]), "in_all": float(span[record]), "theory": float(expected)},
            severity,
            "" if recovered else at.rests_on(0, int(np.flatnonzero(known)[-1])),
        )

    @staticmethod
    def _written(number: float) -> str:
        return f"{number:,.3g}" if number < 1e3 else f"{number:,.0f}" if number < LARGE else f"{number:.3g}"

    def _grave(self, factor: np.ndarray, most: float, steps: int) -> np.ndarray:
        with np.errstate(over="ignore"):
            return np.asarray((factor >= RATE) & (factor**steps >= most))

    def _factor(self, values: np.ndarray) -> np.ndarray:
        """The change per layer of `(…, L)` in the direction of the rule, `(…)`: above 1 if it holds."""
        return factor_per_layer(values, self.up, self.vanishes)

    def _expected(self, run: Run) -> float:
        theory = f"theory/{BY_PATH[self.path].name}"
        if theory not in run:
            return float("nan")
        return float(self._factor(run[theory].astype(np.float64)))


_PAPER = "Glorot & Bengio 2010"
_TRAVELS = (
    f"a factor of {RATE:g} or more per layer at the last record; a warning from {STALLS:,.0f} over the "
    f"network on, or from {SPAN:g} on where a seed is on a plateau, else a note"
)
_TRAVELS_FROM = (
    f"{_PAPER}, section 4.2: tanh keeps 1.05-1.22 per layer under normalized, loses 1.65-1.95 under "
    "standard; He et al. 2015: rectifiers that lose √2 per layer train with 22 layers and stall with 30"
)

RULES = (
    Rule(
        "vanishing-activations",
        "warning",
        "the spread of activations falls from layer to layer going up",
        _TRAVELS,
        f"{_TRAVELS_FROM}, equation (5)",
        _Along("activation/std", up=True, vanishes=True, custom_path="preactivation/std"),
        ("activation/std",),
        ("diverged", "symmetric-units", "wrong-fans", "wrong-gain", "dead-units"),
    ),
    Rule(
        "exploding-activations",
        "warning",
        "the spread of activations grows from layer to layer going up",
        _TRAVELS,
        f"{_TRAVELS_FROM}, equation (5)",
        _Along("activation/std", up=True, vanishes=False, custom_path="preactivation/std"),
        ("activation/std",),
        ("diverged", "symmetric-units", "wrong-fans", "wrong-gain"),
    ),
    Rule(
        "vanishing-gradients",
        "warning",
        "the back-propagated gradient shrinks from layer to layer going down",
        _TRAVELS,
        f"{_TRAVELS_FROM}, equation (6) and Figure 7",
        _Along("backprop/std", up=False, vanishes=True),
        ("backprop/std",),
        (
            "diverged",
            "symmetric-units",
            "wrong-fans",
            "wrong-gain",
            "dead-units",
            "saturated-layer",
            "vanishing-activations",
        ),
    ),
    Rule(
        "exploding-gradients",
        "warning",
        "the back-propagated gradient grows from layer to layer going down",
        _TRAVELS,
        f"{_TRAVELS_FROM}, equation (6)",
        _Along("backprop/std", up=False, vanishes=False),
        ("backprop/std",),
        ("diverged", "symmetric-units", "wrong-fans", "wrong-gain", "exploding-activations"),
    ),
)
