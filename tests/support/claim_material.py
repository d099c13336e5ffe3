"""Runs and surfaces made up so that every claim of the paper holds, and ways to make them wrong.

Only what a claim reads is shaped; the rest is `make_run`'s. Layer by layer the numbers are those that were
seen in real runs, or that STATISTICS and the paper give.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from xavier_cli.runs.record import Run
from xavier_cli.runs.result import Result
from xavier_cli.runs.schema import dims
from xavier_cli.runs.surface import Surface
from xavier_cli.runs.svm import SupportVectorMachine, SvmConfig

Make = Callable[..., Run]
Runs = list[Run | Result]

FINITE = "shapeset:50000"

FIVE = {
    ("sigmoid", "standard"): 0.833,
    ("tanh", "standard"): 0.594,
    ("tanh", "normalized"): 0.477,
    ("softsign", "standard"): 0.478,
    ("softsign", "normalized"): 0.474,
}
"""Late test errors at laptop scale; softsign's under standard as the paper has it, not as it was seen."""
PAPER = {
    ("sigmoid", "standard"): 0.8261,
    ("tanh", "standard"): 0.2715,
    ("tanh", "normalized"): 0.1560,
    ("softsign", "standard"): 0.1627,
    ("softsign", "normalized"): 0.1606,
}
FIGURE_11 = {
    ("tanh", "standard"): (0.48, 0.39, 0.275),
    ("softsign", "standard"): (0.34, 0.27, 0.17),
    ("tanh", "normalized"): (0.34, 0.26, 0.158),
}
_ONLY = (
    "curves",
    "activation",
    "preactivation",
    "backprop",
    "weight_gradient",
    "weight",
    "logits",
    "final/test_correct",
    "jacobian",
)
P98 = {
    ("tanh", "standard"): (1.0, 0.6, 0.52, 0.42, 0.35),
    ("tanh", "normalized"): (1.0, 1.0, 1.0, 1.0, 0.95),
    ("softsign", "standard"): (0.93, 0.85, 0.82, 0.84, 0.6),
}
# Density of |z| at 0, 0.05, ... of layer 1.
_HISTOGRAMS = {"tanh": (3, 2, 1, 0.5, 0.3, 0.2, 1.5), "softsign": (0.5, 0.6, 0.6, 0.8, 1.5, 1.4, 0.1)}
_ENDS = (0.0, 0.1, 0.3, 0.6, 0.7, 0.8, 0.9)


def laptop(make: Make, **settings: object) -> Runs:
    """The five rows at 100,000 updates and width 300, the sigmoid's at rate 0.1 for 30,000."""
    runs: Runs = []
    for (act, init), error in FIVE.items():
        own = {"lr": 0.1, "updates": 30_000} if act == "sigmoid" else {"lr": 0.03, "updates": 100_000}
        runs.append(_trained(make, act, init, error, **{**own, "records": "21", **settings}))
    return runs


def paper(make: Make, **settings: object) -> Runs:
    """The five rows and the sigmoid of depth 4 at the paper's own scale."""
    scale = {"updates": 2_500_000, "width": 1000, "records": "126", "lr": 0.01, **settings}
    runs: Runs = [_trained(make, act, init, error, **scale) for (act, init), error in PAPER.items()]
    runs.append(_trained(make, "sigmoid", "standard", 0.35, **{**scale, "depth": 4}))
    return runs


def pretrained(make: Make, **settings: object) -> Runs:
    """MNIST: tanh normalized without and with auto-encoders beforehand, and a sigmoid from RBMs."""
    scale = {"data": "mnist", "width": 100, "updates": 2000, "records": "21", "lr": 0.03, **settings}
    plain = _trained(make, "tanh", "normalized", 0.09, **scale)
    better = _trained(make, "tanh", "normalized", 0.07, pretrain="dae", **scale)
    noise = np.linspace(-0.003, 0.003, len(better.seeds))[:, None]
    errors = {"curves/test_error": better["curves/test_error"] + noise}
    sigmoid = _trained(make, "sigmoid", "standard", 0.10, pretrain="rbm", **scale)
    means = {"activation/mean": _layers(sigmoid, np.full(5, 0.47))}
    return [plain, altered(better, **errors), altered(sigmoid, **means)]


def probes(make: Make, **settings: object) -> Runs:
    """The networks at initialization, width 1000."""
    scale = {"updates": 0, "width": 1000, "jacobian_examples": 16, **settings}
    return [
        _probe(make, act, init, **scale)
        for act in ("tanh", "softsign", "sigmoid")
        for init in ("standard", "normalized")
    ]


def finite(make: Make, **settings: object) -> Runs:
    """Tanh normalized on a finite Shapeset, and a support vector machine that errs 60 % of the time."""
    run = _trained(
        make, "tanh", "normalized", 0.49, **{"lr": 0.03, "updates": 100_000, "records": "21", **settings}
    )
    return [replace(run, config=run.config.with_(data=FINITE)), machine(0.6)]


def machine(error: float, **settings: object) -> SupportVectorMachine:
    """A support vector machine with this test error over 10,000 examples."""
    config = SvmConfig.of(data=FINITE, **settings)
    costs, gammas = len(config.cost), len(config.gamma)
    arrays = {
        **config.fixed_scales(),
        "svm/example": np.arange(10_000, dtype=np.int32),
        "svm/class": np.arange(9, dtype=np.int32),
        # The best is in the middle of the grid.
        "svm/valid_error": error + 0.01 * np.abs(np.arange(costs * gammas) - 4.0).reshape(costs, gammas),
        "svm/test_correct": (np.arange(10_000) >= 10_000 * error).astype(np.int8),
        "svm/support_vectors": np.full(9, 5000, np.int32),
    }
    return SupportVectorMachine(config, arrays, created_utc="2025-01-02T03:04:05.678+00:00")


def beyond(make: Make, **settings: object) -> Runs:
    """ReLU networks on MNIST as the source has them, and two frameworks' defaults at depth 10."""
    deep = {"he_normal": (0.06, 500), "normalized": (0.887, 10_000)}
    runs = [_relu(make, init, *seen, depth=30, **settings) for init, seen in deep.items()]
    runs.append(_relu(make, "normalized", 0.05, 500, depth=10, **settings))
    return [*runs, _relu(make, "standard", 0.88, 9000, depth=10, bias_init="standard", **settings)]


def _relu(make: Make, init: str, end: float, leaves: int, **settings: object) -> Run:
    """Errors are those of guessing up to `leaves` updates, and then `end`."""
    scale = {"data": "mnist", "width": 100, "lr": 0.01, "updates": 10_000, "records": "21"}
    run = _run(make, "relu", init, **{**scale, **settings})
    curve = np.where(run.updates <= leaves, 0.887, end)
    return altered(run, **{"curves/test_error": _noisy(run, curve)})


def modern(make: Make, **settings: object) -> Runs:
    """Tanh networks under both initializers: plain, by rates from curvature, with normalized layers."""
    scale = {"width": 100, "updates": 30_000, "records": "21", "lr": 0.03, **settings}
    curved = {"optimizer": "diagonal_gauss_newton", "lr": 0.003}
    seen = [
        ("standard", 0.75, {}),
        ("normalized", 0.62, {}),
        ("standard", 0.68, curved),
        ("normalized", 0.58, curved),
        *(
            (init, error, {"normalization": kind})
            for kind in ("batch", "layer")
            for init, error in (("standard", 0.55), ("normalized", 0.53))
        ),
    ]
    runs: Runs = []
    for number, (init, error, more) in enumerate(seen):
        run = _trained(make, "tanh", init, error, **{**scale, **more})
        # Pairs of seeds that differ no two alike.
        noise = np.random.default_rng(number).normal(0, 0.003, (len(run.seeds), 1))
        runs.append(altered(run, **{"curves/test_error": run["curves/test_error"] + noise}))
    return runs


def deep(make: Make, **settings: object) -> Runs:
    """MNIST at 50 layers: tanh under the normalized initialization, and faster from orthogonal weights."""
    scale = {"data": "mnist", "width": 100, "depth": 50, "updates": 5000, "records": "21", **settings}
    errors = {"normalized": 0.12, "orthogonal": 0.08}
    return [_offset(_run(make, "tanh", init, lr=0.01, **scale), error) for init, error in errors.items()]


def rated(make: Make, **settings: object) -> Runs:
    """Tanh of 3 layers at three rates each: best at .3 for 30 units, at .03 for 300."""
    scale = {"depth": 3, "updates": 10_000, "records": "21", **settings}
    runs: Runs = []
    for init in ("standard", "normalized"):
        for width, best in ((30, 0.3), (300, 0.03)):
            for rate in (0.03, 0.1, 0.3):
                run = _run(make, "tanh", init, width=width, lr=rate, **scale)
                runs.append(_offset(run, 0.6 + 0.1 * abs(np.log10(rate / best))))
    return runs


def _offset(run: Run, error: float) -> Run:
    """Errors of all records near `error`, each seed's its own, no two runs' differences alike."""
    rng = np.random.default_rng(round(1e4 * error))
    errors = error + rng.normal(0, 0.003, (len(run.seeds), 1)) + np.zeros(len(run.updates))
    return altered(run, **{"curves/test_error": errors, "curves/valid_error": errors})


def starts(make: Make, **settings: object) -> Runs:
    """Before training: SELUs of 30 layers, and tanh of 60 on either side of the edge of chaos."""
    runs: Runs = []
    for init, last in {"lecun_normal": 1.0, "standard": 0.002, "he_normal": 11.0}.items():
        scale = {"data": "mnist", "width": 100, "depth": 30, "updates": 0, **settings}
        run = _run(make, "selu", init, **scale)
        stds = _layers(run, np.geomspace(0.42, last, 30))
        runs.append(altered(run, **{"activation/std": stds, "activation/mean": 0.05 * stds}))
    for bias, log_slopes in CHAOS.items():
        for scale_, log_slope in log_slopes.items():
            init = f"variance_scaling:scale={scale_},distribution=normal"
            run = _run(make, "tanh", init, bias_init=bias, depth=30, width=300, updates=0, **settings)
            stds = np.exp(-log_slope / 2 * np.arange(30))
            runs.append(altered(run, **{"backprop/std": _layers(run, stds)}))
    return runs


CHAOS = {
    "zeros": {"0.5": -0.693, "0.75": -0.288, "1.0": 0.02, "2.0": 0.1, "3.0": 0.214},
    "normal:std=0.3": {"1.0": -0.356, "1.25": -0.216, "3.0": 0.172, "4.0": 0.283},
}
"""Distribution of biases -> n Var W -> predicted log χ (except at 1, where it is 0)."""


def surfaces(make: Callable[..., Surface], number: int = 24) -> Runs:
    """Figure 5's surfaces of as many random data sets."""
    return [make(points=21, examples=1, seed=seed) for seed in range(number)]


def _run(make: Make, act: str, init: str, **settings: object) -> Run:
    return make(act=act, init=init, only=_ONLY, test_examples=1200, **{"seeds": "0:5", **settings})


def _trained(make: Make, act: str, init: str, error: float, **settings: object) -> Run:
    run = _run(make, act, init, final_error=error, spread=0.005, **settings)
    changes = {"curves/test_error": _errors(run, act, init, error)}
    updates, seeds = run.updates, len(run.seeds)
    if (act, init) in P98:
        start = np.full((len(updates), 5), 0.5)
        start[updates > 0] = P98[act, init]
        changes["activation/abs_percentiles"] = _percentiles(run, start)
        changes["activation/histogram"] = histogram(run, _HISTOGRAMS[act])
        growth = 0.8 if init == "standard" else 0.88
        changes["weight_gradient/std"] = _layers(run, 1e-3 * growth ** np.arange(run.config.depth + 1))
    if act == "sigmoid":
        means = np.tile((0.50, 0.51, 0.58, 0.79, 0.012)[-run.config.depth :], (len(updates), 1))
        means[0] = 0.5
        if run.config.depth == 4:
            # Saturated until epoch 100, then out.
            means[updates > 2e6, 3] = 0.4
        changes["activation/mean"] = _layers(run, means)
        changes["curves/valid_loss"] = np.full((seeds, len(updates)), 2.111)
        labels = np.random.default_rng(0).integers(0, 6, run["final/test_correct"].shape[1])
        changes["final/test_correct"] = np.stack([(labels == s % 3).astype(np.int8) for s in range(seeds)])
        late = np.minimum(updates / 5000, 1.0)
        changes["logits/from_bias_std"] = _noisy(run, 0.37 * late)
        changes["logits/from_weights_std"] = _noisy(run, 0.25 - 0.17 * late)
    return altered(run, **changes)


def _errors(run: Run, act: str, init: str, end: float) -> np.ndarray:
    """Curves that are at `end` from half the training on, or at Figure 11's readings."""
    rng = np.random.default_rng([*FIVE].index((act, init)))
    curve = np.where(run.updates < run.updates[-1] / 2, 0.83, end)
    if run.config.updates >= 2_500_000 and (act, init) in FIGURE_11:
        early, middle, late = FIGURE_11[act, init]
        curve = np.interp(run.updates, (0, 0.5e6, 1e6, 2.0e6, 2.5e6), (0.83, early, middle, late, end))
    offset = rng.normal(0, 0.005, (len(run.seeds), 1))
    return np.asarray(curve + offset - offset.mean())


def _probe(make: Make, act: str, init: str, **settings: object) -> Run:
    run = _run(make, act, init, **settings)
    standard = init == "standard"
    step = np.array((1.88, 1.77, 1.755, 1.735) if standard else (1.167, 1.122, 1.106, 1.083))
    singular = np.array((0.6, 0.472, 0.484, 0.488, 0.489) if standard else (0.6, 0.706, 0.742, 0.764, 0.778))
    std = np.array((0.31, 0.17, 0.098, 0.056, 0.032) if standard else (0.456, 0.384, 0.334, 0.301, 0.277))
    if act == "sigmoid":
        # The slope at 0 is 1/4.
        std, step = std * 0.25 ** np.arange(1, 6), 4 * step
    fans = np.array([1024, *[1000] * 5]), np.array([*[1000] * 5, 9])
    weight = np.sqrt(1 / (3 * fans[0]) if standard else 2 / (fans[0] + fans[1]))
    changes = {
        "activation/mean": _layers(run, np.full(5, 0.5 if act == "sigmoid" else 0.0)),
        "activation/std": _layers(run, std),
        "preactivation/std": _layers(run, np.array([0.352 if standard else 0.613] * 5)),
        "backprop/std": _layers(run, 0.003 * np.cumprod([1.0, *step])),
        "weight/std": _layers(run, weight),
        "weight_gradient/std": _layers(run, 1e-3 * np.array([1.05, 1.04, 1.03, 1.02, 1.0, 8.0])),
    }
    for name, share in {"mean": 1.0, "rms": 1 / 0.84, "geometric_mean": 0.58 / 0.84}.items():
        changes[f"jacobian/{name}_singular_value"] = _layers(run, singular * share)
    return altered(run, **changes)


def _noisy(run: Run, records: np.ndarray, share: float = 0.01) -> np.ndarray:
    """`records`, of shape `(R, ...)`, for every seed with a factor of its own."""
    rng = np.random.default_rng(len(run.seeds))
    factor = 1 + share * rng.normal(size=(len(run.seeds), *[1] * np.ndim(records)))
    return np.asarray(factor * records[None])


def _layers(run: Run, values: np.ndarray) -> np.ndarray:
    """One number per layer `(L,)`, or per record and layer `(R, L)`, over all seeds and records."""
    records = 1 if len(run.updates) == 1 else len(run.updates)
    return _noisy(run, np.broadcast_to(values, (records, np.shape(values)[-1])))


def _percentiles(run: Run, layers: np.ndarray) -> np.ndarray:
    which = run["percentile"].tolist().index(98)
    values = np.zeros((*layers.shape, len(run["percentile"])))
    values[..., which] = layers
    return np.repeat(values[None], len(run.seeds), axis=0)


def histogram(run: Run, density: Sequence[float]) -> np.ndarray:
    """Counts of the activation whose |z| has this density between `_ENDS`, in every layer alike."""
    edges = run["activation/bin_edge"]
    centre = np.abs((edges[1:] + edges[:-1]) / 2)
    counts = np.array([density[int(np.searchsorted(_ENDS, value)) - 1] for value in centre]) * 1000
    shape = run["activation/histogram"].shape
    return np.broadcast_to(counts, shape).astype(np.int64)


def altered(run: Run, **arrays: np.ndarray) -> Run:
    """`run` with other arrays."""
    return replace(run, arrays={**run.arrays, **arrays})


def relabelled(runs: Runs, **kinds: str) -> Runs:
    """`runs` with kinds of networks in each other's place, as `tanh_standard="tanh normalized"`.

    The runs of the second kind then say that they are of the first; those of the first are gone unless they
    are given another kind as well.
    """
    made: Runs = []
    targets = {source: target.split("_") for target, source in kinds.items()}
    for run in runs:
        if not isinstance(run, Run):
            made.append(run)
            continue
        kind = f"{run.config.act} {run.config.init}"
        if kind in targets:
            act, init = targets[kind]
            config = run.config.with_(act=act, init=init)
            made.append(replace(run, config=config))
        elif kind.replace(" ", "_") not in kinds:
            made.append(run)
    return made


def swapped(runs: Runs, one: str, other: str) -> Runs:
    """Two kinds of networks in each other's place."""
    return relabelled(runs, **{one.replace(" ", "_"): other, other.replace(" ", "_"): one})


def all_of(runs: Runs, act: str, change: Callable[[Run], Run], init: str = "") -> Runs:
    """`runs` with `change` made to those of one activation (and initializer)."""
    return [
        change(run)
        if isinstance(run, Run) and run.config.act == act and init in ("", run.config.init)
        else run
        for run in runs
    ]


def pretrained_as(run: Run, **kinds: str) -> Run:
    """`run` as if it had been pre-trained otherwise: `none="dae"`."""
    kind = run.config.pretrain
    return replace(run, config=run.config.with_(pretrain=kinds[kind])) if kind in kinds else run


def first_seeds(run: Run, number: int) -> Run:
    """`run` with its first seeds alone."""
    return some_seeds(run, list(range(number)))


def some_seeds(run: Run, which: Sequence[int]) -> Run:
    """`run` with the seeds at some positions alone."""
    arrays = {
        name: array[list(which)] if dims(name)[0] == "seed" else array for name, array in run.arrays.items()
    }
    return replace(
        run, config=run.config.with_(seeds=tuple(run.config.seeds[i] for i in which)), arrays=arrays
    )


def linear(s: Any) -> Any:
    """An activation that does nothing: the identity."""
    return s
