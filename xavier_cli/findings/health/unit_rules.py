"""Rules about the units of a layer: saturated, dead, or alike."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from xavier_cli.findings.health.advice import fitting_init, lower_rate, other_init, other_start
from xavier_cli.findings.health.finding import Rule, Severity, Symptom, first_since, judged, named
from xavier_cli.findings.health.progress import progress
from xavier_cli.runs.counting import layers_of, layers_over_seeds
from xavier_cli.runs.record import Run
from xavier_cli.sanitize import fixed

SATURATED = 0.9
STARTS_SATURATED = 0.5
DEAD = 0.5
IN_TURN_DEPTH = 4
IDENTICAL = 1e-6


def _saturated(run: Run) -> Iterator[Symptom]:
    most = judged(run, "activation/saturated", lambda share: share >= SATURATED)
    half = judged(run, "activation/saturated", lambda share: share >= STARTS_SATURATED)
    mean = layers_over_seeds(run, "activation/mean").center
    severity: Severity | None = None if progress(run).stuck.any() else "warning"
    # Pre-training ends where layers have learnt, not where they start.
    starts = half.mask[0] & (run.config.pretrain == "none")
    for layer in np.flatnonzero(most.mask[-1] | (starts & half.mask[-1])):
        rule = most if most.mask[-1, layer] else half
        share, number = rule.center[-1, layer], int(layer) + 1
        start = f", {100 * rule.center[0, layer]:.0f} % at the start" if starts[layer] else ""
        told = start if len(run.updates) > 1 else ""
        rate = lower_rate(run.config, run.lr)
        yield Symptom(
            f"{100 * share:.0f} % of layer {number} is saturated{told}, its mean activation "
            f"{mean[-1, layer]:.2g}",
            other_start(run.config) if start or run.config.act == "sigmoid" else rate,
            (number,),
            first_since(run, rule.mask[:, layer]),
            {"saturated": float(share), "activation_mean": float(mean[-1, layer])},
            severity,
            rule.rests_on(int(layer)),
        )


def _in_turn(run: Run) -> Iterator[Symptom]:
    """Looks at layers 1 to depth − 1 of an activation with two saturated sides; the top layer differs."""
    if run.config.network.is_users:
        # One activation between all layers, and its bounds, are known of perceptrons alone.
        return
    bounds = (
        np.abs(run["activation/saturated_bound"]) if "activation/saturated_bound" in run else np.array([0.9])
    )
    if run.config.depth < IN_TURN_DEPTH or run.config.act == "sigmoid" or not np.isfinite(bounds).all():
        return
    percentiles = run.percentile("activation/abs_percentiles", 98)
    if percentiles is None:
        return
    bound = float(bounds.max())
    turn = judged(run, percentiles, lambda high: _one_after_the_other(high[..., :-1], bound, run.updates))
    high = turn.center[:, :-1]
    if turn.mask[-1, 0]:
        shown = " ".join(fixed(value, 2) for value in high[-1])
        yield Symptom(
            f"the 98th percentile of |activation| falls from the lowest layer up: {shown}; layer 1 passed "
            f"{bound:g} at update {int(run.updates[(high[:, 0] > bound).argmax()]):,}, layer 2 at "
            f"{int(run.updates[(high[:, 1] > bound).argmax()]):,}",
            other_start(run.config),
            tuple((np.flatnonzero(high[-1] > bound) + 1).tolist()),
            first_since(run, turn.mask[:, 0]),
            {"percentile_98": high[-1].tolist()},
            rests_on=turn.rests_on(0),
        )


def _one_after_the_other(high: np.ndarray, bound: float, updates: np.ndarray) -> np.ndarray:
    """Whether, by each record, layers pass `bound` one after the other: `(…, R, L)` to `(…, R, 1)`.

    Layers 1 and 2 have, the second at a later record and the first not at the start; the last has not, twice
    as many updates after the start as the first took; and none is above the layer below it.
    """
    passed = high > bound
    ever = np.logical_or.accumulate(passed, axis=-2)
    first, second = ever[..., 0], ever[..., 1]
    before = (first & ~second).any(axis=-1, keepdims=True) & ~passed[..., :1, 0]
    took = updates[first.argmax(axis=-1)][..., None]
    falls = (np.diff(high, axis=-1) <= 0).all(axis=-1)
    return np.asarray(first & second & before & ~passed[..., -1] & (updates >= 2 * took) & falls)[..., None]


def _dead(run: Run) -> Iterator[Symptom]:
    dead = judged(run, "activation/dead", lambda share: share >= DEAD)
    severity: Severity | None = None if progress(run).stuck.any() else "warning"
    for layer in np.flatnonzero(dead.mask[-1]):
        share = dead.center[-1, layer]
        yield Symptom(
            f"{100 * share:.0f} % of the units of layer {layer + 1} have no slope on any example",
            other_start(run.config) if dead.mask[0, layer] else lower_rate(run.config, run.lr),
            (int(layer) + 1,),
            first_since(run, dead.mask[:, layer]),
            {"dead": float(share)},
            severity,
            dead.rests_on(int(layer)),
        )


def _symmetric(run: Run) -> Iterator[Symptom]:
    """All seeds must start so: one that does has the initializer of the others."""
    std, mean = (np.abs(layers_of(run, f"weight/{name}")[:, 0, :-1]) for name in ("std", "mean"))
    alike = (std <= IDENTICAL * np.maximum(mean, 1e-30)).all(axis=0)
    is_users = run.config.network.is_users
    if is_users and not alike.all():
        # The last layer of a residual branch is often 0 on purpose: other layers tell its units apart.
        return
    layers = np.flatnonzero(alike) + 1
    if len(layers):
        yield Symptom(
            f"all weights of {named(layers.tolist())} start alike, so their units stay alike",
            "" if is_users else other_init(run, fitting_init(run.config)),
            tuple(layers.tolist()),
            0,
            {"weight_std": layers_over_seeds(run, "weight/std").center[0, layers - 1].tolist()},
        )


_PAPER = "Glorot & Bengio 2010"

RULES = (
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
        "saturated-layer",
        "error",
        "a layer works where its activation is flat, and passes almost no gradient on",
        f"{100 * SATURATED:.0f} % of the pre-activations or more at the last record, or "
        f"{100 * STARTS_SATURATED:.0f} % both at the first, without pre-training, and at the last; an "
        "error where a seed is on a plateau, else a warning",
        f"{_PAPER}, section 3.1; section 4 and LeCun 1998 start in the linear part, with most units not flat",
        _saturated,
        ("activation/saturated", "activation/mean"),
        ("diverged", "symmetric-units", "wrong-fans", "wrong-gain", "exploding-activations"),
    ),
    Rule(
        "saturates-in-turn",
        "warning",
        "layers saturate one after the other from the input up",
        "98th percentile of |activation|: layer 1 passes the saturated bound, layer 2 at a later record, the "
        "layer below the top not in twice as many updates as layer 1 took, and none is above the one below; "
        f"{IN_TURN_DEPTH} hidden layers or more",
        f"{_PAPER}, section 3.2 and Figure 3: tanh saturates in turn; softsign's layers keep together, "
        "within a factor of 2 in time",
        _in_turn,
        ("activation/abs_percentiles",),
        ("diverged", "saturated-layer"),
    ),
    Rule(
        "dead-units",
        "error",
        "units without slope on every probe example, which no gradient can bring back",
        f"{100 * DEAD:.0f} % of a layer's units or more; an error where a seed is on a plateau, else a "
        "warning",
        "half a layer dead halves its width",
        _dead,
        ("activation/dead",),
        ("diverged", "symmetric-units", "exploding-activations", "vanishing-activations"),
    ),
)
