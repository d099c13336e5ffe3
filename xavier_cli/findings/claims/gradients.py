"""Judges claims about gradients during training, and the theory of the linear regime (section 4.2)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from xavier_cli.findings.claims.initialization import WIDTH
from xavier_cli.findings.claims.measurements import described, since
from xavier_cli.findings.claims.requirements import Evidence, NetworkKind, Requirements, select_runs
from xavier_cli.findings.claims.saturation import RATES, TANH, TANH_NORMALIZED, WHOLE
from xavier_cli.findings.claims.verdict import Judgement, UndecidedError, count, in_every_seed, span, together
from xavier_cli.runs.record import Run
from xavier_cli.theory.linear import activation_variance, backprop_variance

DRIFT = 0.845
"""Between the measured .77 to .82 per layer under standard and .87 to .90 under normalized."""
DRIFT_FROM = 50_000
SERVES_WITHIN = 2.0
"""The geometric mean of 1 and the sigmoid's error of 4, whose slope at 0 is 1/4."""
_GRADIENT = "weight_gradient/std"


def gradients_drift_apart_under_standard(material: Evidence) -> Judgement:
    """The growth of the weight gradients' std per layer is below 0.845 under S, above under N, in every seed.

    Below 1 they are larger in the lower layers, as in Figure 9.
    """
    cells = [TANH, TANH_NORMALIZED]
    scale = Requirements(WHOLE, rates=RATES, window=(DRIFT_FROM, None), arrays=(_GRADIENT,))
    standard, normalized = runs = select_runs(material, cells, scale)
    drift, together_ = _growth(standard), _growth(normalized)
    words = (
        in_every_seed(drift < DRIFT, standard.diverged),
        in_every_seed(together_ > DRIFT, normalized.diverged),
    )
    evidence = (
        f"std(dC/dW) changes from layer to layer, over layers 1-5, by a factor of {span(drift)} under "
        f"standard (below {DRIFT} in {count(drift < DRIFT)}) and {span(together_)} under normalized (above "
        f"in {count(together_ > DRIFT)}) ({described(material, *runs)})"
    )
    return Judgement(together(words), evidence, float(drift.mean()), DRIFT)


def _growth(run: Run) -> np.ndarray:
    """exp of the slope of log std(dC/dW) over layers 1-5, `(S,)`: the mean over records from 50,000 on."""
    stds = since(run, _GRADIENT, DRIFT_FROM)[..., :5]
    layer = np.arange(5) - 2.0
    with np.errstate(divide="ignore"):
        slope = np.log(stds) @ layer / (layer @ layer)
    return np.asarray(np.exp(slope).mean(axis=1))


def linear_theory_serves_tanh_and_softsign(material: Evidence) -> Judgement:
    """At record 0, at the paper's width, every layer's step by (5) or (6) is right within a factor of 2.

    Tested in every seed. A step predicts the std of a layer from the measured std of its neighbour and the
    measured variance of the weights between. The evidence also gives the error for trained networks.
    """
    words, parts, worst = [], [], 1.0
    for act in ("tanh", "softsign"):
        for init in ("standard", "normalized"):
            (run,) = select_runs(material, [NetworkKind(act, init)], Requirements(0, WIDTH, arrays=_NEEDED))
            start = _off(run, 0).max(axis=1)
            words.append(in_every_seed(start < SERVES_WITHIN, np.zeros(len(start), bool)))
            worst = max(worst, float(start.mean()))
            parts.append(f"{act} {init} {start.mean():.2f}{_later(material, NetworkKind(act, init))}")
    evidence = f"factor by which the worst step of (5) or (6) is off at the start: {'; '.join(parts)}"
    return Judgement(together(words), evidence, worst, SERVES_WITHIN)


def _later(material: Evidence, cell: NetworkKind) -> str:
    """The error after training, as text; empty where nothing was trained."""
    try:
        (run,) = select_runs(material, [cell], Requirements(1, arrays=_NEEDED))
    except UndecidedError:
        return ""
    off = _off(run, -1).mean(axis=0)
    saturated = ""
    if "activation/saturated" in run:
        layer = int(np.argmax(run["activation/saturated"][:, -1].mean(axis=0)))
        share = float(run["activation/saturated"][:, -1, layer].mean())
        saturated = f", where layer {layer + 1} is saturated to {100 * share:.0f} %"
    return f" ({off.max():.2f} after {int(run.updates[-1]):,} updates at width {run.config.width}{saturated})"


class _Steps(NamedTuple):
    up: np.ndarray
    down: np.ndarray


def _off(run: Run, record: int) -> np.ndarray:
    """The ratios of measured and linear steps, as factors of at least 1; `(S, 2·depth - 1)`.

    Upwards: layer 1's activation std from its pre-activation's, then each layer's from the second moment of
    the layer below. Downwards: each back-propagated std from that of the layer above.
    """
    at = {name: run[name][:, record].astype(np.float64) for name in _NEEDED}
    predicted = [_linear_steps(run, stds) for stds in at["weight/std"]]
    activation, backprop = at["activation/std"], at["backprop/std"]
    below = np.hypot(activation, at["activation/mean"])[:, :-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        first = activation[:, :1] / at["preactivation/std"][:, :1]
        up = activation[:, 1:] / below / np.stack([steps.up for steps in predicted])
        down = backprop[:, :-1] / backprop[:, 1:] / np.stack([steps.down for steps in predicted])
        off = np.concatenate([first, up, down], axis=1)
        return np.asarray(np.maximum(off, 1 / off))


_NEEDED = ("activation/mean", "activation/std", "preactivation/std", "backprop/std", "weight/std")


def _linear_steps(run: Run, weight_stds: np.ndarray) -> _Steps:
    """The steps of equations (5) and (6), `(depth - 1,)` each, from the weights' stds."""
    sizes = [run.facts.inputs, *run.config.widths, run.facts.classes]
    variances = [float(std) ** 2 for std in weight_stds]
    forward = np.sqrt(activation_variance(1.0, sizes, variances))
    backward = np.sqrt(backprop_variance(1.0, sizes, variances))
    return _Steps(forward[2:-1] / forward[1:-2], backward[:-2] / backward[1:-1])
