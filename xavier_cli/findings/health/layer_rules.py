"""Rules about what a layer was expected to be: after training by its start, before it by theory."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from xavier_cli.findings.expectation import PATHS
from xavier_cli.findings.health.advice import lower_rate, other_start
from xavier_cli.findings.health.finding import Rule, Severity, Symptom, first_since, judged
from xavier_cli.findings.health.progress import progress
from xavier_cli.runs.counting import layers_over_seeds
from xavier_cli.runs.record import Run
from xavier_cli.statistics.tails import reach
from xavier_cli.vocabulary.tensors import JACOBIAN

COLLAPSED, GROWN = 0.2, 5.0
FALSE_ALARMS = 0.001


def _drift(run: Run) -> Iterator[Symptom]:
    """Collapse is judged against the layer's own start, growth against what any start should have had."""
    fell = judged(run, _over_start(run, "activation/std"), lambda ratio: ratio <= COLLAPSED)
    severity: Severity | None = None if progress(run).stuck.any() else "note"
    for layer in np.flatnonzero(fell.mask[-1]):
        ratio = fell.center[-1, layer]
        yield Symptom(
            f"the activation std of layer {layer + 1} fell to {ratio:.2g} of what it started with",
            other_start(run.config),
            (int(layer) + 1,),
            first_since(run, fell.mask[:, layer]),
            {"activation_std": _first_and_last(run, "activation/std", int(layer))},
            severity,
            fell.rests_on(int(layer)),
        )
    # Output weights grow without bound on data that can be separated (Soudry et al. 2018).
    usual = 1 / np.sqrt(_fans_in(run))
    grew = judged(run, _over_start(run, "weight/std", usual), lambda ratio: ratio >= GROWN)
    for layer in np.flatnonzero(grew.mask[-1]):
        ends = _first_and_last(run, "weight/std", int(layer))
        yield Symptom(
            f"the weight std of layer {layer + 1} grew from {ends[0]:.3g} to {ends[1]:.3g}, where "
            f"{usual[layer]:.3g} keeps a signal's variance",
            lower_rate(run.config, run.lr),
            (int(layer) + 1,),
            first_since(run, grew.mask[:, layer]),
            {"weight_std": ends},
            rests_on=grew.rests_on(int(layer)),
        )


def _fans_in(run: Run) -> list[int]:
    """The numbers of inputs of each unit in the layers below the output layer."""
    if run.network is not None:
        return [layer.fan_in for layer in run.network.layers[:-1]]
    return [run.facts.inputs, *run.config.widths[:-1]]


def _over_start(run: Run, path: str, least: np.ndarray | None = None) -> np.ndarray:
    """An array of hidden layers over its first record, or over `least`, `(L,)`, where that is more."""
    values = np.asarray(run[path], dtype=np.float64)[..., : run.config.depth]
    start = values[:, :1] if least is None else np.maximum(values[:, :1], least)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # A layer whose units are alike starts with no spread at all, and is told of by `symmetric-units`.
        return np.where(start > 0, values / start, 1.0)


def _first_and_last(run: Run, path: str, layer: int) -> list[float]:
    return [float(value) for value in layers_over_seeds(run, path).center[[0, -1], layer]]


def _not_as_predicted(run: Run) -> Iterator[Symptom]:
    """Tests every seed by itself, against bounds for one seed, stretched for the number of comparisons."""
    asked = {
        name: path
        for name, path in PATHS.items()
        if {path, *(f"theory/{name}{end}" for end in ("", "_low", "_high"))} <= run.arrays.keys()
    }
    tests = sum(int(np.isfinite(run[f"theory/{name}_high"]).sum()) for name in asked) * len(run.seeds)
    stretched = reach(tests, FALSE_ALARMS)
    for name, path in asked.items():
        predicted = run[f"theory/{name}"].astype(np.float64)
        measured = run[path][:, 0].astype(np.float64)
        low, high = (predicted * run[f"theory/{name}_{side}"] ** stretched for side in ("low", "high"))
        # In the unit of the distance to the bound on that side; NaN where no bound is known.
        with np.errstate(divide="ignore", invalid="ignore"):
            log = np.log(measured / predicted)
            far = log / np.abs(np.log(np.where(log < 0, low, high) / predicted))
        far = np.where(np.isfinite(measured), np.nan_to_num(far), 0)
        layers = np.flatnonzero((np.abs(far) > 1).any(axis=0))
        if len(layers):
            seed, worst = np.unravel_index(np.abs(far).argmax(), far.shape)
            value = float(measured[seed, worst])
            beyond = np.asarray((np.abs(far) > 1).any(axis=1))
            yield Symptom(
                f"{name} of layer {worst + 1} is {value:.3g} at seed {int(run.seeds[seed])} before training, "
                f"outside {low[worst]:.3g} to {high[worst]:.3g}, where theory expects it "
                f"({predicted[worst]:.3g})",
                "",
                tuple((layers + 1).tolist()),
                0,
                {
                    "quantity": name,
                    "measured": value,
                    "predicted": float(predicted[worst]),
                    "low": float(low[worst]),
                    "high": float(high[worst]),
                    "seeds": run.seeds[beyond].tolist(),
                },
                rests_on=_thin_evidence(run, name, beyond),
            )


def _thin_evidence(run: Run, name: str, seeds: np.ndarray) -> str:
    """What a deviation of the statistic `name` in `seeds`, a mask, rests on, where that is a single thing."""
    if PATHS[name].startswith(f"{JACOBIAN.name}/") and run.config.jacobian_examples == 1:
        return "one example"
    return "one seed" if len(seeds) > 1 and seeds.sum() == 1 else ""


RULES = (
    Rule(
        "variance-drift",
        "warning",
        "a hidden layer's activations collapsed, or its weights grew too large, since the first record",
        f"activation std at {COLLAPSED:g} of its start or less, a note unless a seed is on a plateau; weight "
        f"std at {GROWN:g} times its start or more, and {GROWN:g} times what keeps a signal's variance",
        "Glorot & Bengio 2010, equation (10): n Var W = 1; weights drawn smaller than that have to grow",
        _drift,
        ("activation/std", "weight/std"),
        (
            "diverged",
            "symmetric-units",
            "exploding-activations",
            "dead-units",
            "saturated-layer",
            "vanishing-activations",
        ),
    ),
    Rule(
        "not-as-predicted",
        "warning",
        "the network before training is not what theory expects of this initialization",
        f"beyond what one seed in a million reaches (further out for many seeds and layers), so that at most "
        f"{FALSE_ALARMS:.1%} of healthy runs are blamed",
        "bounds in the run file (`theory/*_low`, `*_high`): from networks drawn from the same distribution, "
        "their tails taken as exponential in the logarithm",
        _not_as_predicted,
        ("theory/activation_std_low", "theory/activation_std_high"),
        because_of=("symmetric-units", "odd-data"),
    ),
)
