"""Judges the theory of the linear regime, and the maps per image, by layers' stds (section 4.2.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from xavier_cli.findings.claims.initialization import WIDTH
from xavier_cli.findings.claims.measurements import described
from xavier_cli.findings.claims.requirements import Evidence, NetworkKind, Requirements, select_runs
from xavier_cli.findings.claims.saturation import RATES
from xavier_cli.findings.claims.verdict import (
    Judgement,
    UndecidedError,
    Word,
    between,
    together,
    with_interval,
)
from xavier_cli.runs.record import Run
from xavier_cli.statistics.estimate import mean_over_seeds
from xavier_cli.theory.linear import activation_variance, backprop_variance

WITHIN = 0.10
"""How far a prediction may be off, over the whole depth."""
CELLS = tuple(NetworkKind(act, init) for act in ("tanh", "softsign") for init in ("standard", "normalized"))
_MEASURED = ("activation/std", "preactivation/std", "backprop/std", "weight/std")
_PREDICTED = ("theory/activation_std", "theory/backprop_std")


def linear_theory_serves_tanh_and_softsign(material: Evidence) -> Judgement:
    """Equations (5) and (6) as printed predict every layer's std before training within 10 %, at width 1000.

    Compounded over the depth: activations from layer 1's measured pre-activations up, back-propagated
    gradients from the top hidden layer's down, by the measured variances of the weights between. The 95 %
    interval of predicted over measured lies inside in every layer; not where one lies outside.
    """
    return _serves(material, "(5) and (6)", _MEASURED, lambda run: _by_equations(run, 0))


def per_image_theory_serves_tanh_and_softsign(material: Evidence) -> Judgement:
    """The maps per image predict every layer's std before training within 10 %, at width 1000.

    These predictions stand in the run file (`theory/activation_std`, `theory/backprop_std`): they start from
    the images and the formula of the initialization, and take nothing that was measured in the network.
    """
    needed = ("activation/std", "backprop/std", *_PREDICTED)
    return _serves(material, "the maps per image", needed, _by_maps)


def _serves(
    material: Evidence, theory: str, needed: tuple[str, ...], ratios: Callable[[Run], np.ndarray]
) -> Judgement:
    """Whether predicted over measured stds, `(S, 2·depth)`, are 1 within 10 % for both activations."""
    words: list[Word] = []
    parts, runs, worst = [], [], 1.0
    for cell in CELLS:
        (run,) = select_runs(material, [cell], Requirements(0, WIDTH, arrays=needed))
        values = ratios(run)
        layers = [1 - WITHIN] * values.shape[1], [1 + WITHIN] * values.shape[1]
        words.append(between(values, *layers))
        means = values.mean(axis=0)
        worst = max(worst, means[np.argmax(np.abs(np.log(means)))], key=lambda ratio: abs(np.log(ratio)))
        runs.append(run)
        forward, backward = np.split(means, 2)
        parts.append(f"{cell} up {_listed(forward)}, down {_listed(backward[::-1])}")
    evidence = (
        f"predicted over measured std by {theory}, activations from layer 1 up and gradients from layer "
        f"{runs[0].config.depth} down: {'; '.join(parts)} ({described(material, *runs)}, before training)"
    )
    return Judgement(together(words), evidence, float(worst), 1 + WITHIN)


def _listed(ratios: np.ndarray) -> str:
    return " ".join(f"{ratio:.2f}" for ratio in ratios)


def linear_theory_along_training(material: Evidence) -> Judgement:
    """An estimate: the same ratios of (5) and (6) at the last record, at the ends of the depth.

    The paper says only that they serve before training. Given with 95 % intervals over the seeds that did not
    diverge, for each activation and initializer that was trained.
    """
    parts, worst, runs = [], 1.0, []
    for cell, run in _trained(material):
        values = _by_equations(run, -1)
        up, down = (
            mean_over_seeds(values[~run.diverged, i]) for i in (run.config.depth - 1, run.config.depth)
        )
        worst = max(worst, up.mean, down.mean, key=lambda ratio: abs(np.log(ratio)))
        runs.append(run)
        parts.append(
            f"{cell} layer {run.config.depth} up {with_interval(up)}, layer 1 down {with_interval(down)}"
        )
    evidence = (
        f"predicted over measured std by (5) and (6) at the last record: {'; '.join(parts)} "
        f"({described(material, *runs)})"
    )
    return Judgement("estimate", evidence, float(worst))


def _trained(material: Evidence) -> Iterator[tuple[NetworkKind, Run]]:
    """The trained networks of the claim; raises `UndecidedError` where there is none of any kind."""
    missing, found = None, False
    for cell in CELLS:
        try:
            (run,) = select_runs(material, [cell], Requirements(20_000, rates=RATES, arrays=_MEASURED))
        except UndecidedError as error:
            missing = missing or error
            continue
        if not run.diverged.all():
            found = True
            yield cell, run
    if missing and not found:
        raise missing


def _by_equations(run: Run, record: int) -> np.ndarray:
    """Predicted over measured stds by (5), layers 1 to depth, then by (6), the same; `(S, 2·depth)`."""
    stds = {name: run[name][:, record].astype(np.float64) for name in _MEASURED}
    sizes = [run.facts.inputs, *run.config.widths, run.facts.classes]
    rows = []
    for weights, first, top in zip(
        stds["weight/std"], stds["preactivation/std"][:, 0], stds["backprop/std"][:, -1], strict=True
    ):
        variances = (weights**2).tolist()
        # Both start at a hidden layer that was measured, so that the inputs and the loss do not matter.
        up = activation_variance(first**2, sizes[1:-1], variances[1:-1])
        down = backprop_variance(top**2, sizes[:-1], variances[:-1])
        rows.append(np.sqrt(np.concatenate([up, down])))
    return _over_measured(run, np.array(rows), record)


def _by_maps(run: Run) -> np.ndarray:
    """Predicted over measured stds by the run file's theory, as `_by_equations`; `(S, 2·depth)`."""
    return _over_measured(run, np.concatenate([run[path] for path in _PREDICTED])[None], 0)


def _over_measured(run: Run, predicted: np.ndarray, record: int) -> np.ndarray:
    measured = [run[name][:, record].astype(np.float64) for name in ("activation/std", "backprop/std")]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(predicted / np.concatenate(measured, axis=1))
