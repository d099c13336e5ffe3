"""Explains why seeds diverged: what was not finite first, and whether a lower rate could help."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from xavier_cli.runs.record import Run

# At a lower rate the first update cannot make a finite weight infinite, whatever the gradient.
_HIGHEST = 1e6
# Tensor -> its name in a sentence, and the verb after it.
_FORWARD = {"preactivation": ("pre-activations", "are"), "activation": ("activations", "are")}
_BACKWARD = {"backprop": ("back-propagated gradient", "is"), "weight_gradient": ("weight gradient", "is")}


class Divergence(NamedTuple):
    """An explanation: `words` say what happened and when; `rate_helps` says whether to try a lower rate."""

    words: str
    rate_helps: bool


def why_diverged(run: Run) -> Divergence:
    """Explain why seeds of `run` diverged; of the datasets only `final/diverged_at` is required."""
    lost = run["final/diverged_at"][run.diverged]
    words = f"{len(lost)} of {len(run.seeds)} seeds diverged, the first at update {int(lost.min()):,}"
    before = next(_not_finite_before(run), "")
    if before:
        return Divergence(f"{words}: at the start {before}, which no rate can help", False)
    if lost.min() > 0 or run.lr > _HIGHEST:
        return Divergence(words, True)
    return Divergence(
        f"{words}, though all was finite on the probe examples: what is not finite is in the training "
        "examples or in the update, not in the rate",
        False,
    )


def _not_finite_before(run: Run) -> Iterator[str]:
    """Yield what is not finite at record 0, in the order of the computation."""
    for paths, layers in ((_FORWARD, slice(None)), (None, slice(None)), (_BACKWARD, slice(None, None, -1))):
        if paths is None:
            if "curves/valid_loss" in run and not np.isfinite(_first(run, "curves/valid_loss")).all():
                yield "the loss is not finite"
            continue
        bad: dict[tuple[str, str], np.ndarray] = {}
        for tensor, words in paths.items():
            if f"{tensor}/std" in run:
                bad[words] = ~np.isfinite(_first(run, f"{tensor}/std")).all(axis=0)
        depth = max(map(len, bad.values()), default=0)
        for layer in range(depth)[layers]:
            for (named, are), at in bad.items():
                if layer < len(at) and at[layer]:
                    yield f"the {named} of layer {layer + 1} {are} not finite or too large for float32"


def _first(run: Run, path: str) -> np.ndarray:
    """The dataset at record 0, for the seeds that diverged; empty where there is no such record."""
    values = np.asarray(run[path])[run.diverged]
    return values[:, 0] if len(run.updates) and run.updates[0] == 0 else values[:0, 0]
