"""The sentences under a figure: what was drawn, over how many seeds, and what `saturated` means."""

from __future__ import annotations

import math
from collections.abc import Sequence

from xavier_cli import names
from xavier_cli.figures.bands import in_words
from xavier_cli.figures.labels import labels, shared
from xavier_cli.figures.selection import Selection
from xavier_cli.runs.record import Run

# DESIGN: probes see a fixed set of 300 test examples.
PROBE_EXAMPLES = 300
# STATISTICS 1: within this share of its range from a limit, an activation is saturated.
SATURATED_SHARE = 0.05


def caption(runs: Sequence[Run], seeds: Sequence[int], sentences: Sequence[str]) -> str:
    """`sentences`, then the seeds' (`seeds[i]` of them in run i), then what the runs share."""
    ending = [f"{in_words(seeds)}.", *_diverged(runs)]
    common = shared(runs)
    return " ".join([*sentences, *ending, *([f"{common[0].upper()}{common[1:]}."] if common else [])])


def saturation_bounds(act: str) -> tuple[float, float] | None:
    """The activations below and above which `act` is saturated, or None where its range is not bounded.

    For a bounded, rising activation the rule of STATISTICS 1 is 5 % of its range from either limit.
    """
    low, high = names.ACTIVATIONS[act].range if act in names.ACTIVATIONS else (-math.inf, math.inf)
    if not (math.isfinite(low) and math.isfinite(high)):
        return None
    margin = SATURATED_SHARE * (high - low)
    # Twelve digits, so that 0.9 is not 0.9000000000000001.
    return float(f"{low + margin:.12g}"), float(f"{high - margin:.12g}")


def saturation_rule(acts: Sequence[str]) -> str:
    """What `saturated` means for each of `acts`, as one sentence."""
    rules: dict[str, list[str]] = {}
    without: list[str] = []
    for act in dict.fromkeys(acts):
        bounds = saturation_bounds(act)
        if bounds is None:
            without.append(act)
            continue
        low, high = bounds
        rule = f"|z| > {high:g}" if low == -high else f"z < {low:g} or z > {high:g}"
        rules.setdefault(rule, []).append(act)
    spoken = [rule if len(rules) == 1 else f"{rule} ({', '.join(named)})" for rule, named in rules.items()]
    sentence = ""
    if spoken:
        sentence = (
            f"Saturated, beyond the dashed line: {'; '.join(spoken)}, "
            f"within {100 * SATURATED_SHARE:.0f} % of the range from a limit."
        )
    if without:
        sentence += f" No such line for {', '.join(without)}, whose range is not bounded."
    return sentence.strip()


def at_record(updates: Sequence[int]) -> str:
    """Which record was drawn: `at the start` or `after 20,000 updates`."""
    low, high = min(updates), max(updates)
    if high == 0:
        return "before the first update"
    return f"after {low:,} updates" if low == high else f"after {low:,} to {high:,} updates"


def _diverged(runs: Sequence[Run]) -> list[str]:
    told = [
        f"{int(run.diverged.sum())} of {len(run.seeds)} seeds" + (f" of {label}" if len(runs) > 1 else "")
        for run, label in zip(runs, labels(runs), strict=True)
        if "final/diverged_at" in run and run.diverged.any()
    ]
    return [f"Diverged, and frozen from there: {'; '.join(told)}."] if told else []


def hidden_only(chosen: Selection) -> list[str]:
    """What to say of the output layer's weights, whose gradients are several times larger."""
    return ["Hidden layers only."] if chosen.layers is None else []
