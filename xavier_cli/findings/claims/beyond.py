"""Claims about what came after the paper, on MNIST: ReLU networks of 30 layers, and frameworks' defaults."""

from __future__ import annotations

from dataclasses import replace

from xavier_cli.findings.claims.errors import beats
from xavier_cli.findings.claims.readings import at_update
from xavier_cli.findings.claims.selection import Cell, Material, Scale, pick
from xavier_cli.findings.claims.verdict import Finding, count, in_every_seed, span, together
from xavier_cli.findings.scores import late_error

HE, NORMALIZED = Cell("relu", "he_normal", 30), Cell("relu", "normalized", 30)
KERAS, PYTORCH = Cell("relu", "normalized", 10), Cell("relu", "standard", 10, bias_init="standard")
SCALE = Scale(10_000, 100, rates=(0.003, 0.03), data="mnist")
EARLY = 1_000
"""Updates after which a network that does not stall has left guessing."""
LEARNT, AT_GUESSING = 0.20, 0.05


def relu_at_depth_30_learns_under_he(material: Material) -> Finding:
    """He's more than 3 points better at p < .005, and below 20 %; normalized at guessing after 1,000 updates.

    The last two in every seed; at guessing is within 5 points of it.
    """
    better = beats(material, {"He": HE, "normalized": NORMALIZED}, SCALE)
    he, normalized = pick(material, [HE, NORMALIZED], SCALE)
    early = at_update(normalized, "curves/test_error", EARLY)
    learnt = late_error(he) < LEARNT
    stalled = early > normalized.facts.guessing_error - AT_GUESSING
    words = [in_every_seed(learnt, he.diverged), in_every_seed(stalled, normalized.diverged)]
    evidence = (
        f"{better.evidence}; He's below {100 * LEARNT:g} % in {count(learnt)}; normalized after {EARLY:,} "
        f"updates {span(100 * early, 1)} %, at guessing in {count(stalled)}"
    )
    return replace(better, verdict=together([better.verdict, *words]), evidence=evidence)


def keras_default_beats_pytorchs(material: Material) -> Finding:
    """More than 3 points better at p < .005; does not hold where the interval lies below 3 points."""
    return beats(material, {"as Keras": KERAS, "as PyTorch": PYTORCH}, SCALE)
