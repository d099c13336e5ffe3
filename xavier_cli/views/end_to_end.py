"""Says in a sentence which singular values dlogits/dx has before training, for every kind of network."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from xavier_cli.runs.record import Run
from xavier_cli.statistics.estimate import over_seeds
from xavier_cli.statistics.singular_values import AVERAGES

_WORDS = {"rms": "root mean square", "mean": "mean", "max": "maximum"}


def end_to_end_values(run: Run) -> dict[str, float]:
    """The recorded averages over singular values at record 0, over seeds; empty without Jacobians."""
    return {
        name: over_seeds(run[path]).center[0].item()
        for name in AVERAGES
        if (path := f"jacobian/end_to_end_{name}_singular_value") in run
    }


def end_to_end_sentence(values: Mapping[str, float], examples: str = "") -> str:
    """The singular values in a sentence; `examples` says over which, if that is not said elsewhere."""
    named = ("mean", "max") if "mean" in values else ("rms",)
    if not np.isfinite([values[name] for name in named]).all():
        return "The Jacobian from the input to the logits is not finite: it has no singular values."
    told = " and ".join(f"{_WORDS[name]} {values[name]:.3g}" for name in named)
    over = f", over {examples}" if examples else ""
    return f"From the input to the logits the singular values have {told}{over}."


def examples_text(run: Run) -> str:
    """Over how many probe examples the Jacobians of `run` are."""
    count = run.config.jacobian_examples
    return "1 probe example" if count == 1 else f"{count} probe examples"
