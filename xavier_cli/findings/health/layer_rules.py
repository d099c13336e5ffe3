"""Rules about layers: saturated, dead or identical units, vanishing and exploding signals."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from xavier_cli.config.command_text import train_command
from xavier_cli.config.run import RunConfig
from xavier_cli.findings.expectation import PATHS
from xavier_cli.findings.health.advice import lower_rate
from xavier_cli.findings.health.finding import Rule, Symptom, first_since, named
from xavier_cli.findings.layer_summary import over_time
from xavier_cli.runs.counting import known_records
from xavier_cli.runs.layer_statistics import BY_PATH
from xavier_cli.runs.record import Run
from xavier_cli.sanitize import fixed
from xavier_cli.statistics.tails import reach

SATURATED = 0.9
DEAD = 0.5
IN_TURN_GAP = 0.3
RATE, SPAN = 1.4, 5.0
COLLAPSED, GROWN = 0.2, 5.0
IDENTICAL = 1e-6
FALSE_ALARMS = 0.001


def other_start(config: RunConfig) -> str:
    """A command with another initialization, or another activation where that is normalized already."""
    if config.act == "sigmoid":
        return train_command(config, act="tanh", init="normalized")
    if config.init != "normalized":
        return train_command(config, init="normalized")
    return train_command(config, act="softsign" if config.act == "tanh" else "tanh")


def _saturated(run: Run) -> Iterator[Symptom]:
    share = over_time(run, "activation/saturated")
    for layer in np.flatnonzero(share[-1] >= SATURATED):
        mean, number = over_time(run, "activation/mean")[-1, layer], int(layer) + 1
        since = first_since(run, share[:, layer] >= SATURATED)
        yield Symptom(
            f"{100 * share[-1, layer]:.0f} % of layer {number} is saturated, its mean activation {mean:.2g}",
            other_start(run.config) if run.config.act == "sigmoid" else lower_rate(run.config, run.lr),
            (number,),
            since,
            {"saturated": float(share[-1, layer]), "activation_mean": float(mean)},
        )


def _in_turn(run: Run) -> Iterator[Symptom]:
    """Looks at layers 1 to depth − 1 of an activation with two saturated sides; the top layer differs."""
    bounds = (
        np.abs(run["activation/saturated_bound"]) if "activation/saturated_bound" in run else np.array([0.9])
    )
    if run.config.depth < 3 or run.config.act == "sigmoid" or not np.isfinite(bounds).all():
        return
    percentiles = run.percentile("activation/abs_percentiles", 98)
    if percentiles is None:
        return
    high = over_time(run, percentiles)[:, :-1]
    first, last = high[:, 0], high[:, -1]
    holds = (first > bounds.max()) & (first - last > IN_TURN_GAP)
    if holds[-1]:
        shown = " ".join(fixed(value, 2) for value in high[-1])
        yield Symptom(
            f"the 98th percentile of |activation| falls from the lowest layer up: {shown}",
            other_start(run.config),
            tuple((np.flatnonzero(high[-1] > bounds.max()) + 1).tolist()),
            first_since(run, holds),
            {"percentile_98": high[-1].tolist()},
        )


def _dead(run: Run) -> Iterator[Symptom]:
    share = over_time(run, "activation/dead")
    for layer in np.flatnonzero(share[-1] >= DEAD):
        yield Symptom(
            f"{100 * share[-1, layer]:.0f} % of the units of layer {layer + 1} have no slope on any example",
            lower_rate(run.config, run.lr),
            (int(layer) + 1,),
            first_since(run, share[:, layer] >= DEAD),
            {"dead": float(share[-1, layer])},
        )


def _symmetric(run: Run) -> Iterator[Symptom]:
    std, mean = over_time(run, "weight/std")[0], np.abs(over_time(run, "weight/mean")[0])
    layers = np.flatnonzero(std[:-1] <= IDENTICAL * np.maximum(mean[:-1], 1e-30)) + 1
    if len(layers):
        yield Symptom(
            f"all weights of {named(layers.tolist())} start alike, so their units stay alike",
            train_command(run.config, init="normalized"),
            tuple(layers.tolist()),
            0,
            {"weight_std": std[layers - 1].tolist()},
        )


@dataclass(frozen=True)
class _Along:
    """A rule about a statistic that vanishes or explodes: upwards for activations, else downwards."""

    path: str
    up: bool
    vanishes: bool

    def __call__(self, run: Run) -> Iterator[Symptom]:
        """Compares both ends of the network at the last record, or at the first if training recovered."""
        if run.config.depth < 2:
            return
        factor = self._factor(over_time(run, self.path)[known_records(run)])
        if not len(factor):
            return
        span = factor ** (run.config.depth - 1)
        holds = (factor >= RATE) & (span >= SPAN)
        # A problem at the start that training overcame is a note, not a warning.
        record = -1 if holds[-1] else 0
        if not holds[record]:
            return
        mended = not holds[-1]
        sign = "shrinks" if self.vanishes else "grows"
        evidence = (
            f"{BY_PATH[self.path].spoken} {sign} by {factor[record]:.3g} per layer, {span[record]:.3g} in all"
        )
        expected = self._expected(run)
        if np.isfinite(expected):
            evidence += f"; theory expects {expected:.3g} per layer at the start"
        if mended:
            first = int(run.updates[np.flatnonzero(~holds)[0]])
            evidence += f"; mended by update {first:,}"
        yield Symptom(
            evidence,
            "" if mended else other_start(run.config),
            tuple(range(1, run.config.depth + 1)),
            0 if mended else first_since(run, holds),
            {"per_layer": float(factor[record]), "in_all": float(span[record]), "theory": float(expected)},
            "note" if mended else None,
        )

    def _factor(self, values: np.ndarray) -> np.ndarray:
        """The change per layer in the direction of the rule, `(R,)`: above 1 if it vanishes or explodes."""
        begin, end = (values[:, 0], values[:, -1]) if self.up else (values[:, -1], values[:, 0])
        top, bottom = (begin, end) if self.vanishes else (end, begin)
        tiny = np.finfo(np.float64).tiny
        # If even the first value is 0, there is no signal to follow.
        # A ratio that overflows counts as growth; one of two infinities is unknown.
        with np.errstate(over="ignore", invalid="ignore"):
            ratio = np.where(top > 0, top / np.maximum(bottom, tiny), 1.0)
        return np.asarray(ratio ** (1 / (values.shape[1] - 1)))

    def _expected(self, run: Run) -> float:
        theory = f"theory/{BY_PATH[self.path].name}"
        if theory not in run:
            return float("nan")
        return float(self._factor(run[theory].astype(np.float64)[None])[0])


def _drift(run: Run) -> Iterator[Symptom]:
    activation, weight = over_time(run, "activation/std"), over_time(run, "weight/std")
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        # Weights that start equal are reported by `_symmetric`.
        fell, grew = activation / activation[0], np.where(weight[0] > 0, weight / weight[0], 1)
    for layer in np.flatnonzero(fell[-1] <= COLLAPSED):
        yield Symptom(
            f"the activation std of layer {layer + 1} fell to {fell[-1, layer]:.2g} of what it started with",
            other_start(run.config),
            (int(layer) + 1,),
            first_since(run, fell[:, layer] <= COLLAPSED),
            {"activation_std": activation[[0, -1], layer].tolist()},
        )
    for layer in np.flatnonzero(grew[-1] >= GROWN):
        yield Symptom(
            f"the weight std of layer {layer + 1} grew {grew[-1, layer]:.3g}-fold",
            lower_rate(run.config, run.lr),
            (int(layer) + 1,),
            first_since(run, grew[:, layer] >= GROWN),
            {"weight_std": weight[[0, -1], layer].tolist()},
        )


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
                },
            )


_PAPER = "Glorot & Bengio 2010"
_TRAVELS = f"a factor of {RATE:g} or more per layer and {SPAN:g} or more over the network"
_TRAVELS_FROM = (
    f"{_PAPER}, section 4.2: tanh keeps 1.05-1.22 per layer under normalized, loses 1.65-1.95 under standard"
)

RULES = (
    Rule(
        "saturated-layer",
        "error",
        "a layer works where its activation is flat, and passes almost no gradient on",
        f"{100 * SATURATED:.0f} % of the pre-activations or more at the last record",
        f"{_PAPER}, section 3.1; healthy tanh networks were seen at 56 % in their lowest layer",
        _saturated,
        ("activation/saturated", "activation/mean"),
    ),
    Rule(
        "saturates-in-turn",
        "warning",
        "layers saturate one after the other from the input up",
        f"98th percentile of |activation| saturated in layer 1 and {IN_TURN_GAP:g} lower below the top layer",
        f"{_PAPER}, section 3.2 and Figure 3; seen .49-.64 for tanh standard, .11-.14 for softsign",
        _in_turn,
        ("activation/abs_percentiles",),
    ),
    Rule(
        "dead-units",
        "error",
        "units without slope on every probe example, which no gradient can bring back",
        f"{100 * DEAD:.0f} % of a layer's units or more",
        "half a layer dead halves its width; the share of dead units is 0 in every healthy run seen",
        _dead,
        ("activation/dead",),
    ),
    Rule(
        "symmetric-units",
        "error",
        "units that start alike get the same gradient and stay alike",
        f"a std of a layer's first weights of {IDENTICAL:g} of their mean or less",
        "each initializer of the paper breaks the symmetry",
        _symmetric,
        ("weight/std", "weight/mean"),
    ),
    Rule(
        "vanishing-activations",
        "warning",
        "the spread of activations falls from layer to layer going up",
        _TRAVELS,
        f"{_TRAVELS_FROM}, equation (5)",
        _Along("activation/std", up=True, vanishes=True),
        ("activation/std",),
    ),
    Rule(
        "exploding-activations",
        "warning",
        "the spread of activations grows from layer to layer going up",
        _TRAVELS,
        f"{_TRAVELS_FROM}, equation (5)",
        _Along("activation/std", up=True, vanishes=False),
        ("activation/std",),
    ),
    Rule(
        "vanishing-gradients",
        "warning",
        "the back-propagated gradient shrinks from layer to layer going down",
        _TRAVELS,
        f"{_TRAVELS_FROM}, equation (6) and Figure 7",
        _Along("backprop/std", up=False, vanishes=True),
        ("backprop/std",),
    ),
    Rule(
        "exploding-gradients",
        "warning",
        "the back-propagated gradient grows from layer to layer going down",
        _TRAVELS,
        f"{_TRAVELS_FROM}, equation (6)",
        _Along("backprop/std", up=False, vanishes=False),
        ("backprop/std",),
    ),
    Rule(
        "variance-drift",
        "warning",
        "a layer's activations collapsed, or its weights grew, since the first record",
        f"activation std at {COLLAPSED:g} of its start or less, weight std at {GROWN:g} times or more",
        "over 100,000 updates weights grew up to twofold and activations up to eightfold in healthy runs",
        _drift,
        ("activation/std", "weight/std"),
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
    ),
)
