"""What a network looks like inside, layer by layer, in one number each: means over the seeds."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np

from xavier_cli.runs.record import Run

# Dataset -> field, for what is there per hidden layer and per layer of weights.
_PER_LAYER = {
    "activation/mean": "activation_mean",
    "activation/std": "activation_std",
    "activation/saturated": "saturated",
    "activation/inactive": "inactive",
    "activation/dead": "dead",
    "backprop/std": "backprop_std",
}
_PER_WEIGHT_LAYER = {"weight/std": "weight_std", "weight_gradient/std": "weight_gradient_std"}
DATASETS = (*_PER_LAYER, *_PER_WEIGHT_LAYER)


@dataclass(frozen=True)
class Layer:
    """One layer at one record; NaN is "not recorded", and what a layer of weights alone does not have.

    `number` counts from the input up; the last is the output layer. Shares are fractions.
    """

    number: int
    name: str
    activation_mean: float = math.nan
    activation_std: float = math.nan
    saturated: float = math.nan
    inactive: float = math.nan
    dead: float = math.nan
    backprop_std: float = math.nan
    weight_std: float = math.nan
    weight_gradient_std: float = math.nan


def layers_at(run: Run, record: int = -1) -> tuple[Layer, ...]:
    """Every layer of `run` at a record, hidden ones first; the last record unless another is asked for.

    Means are over the seeds that did not diverge, or over all where every one did.
    """
    kept = kept_seeds(run)
    depth = run.config.depth
    found: list[dict[str, float]] = [{} for _ in range(depth + 1)]
    for names in (_PER_LAYER, _PER_WEIGHT_LAYER):
        for path, field in names.items():
            if path in run:
                for layer, value in enumerate(finite_mean(run[path][kept, record])):
                    found[layer][field] = value
    return tuple(
        Layer(number, "output" if number > depth else f"hidden {number}", **values)
        for number, values in enumerate(found, start=1)
        if values
    )


def over_time(run: Run, array: str | np.ndarray) -> np.ndarray:
    """An array of `run`, or what its path names, `(S, R, ...)`: the mean over the seeds of `layers_at`."""
    return _mean((run[array] if isinstance(array, str) else array)[kept_seeds(run)])


def kept_seeds(run: Run) -> np.ndarray:
    """Shape `(S,)`: the seeds that did not diverge, or all where every one did."""
    return ~run.diverged if not run.diverged.all() else np.ones(len(run.seeds), bool)


def finite_mean(values: np.ndarray) -> list[float]:
    """Mean over the first axis of what is finite; NaN where nothing is."""
    return [float(value) for value in _mean(values)]


def _mean(values: np.ndarray) -> np.ndarray:
    finite = np.where(np.isfinite(values), values.astype(np.float64), np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return np.asarray(np.nanmean(finite, axis=0))
