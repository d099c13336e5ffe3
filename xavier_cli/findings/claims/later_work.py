"""Judges claims of later work: He's and orthogonal initializers, SELU, learning rates, edge of chaos."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from xavier_cli.findings.claims.errors import ALPHA, beats, gain_of, in_words, percent
from xavier_cli.findings.claims.measurements import described
from xavier_cli.findings.claims.requirements import Evidence, NetworkKind, Requirements, kind_of, select_runs
from xavier_cli.findings.claims.verdict import (
    Judgement,
    UndecidedError,
    Word,
    count,
    in_every_seed,
    span,
    together,
)
from xavier_cli.findings.scores import late_error
from xavier_cli.runs.counting import error_curve
from xavier_cli.runs.record import Run
from xavier_cli.statistics.estimate import mean_over_seeds
from xavier_cli.statistics.networks import proportion_interval

HE, NORMALIZED = NetworkKind("relu", "he_normal", 30), NetworkKind("relu", "normalized", 30)
KERAS, PYTORCH = (
    NetworkKind("relu", "normalized", 10),
    NetworkKind("relu", "standard", 10, bias_init="standard"),
)
SCALE = Requirements(10_000, 100, rates=(0.003, 0.03), data="mnist")
ORTHOGONAL, DEEP = NetworkKind("tanh", "orthogonal", 50), NetworkKind("tanh", "normalized", 50)
SELUS = [NetworkKind("selu", init, 30) for init in ("lecun_normal", "standard", "he_normal")]
MEANS, VARIANCES = 0.1, (0.8, 1.5)
"""The domain that SELUs map into itself: |mean|, and variances (Theorem 1 of Klambauer et al. 2017)."""
RATED = [NetworkKind("tanh", init, 3) for init in ("standard", "normalized")]
NARROW, WIDE = 30, 300
FEWEST_RATES = 3
EDGE = Requirements(0, 300, arrays=("backprop/std",))
DEEPEST_AT_LEAST = 30
NEAR_THE_EDGE = 0.05
"""Networks whose gradients change by less than this per layer in theory, in log variance, are left out."""


def relu_at_depth_30_learns_under_he(material: Evidence) -> Judgement:
    """He's error is lower, paired p < .05, and off chance; normalized's is at chance; both in every seed.

    At chance means within the 95 % binomial error of it on the examples of a record: in the source the
    network does not learn at all, and no later escape is mentioned.
    """
    normalized, he = select_runs(material, [NORMALIZED, HE], SCALE)
    return learns_where_other_stalls(material, he, normalized, "normalized")


def learns_where_other_stalls(material: Evidence, he: Run, other: Run, name: str) -> Judgement:
    """The rule above for two runs; `name` is what the other initialization is called."""
    gap, better = gain_of(other, he)
    learnt, stalled = late_error(he) < _chance(he), late_error(other) >= _chance(other)
    words = [better, in_every_seed(learnt, he.diverged), in_every_seed(stalled, other.diverged)]
    evidence = (
        f"He {percent(he)}, {name} {percent(other)}: {in_words(gap)}; He's has left chance in "
        f"{count(learnt)}{_since(he, learnt)}, {name} is still there in {count(stalled)}"
        f"{_since(other, ~stalled)} ({described(material, other, he)})"
    )
    return Judgement(together(words), evidence, 100 * gap.mean, 0.0)


def _chance(run: Run) -> float:
    """The lowest error that is that of chance, up to the binomial error of the examples of a record."""
    examples = run.config.eval_examples
    tested = run.facts.test
    low, _ = proportion_interval(run.facts.guessing_error, min(examples, tested) if tested else examples)
    return low


def _since(run: Run, seeds: np.ndarray) -> str:
    """When these `seeds` were off chance at first, as text: `, after 500 to 6,500 updates`; empty for none.

    Those that come back to chance do not count: one record of a network that guesses may be off it, too.
    """
    off = error_curve(run)[seeds] < _chance(run)
    first = [int(run.updates[seed.argmax()]) for seed in off if seed.any()]
    if not first:
        return ""
    return f", after {' to '.join(f'{update:,}' for update in sorted({min(first), max(first)}))} updates"


def keras_default_beats_pytorchs(material: Evidence) -> Judgement:
    """A lower error at p < .05; does not hold where the CI lies on the other side of 0."""
    return beats(material, {"as Keras": KERAS, "as PyTorch": PYTORCH}, SCALE, ALPHA)


def orthogonal_learns_faster_at_depth_50(material: Evidence) -> Judgement:
    """A lower error after equally many updates, paired p < .05; not where the CI lies on the other side."""
    normalized, orthogonal = runs = select_runs(material, [DEEP, ORTHOGONAL], replace(SCALE, updates=5_000))
    gap, word = gain_of(normalized, orthogonal)
    evidence = (
        f"orthogonal {percent(orthogonal)}, normalized {percent(normalized)}: "
        f"{in_words(gap)} ({described(material, *runs, late=True)})"
    )
    return Judgement(word, evidence, 100 * gap.mean, 0.0)


def selus_come_to_variance_one(material: Evidence) -> Judgement:
    """Layer 30 has variance 0.8 to 1.5 and mean within 0.1, the theorem's domain; not under standard or He.

    Under those the variance is below and above it. Tested in every seed before the first update; the variance
    of the images in layer 1 does not matter.
    """
    runs = select_runs(
        material, SELUS, Requirements(0, 100, data="mnist", arrays=("activation/std", "activation/mean"))
    )
    settled, faded, grown = stds = [run["activation/std"][:, 0, -1].astype(np.float64) for run in runs]
    mean = runs[0]["activation/mean"][:, 0, -1].astype(np.float64)
    low, high = VARIANCES
    inside = (settled**2 >= low) & (settled**2 <= high) & (np.abs(mean) <= MEANS)
    passes = [inside, faded**2 < low, grown**2 > high]
    # A seed that diverged later had not diverged at the start.
    words = [in_every_seed(each, np.zeros_like(each)) for each in passes]
    parts = [f"{span(std**2)} under {run.config.init}" for std, run in zip(stds, runs, strict=True)]
    evidence = f"variance of layer 30: {', '.join(parts)}; mean {span(mean)} under {runs[0].config.init}"
    scale = f"N = {len(settled)}, width {runs[0].config.widths[-1]:,}, before training"
    return Judgement(together(words), f"{evidence} ({scale})", float((settled**2).mean()), high)


def best_rate_falls_with_width(material: Evidence) -> Judgement:
    """The rate with the lowest validation error is lower at width 300 than at 30, for both initializers.

    Tested by the 95 % t-interval of its logarithm over seeds; does not hold where one lies at 0 or below.
    """
    words: list[Word] = []
    parts, falls = [], []
    for cell in RATED:
        (narrow, run), (wide, other) = (_best_rates(material, cell, width) for width in (NARROW, WIDE))
        if {*run.seeds} != {*other.seeds}:
            raise UndecidedError(f"needs {cell} with the same seeds at both widths")
        fall = mean_over_seeds(np.log10(narrow / wide))
        words.append("holds" if fall.low > 0 else "does_not_hold" if fall.high <= 0 else "undecided")
        falls.append(fall.mean)
        parts.append(
            f"under {cell.init} from {_rates(narrow)} to {_rates(wide)}, by {10**fall.mean:.1f} times, 95 % "
            f"[{10**fall.low:.1f}, {10**fall.high:.1f}]"
        )
    scale = f"N = {len(narrow)}, {run.config.updates:,} updates"
    evidence = f"best rate, width {NARROW} to {WIDE}: {'; '.join(parts)} ({scale})"
    return Judgement(together(words), evidence, 10 ** float(min(falls)), 1.0)


def _best_rates(material: Evidence, cell: NetworkKind, width: int) -> tuple[np.ndarray, Run]:
    """The best rate of each seed, `(S,)` in the order of seeds, and the run at one of the rates."""
    alike = [
        run
        for run in material
        if isinstance(run, Run) and {*run.config.widths} == {width} and kind_of(run) == cell
    ]
    rates = sorted({run.lr for run in alike if not run.config.search})
    if len(rates) < FEWEST_RATES:
        raise UndecidedError(
            f"needs {cell} of width {width} at {FEWEST_RATES} learning rates or more; there are {len(rates)}"
        )
    scale = Requirements(10_000, NARROW)
    runs = [select_runs(alike, [cell], replace(scale, rates=(rate, rate)))[0] for rate in rates]
    if len({(run.config.updates, tuple(sorted(run.seeds))) for run in runs}) > 1:
        raise UndecidedError(f"needs {cell} of width {width} trained alike, of the same seeds, at every rate")
    errors = [late_error(run, "valid")[np.argsort(run.seeds)] for run in runs]
    return np.array(rates)[np.argmin(errors, axis=0)], runs[0]


def _rates(rates: np.ndarray) -> str:
    return "-".join(f"{rate:g}" for rate in sorted({rates.min(), rates.max()}))


def gradients_turn_at_the_edge_of_chaos(material: Evidence) -> Judgement:
    """Tanh of 30 layers or more, untrained: gradients vanish and explode where theory predicts it.

    Tested in every seed of at least two networks on either side, without and with random biases. Networks
    that theory puts at the edge are left out, since at finite width they do neither.
    """
    words: list[Word] = []
    parts, worst, runs = [], 0.0, []
    for biased, networks in _on_both_sides(material):
        for run, expected, seen in networks:
            as_told = np.sign(seen) == np.sign(expected)
            words.append(in_every_seed(as_told, np.zeros_like(as_told)))
            worst = max(worst, abs(float(seen.mean()) - expected))
            runs.append(run)
        numbers = ", ".join(f"{seen.mean():.2f} ({expected:.2f})" for _, expected, seen in networks)
        parts.append(f"{'with' if biased else 'without'} biases {numbers}")
    evidence = (
        f"log variance of gradients per layer down, and by theory: {'; '.join(parts)} "
        f"({described(material, *runs)})"
    )
    return Judgement(together(words), evidence, worst)


def _on_both_sides(material: Evidence) -> Iterator[tuple[bool, list[tuple[Run, float, np.ndarray]]]]:
    """Yield networks with predicted and measured log χ, `(S,)`, in rising order, without and with biases."""
    groups: dict[bool, list[tuple[Run, float, np.ndarray]]] = defaultdict(list)
    missing = UndecidedError(
        f"needs tanh of {DEEPEST_AT_LEAST} layers or more at initialization; there is none"
    )
    for kind in sorted({kind_of(run) for run in material if isinstance(run, Run)}):
        if kind.act != "tanh" or kind.depth < DEEPEST_AT_LEAST:
            continue
        try:
            (run,) = select_runs(material, [kind], EDGE)
        except UndecidedError as error:
            missing = error
            continue
        expected, seen, has_biases = _turns(run)
        if abs(expected) > NEAR_THE_EDGE:
            groups[has_biases].append((run, expected, seen))
    if not groups:
        raise missing
    for biased in (False, True):
        networks = sorted(groups[biased], key=lambda network: network[1])
        chaotic = sum(expected > 0 for _, expected, _ in networks)
        if min(chaotic, len(networks) - chaotic) < 2:
            raise UndecidedError(
                f"needs two networks in order and two in chaos {'with' if biased else 'without'} biases; "
                f"there are {len(networks) - chaotic} and {chaotic}"
            )
        yield biased, networks


def _turns(run: Run) -> tuple[float, np.ndarray, bool]:
    """Predicted log χ, measured log χ, `(S,)`, and whether there are random biases."""
    # This loads JAX, which the other claims do not need.
    from xavier_cli.nn.activations import make_activation
    from xavier_cli.theory.edge import find_edge, hidden_variances, measured_log_slope
    from xavier_cli.vocabulary.activations import ACTIVATIONS

    scale, bias = hidden_variances(run.config, gain=1.0)
    (slope,) = find_edge(make_activation(ACTIVATIONS["tanh"]), (), [scale], bias).slope
    return float(np.log(slope)), measured_log_slope(run["backprop/std"][:, 0]), bias > 0
