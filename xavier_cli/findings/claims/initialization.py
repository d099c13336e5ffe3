"""Judges claims about untrained networks (section 4.2.2, Figures 6 to 8): tanh, depth 5, width 1000."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from xavier_cli.findings.claims.measurements import described
from xavier_cli.findings.claims.requirements import Evidence, Requirements, select_runs
from xavier_cli.findings.claims.saturation import TANH, TANH_NORMALIZED
from xavier_cli.findings.claims.verdict import Judgement, between, together
from xavier_cli.runs.record import Run
from xavier_cli.statistics.estimate import mean_over_seeds

WIDTH = 1000
"""The least width: at 200 the first back-propagated step under normalized is already 1.24, out of bounds."""
JACOBIAN_EXAMPLES = 16
"""The least number of examples: the mean singular value of layer 2 varies between images."""


class Bounds(NamedTuple):
    """Lower and upper bounds of the mean over seeds, one pair per layer."""

    low: tuple[float, ...]
    high: tuple[float, ...]


def _around(values: tuple[float, ...], share: float) -> Bounds:
    return Bounds(tuple(v * (1 - share) for v in values), tuple(v * (1 + share) for v in values))


ACTIVATION_STD = {
    "standard": _around((0.31, 0.17, 0.098, 0.056, 0.032), 0.08),
    "normalized": _around((0.456, 0.384, 0.334, 0.301, 0.277), 0.06),
}
BACKPROP_STEP = {
    "standard": Bounds((1.65,) * 4, (1.95,) * 4),
    "normalized": Bounds((1.05,) * 4, (1.22,) * 4),
}
SINGULAR_VALUE = {
    "standard": Bounds((0.455,) * 4, (0.500,) * 4),
    "normalized": Bounds((0.66, 0.70, 0.73, 0.73), (0.80, 0.82, 0.82, 0.82)),
}
MEAN_OVER_RMS, GEOMETRIC_OVER_RMS = Bounds((0.82,) * 4, (0.86,) * 4), Bounds((0.54,) * 4, (0.62,) * 4)
WEIGHT_GRADIENT_RATIO = 1.15


def _both(
    material: Evidence,
    what: str,
    arrays: tuple[str, ...],
    statistic: Callable[[Run], np.ndarray],
    bounds: Mapping[str, Bounds],
    jacobian_examples: int = 0,
) -> Judgement:
    """Whether the means over seeds of `statistic(run)`, `(S, L)`, lie in the `bounds` of both initializers.

    The statistic of the finding is the mean over layers under standard.
    """
    scale = Requirements(0, WIDTH, arrays=arrays, jacobian_examples=jacobian_examples)
    runs = select_runs(material, [TANH, TANH_NORMALIZED], scale)
    seen = {run.config.init: statistic(run) for run in runs}
    words = [between(values, *bounds[init]) for init, values in seen.items()]
    parts = [
        f"{_layers(values, bounds[init])} under {init}{_spread(values)}" for init, values in seen.items()
    ]
    evidence = f"{what} {'; '.join(parts)} ({described(material, *runs)})"
    return Judgement(together(words), evidence, float(seen["standard"].mean()))


def _layers(values: np.ndarray, bounds: Bounds) -> str:
    """The means as text; those out of bounds are followed by the bounds."""
    return " ".join(
        f"{mean:.3f}" + ("" if low <= mean <= high else f" (not {low:.3f}-{high:.3f})")
        for mean, low, high in zip(values.mean(axis=0), *bounds, strict=True)
    )


def _spread(values: np.ndarray) -> str:
    """The widest of the columns' 95 % intervals, as text."""
    widest = max(mean_over_seeds(column).half_width for column in values.T)
    return f" (95 % within ± {widest:.3f})" if np.isfinite(widest) else ""


def _at_start(run: Run, path: str) -> np.ndarray:
    return run[path][:, 0].astype(np.float64)


def activations_shrink_under_standard(material: Evidence) -> Judgement:
    """The std of layers 1 to 5 is that of STATISTICS within 8 % under S and 6 % under N."""
    path = "activation/std"
    what = "std of the activations, layers 1-5:"
    return _both(material, what, (path,), lambda run: _at_start(run, path), ACTIVATION_STD)


def backprop_shrinks_under_standard(material: Evidence) -> Judgement:
    """The back-propagated std of a layer is 1.65 to 1.95 times that below under S, 1.05 to 1.22 under N."""
    path = "backprop/std"

    def steps(run: Run) -> np.ndarray:
        stds = _at_start(run, path)
        return np.asarray(stds[:, 1:] / stds[:, :-1])

    return _both(material, "back-propagated std, steps from layer 1 up:", (path,), steps, BACKPROP_STEP)


def weight_gradients_alike_at_start(material: Evidence) -> Judgement:
    """The largest std(dC/dW) of the hidden layers is at most 1.15 times the smallest, for both initializers.

    The two layers are found from the means over seeds: the extremes of each seed would include noise.
    """
    path = "weight_gradient/std"

    def ratio(run: Run) -> np.ndarray:
        stds = _at_start(run, path)[:, : run.config.depth]
        means = stds.mean(axis=0)
        return np.asarray(stds[:, [int(means.argmax())]] / stds[:, [int(means.argmin())]])

    what = "std(dC/dW), the largest hidden layer's over the smallest's:"
    bounds = Bounds((0.0,), (WEIGHT_GRADIENT_RATIO,))
    finding = _both(material, what, (path,), ratio, {"standard": bounds, "normalized": bounds})
    return replace(finding, threshold=WEIGHT_GRADIENT_RATIO)


def jacobian_singular_values(material: Evidence) -> Judgement:
    """Mean singular values of layers 2 to 5 are near 0.49 under S and 0.76 under N, with the right ratios.

    These are mean/RMS and geometric mean/RMS, which are those of a random matrix for all images.
    """
    averages = [f"jacobian/{name}_singular_value" for name in ("mean", "rms", "geometric_mean")]

    def three(run: Run) -> np.ndarray:
        mean, rms, geometric = (_at_start(run, path)[:, 1:] for path in averages)
        return np.concatenate([mean, mean / rms, geometric / rms], axis=1)

    bounds = {
        init: Bounds(
            own.low + MEAN_OVER_RMS.low + GEOMETRIC_OVER_RMS.low,
            own.high + MEAN_OVER_RMS.high + GEOMETRIC_OVER_RMS.high,
        )
        for init, own in SINGULAR_VALUE.items()
    }
    what = "singular values of layers 2-5, their mean, mean/RMS, geometric mean/RMS:"
    return _both(material, what, tuple(averages), three, bounds, JACOBIAN_EXAMPLES)
