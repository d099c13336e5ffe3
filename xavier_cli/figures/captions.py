"""Writes captions: what is drawn, over how many seeds, and what `saturated` means."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from xavier_cli.data.spread import PROBE_EXAMPLES
from xavier_cli.figures.labels import labels, phrase, shared
from xavier_cli.figures.request import PlotRequest, seed_rows
from xavier_cli.runs.counting import lost_seeds
from xavier_cli.runs.record import Run


def caption(
    runs: Sequence[Run],
    counts: Sequence[int],
    sentences: Sequence[str],
    seeds: Sequence[int] | None = None,
    *,
    are_errors: bool = False,
    drawn: str = "bands",
) -> str:
    """`sentences`, then one on the seeds (`counts[i]` of them in run i), then the settings that runs share.

    `seeds` are those that were chosen; `are_errors` says that errors are drawn, not what layers do;
    `drawn` is what intervals are drawn as.
    """
    ending = [f"{bands_in_words(counts, drawn)}.", *diverged_in_words(runs, seeds, are_errors)]
    common = shared(runs)
    return " ".join([*filter(None, sentences), *ending, *([f"Settings: {common}."] if common else [])])


def probe_examples(runs: Sequence[Run]) -> str:
    """The examples that layers are measured on: `300 test examples`, or those that a loop was watched on."""
    told = {run.facts.test or PROBE_EXAMPLES for run in runs if run.config.is_watched}
    if not told:
        return f"{PROBE_EXAMPLES} test examples"
    counts = told | {PROBE_EXAMPLES for run in runs if not run.config.is_watched}
    return f"{' to '.join(map(str, sorted({min(counts), max(counts)})))} examples"


def bounds_of(run: Run) -> np.ndarray:
    """The activations of `run` below and above which it is saturated, `(2,)`; NaN where there is no bound."""
    path = "activation/saturated_bound"
    return np.asarray(run[path], float) if path in run else np.full(2, np.nan)


def saturation_rule(runs: Sequence[Run]) -> str:
    """The definition of `saturated` (STATISTICS 1) for the activations of `runs`, as one sentence."""
    rules: dict[str, list[str]] = {}
    without: list[str] = []
    # Between the layers of a custom network there may be several functions, each with its own rule.
    told = [run for run in runs if not run.config.network.is_users]
    for act, run in {phrase(run, "act"): run for run in told}.items():
        rule = _rule(run)
        if rule:
            rules.setdefault(rule, []).append(act)
        else:
            without.append(act)
    spoken = [rule if len(rules) == 1 else f"{rule} ({', '.join(acts)})" for rule, acts in rules.items()]
    sentence = f"Saturated, beyond the dashed line: {'; '.join(spoken)}." if spoken else ""
    if without:
        sentence += f" Nowhere saturated: {', '.join(without)}."
    return sentence.strip()


def _rule(run: Run) -> str:
    low, high = (float(f"{bound:.3g}") for bound in bounds_of(run))
    if low == -high:
        return f"|z| > {high:g}"
    sides = [f"z {sign} {bound:g}" for sign, bound in (("<", low), (">", high)) if math.isfinite(bound)]
    return " or ".join(sides)


def at_record(updates: Sequence[int]) -> str:
    """The record that is drawn, as text: `at the start` or `after 20,000 updates`."""
    low, high = min(updates), max(updates)
    if high == 0:
        return "before the first update"
    return f"after {low:,} updates" if low == high else f"after {low:,} to {high:,} updates"


def bands_in_words(counts: Sequence[int], drawn: str = "bands") -> str:
    """`N = 5 seeds; bands: 95 % CI of the mean`, for runs with these numbers of seeds.

    `drawn` is what the intervals are drawn as.
    """
    low, high = min(counts), max(counts)
    words = (f"N = {low}" if low == high else f"N = {low}–{high}") + (" seed" if high == 1 else " seeds")
    if high == 1:
        return f"{words}, so no {drawn}"
    return f"{words}; {drawn}: 95 % CI of the mean" + (" (none for N = 1)" if low == 1 else "")


def diverged_in_words(
    runs: Sequence[Run], seeds: Sequence[int] | None = None, are_errors: bool = False
) -> list[str]:
    """Sentences on the seeds, of those chosen, that diverged: how many, and how they count."""
    some: list[str] = []
    all_: list[str] = []
    for run, label in zip(runs, labels(runs), strict=True):
        lost = lost_seeds(run)[seed_rows(run, seeds)]
        if lost.any():
            words = f"{int(lost.sum())} of {len(lost)} seeds" + (f" of {label}" if len(runs) > 1 else "")
            (all_ if lost.all() and not are_errors else some).append(words)
    how = "and counted at chance level from there on" if are_errors else "and left out"
    told = [f"Diverged, {how}: {'; '.join(some)}."] if some else []
    return told + ([f"Diverged, and shown until then: {'; '.join(all_)}."] if all_ else [])


def hidden_only(chosen: PlotRequest, runs: Sequence[Run]) -> list[str]:
    """The sentence that the output layer is left out, whose weight gradients are several times larger."""
    is_custom = any(run.config.network.is_users for run in runs)
    sentence = "All weight layers but the last." if is_custom else "Hidden layers only."
    return [sentence] if chosen.layers is None else []
