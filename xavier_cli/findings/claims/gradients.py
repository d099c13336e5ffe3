"""Judges the claim about gradients during training (section 4.2.2, Figure 9)."""

from __future__ import annotations

import math

import numpy as np

from xavier_cli.findings.claims.initialization import WEIGHT_GRADIENT_RATIO
from xavier_cli.findings.claims.measurements import counted, described, since
from xavier_cli.findings.claims.requirements import Evidence, Requirements, select_runs
from xavier_cli.findings.claims.saturation import RATES, TANH, TANH_NORMALIZED, WHOLE
from xavier_cli.findings.claims.verdict import (
    Judgement,
    Word,
    positive,
    together,
    with_interval,
    without_diverged,
)
from xavier_cli.runs.record import Run
from xavier_cli.statistics.difference import equivalence
from xavier_cli.statistics.estimate import Estimate, mean_over_seeds

DRIFT_FROM = 50_000
ALPHA = 0.05
_GRADIENT = "weight_gradient/std"
_LAYERS = 5
MARGIN = math.log(WEIGHT_GRADIENT_RATIO) / (_LAYERS - 1)
"""Per layer: over the network layers are alike within 15 %, as they are at initialization."""


def gradients_drift_apart_under_standard(material: Evidence) -> Judgement:
    """The slope of log std(dC/dW) over layers 1 to 5 is below 0 under S, and alike within 15 % under N.

    The slope is the mean over records from 50,000 updates on. Below 0 gradients are larger in the lower
    layers, as in Figure 9: the 95 % interval under S. Under N the slope lies within log(1.15)/4 per layer by
    two one-sided tests; not where its 95 % interval lies outside.
    """
    cells = [TANH, TANH_NORMALIZED]
    scale = Requirements(WHOLE, rates=RATES, window=(DRIFT_FROM, None), arrays=(_GRADIENT,))
    standard, normalized = runs = select_runs(material, cells, scale)
    logs = [counted(run, _logs(run)) for run in runs]
    slopes = [_slope(each) for each in logs]
    drift, other = map(mean_over_seeds, slopes)
    words = [positive(mean_over_seeds(-slopes[0])), _alike(normalized, slopes[1], other)]
    over = [math.exp(float(np.mean(np.ptp(each, axis=1)))) for each in logs]
    evidence = (
        f"log std(dC/dW) changes per layer, over layers 1-5, by {with_interval(drift, 3)} under standard and "
        f"{with_interval(other, 3)} under normalized (alike within ± {MARGIN:.3f}); the largest layer is "
        f"{over[0]:.2f} and {over[1]:.2f} times the smallest; means of the records from {DRIFT_FROM:,} "
        f"updates on ({described(material, *runs)})"
    )
    word = without_diverged(together(words), standard.diverged, normalized.diverged)
    return Judgement(word, evidence, drift.mean, 0.0)


def _alike(run: Run, slopes: np.ndarray, estimate: Estimate) -> Word:
    """Whether `slopes` over the seeds that count lie within the margin; `estimate` is theirs."""
    seeds = run.seeds[~run.diverged].tolist()
    if equivalence(slopes, np.zeros(len(slopes)), seeds, seeds, MARGIN).p < ALPHA:
        return "holds"
    return "does_not_hold" if estimate.low > MARGIN or estimate.high < -MARGIN else "undecided"


def _logs(run: Run) -> np.ndarray:
    """log std(dC/dW) of layers 1-5, its mean over records from 50,000 updates on; `(S, 5)`."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(since(run, _GRADIENT, DRIFT_FROM)[..., :_LAYERS]).mean(axis=1))


def _slope(logs: np.ndarray) -> np.ndarray:
    """The slope over layers by least squares, `(S,)`."""
    layer = np.arange(_LAYERS) - (_LAYERS - 1) / 2
    return np.asarray(logs @ layer / (layer @ layer))
