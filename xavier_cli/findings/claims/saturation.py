"""Judges claims about the saturation of tanh and softsign layers (sections 3.2, 3.3; Figures 3, 4, 10)."""

from __future__ import annotations

import numpy as np

from xavier_cli.findings.claims.measurements import at_update, described, late, percentile, since
from xavier_cli.findings.claims.requirements import Evidence, NetworkKind, Requirements, select_runs
from xavier_cli.findings.claims.verdict import Judgement, count, in_every_seed, span, together
from xavier_cli.runs.record import Run

TANH, TANH_NORMALIZED = NetworkKind("tanh", "standard"), NetworkKind("tanh", "normalized")
SOFTSIGN = NetworkKind("softsign", "standard")
RATES = (0.01, 0.1)
HALF, WHOLE = 50_000, 100_000
"""The update at which the gap between layers 1 and 4 is measured, and the scale of its thresholds."""

GAP_IN_TURN, SHARE_IN_TURN = 0.30, 0.75
IN_TURN = (30_000, WHOLE)
GAP_TOGETHER, LESS = 0.20, 0.95
ENDS_OVER_SHOULDERS = 2.0
_PERCENTILES, _HISTOGRAM = "activation/abs_percentiles", "activation/histogram"
_WHICH = 98


def _gap(run: Run) -> np.ndarray:
    """The 98th percentile of |z| of layer 1 minus that of layer 4, after 50,000 updates; `(S,)`."""
    layers = percentile(run, at_update(run, _PERCENTILES, HALF), _WHICH)
    return np.asarray(layers[:, 0] - layers[:, 3])


def tanh_saturates_in_turn(material: Evidence) -> Judgement:
    """Layer 1 exceeds layer 4 by 0.30 at 50,000 updates, and layers 1 to 4 are in order in 75 % of records.

    The order is tested from 30,000 to 100,000 updates; later the higher layers follow.
    """
    (run,) = select_runs(
        material, [TANH], Requirements(HALF, rates=RATES, window=IN_TURN, arrays=(_PERCENTILES,))
    )
    gap = _gap(run)
    layers = percentile(run, since(run, _PERCENTILES, *IN_TURN), _WHICH)[..., :4]
    share = np.mean(np.all(np.diff(layers, axis=-1) < 0, axis=-1), axis=-1)
    passes = (gap > GAP_IN_TURN) & (share >= SHARE_IN_TURN)
    evidence = (
        f"98th percentile of |z| at {HALF:,} updates: layer 1 less layer 4 {span(gap)}; layers in order in "
        f"{span(100 * share, 0)} % of the records since {IN_TURN[0]:,}; as claimed in {count(passes)} "
        f"({described(material, run)})"
    )
    return Judgement(in_every_seed(passes, run.diverged), evidence, float(gap.mean()), GAP_IN_TURN)


def softsign_saturates_together(material: Evidence) -> Judgement:
    """Layer 1 exceeds layer 4 by less than 0.20 at 50,000 updates, and is below 0.95 at 100,000."""
    (run,) = select_runs(material, [SOFTSIGN], Requirements(WHOLE, rates=RATES, arrays=(_PERCENTILES,)))
    gap, first = _gap(run), percentile(run, at_update(run, _PERCENTILES, WHOLE), _WHICH)[:, 0]
    passes = (gap < GAP_TOGETHER) & (first < LESS)
    evidence = (
        f"98th percentile of |z|: layer 1 less layer 4 {span(gap)} at {HALF:,} updates, layer 1 at "
        f"{span(first)} after {WHOLE:,}; as claimed in {count(passes)} ({described(material, run)})"
    )
    return Judgement(in_every_seed(passes, run.diverged), evidence, float(gap.mean()), GAP_TOGETHER)


def figure_10_tanh_normalized_resembles_softsign(material: Evidence) -> Judgement:
    """The gap of tanh normalized is below 0.20, and nearer to softsign's than to tanh standard's.

    The bound is softsign's. Which gap is nearer is decided by means over seeds.
    """
    cells = [TANH_NORMALIZED, SOFTSIGN, TANH]
    runs = select_runs(material, cells, Requirements(HALF, rates=RATES, arrays=(_PERCENTILES,)))
    own, softsign, tanh = map(_gap, runs)
    nearer = np.abs(own - softsign.mean()) < np.abs(own - tanh.mean())
    passes = (np.abs(own) < GAP_TOGETHER) & nearer
    evidence = (
        f"98th percentile of |z| at {HALF:,} updates, layer 1 less layer 4: tanh normalized {span(own)}, "
        f"softsign {span(softsign)}, tanh standard {span(tanh)}; as claimed in {count(passes)} "
        f"({described(material, *runs)})"
    )
    return Judgement(in_every_seed(passes, runs[0].diverged), evidence, float(own.mean()), GAP_TOGETHER)


def final_histograms(material: Evidence) -> Judgement:
    """Late |z| of tanh in layer 1 has twice the density in 0.9-1 as in 0.8-0.9, and is dense at 0.

    Softsign is denser in 0.6-0.8 than in 0.3-0.6 and at 0. At laptop scale only layer 1 is saturated; the
    higher layers follow much later, as in the paper.
    """
    cells = [TANH, SOFTSIGN]
    tanh, softsign = select_runs(material, cells, Requirements(WHOLE, rates=RATES, arrays=(_HISTOGRAM,)))
    ends, shoulders = _density(tanh, 0.9, 1.0), _density(tanh, 0.8, 0.9)
    ratio = ends / np.maximum(shoulders, 1e-12)
    peaked = (ratio > ENDS_OVER_SHOULDERS) & (_density(tanh, 0.0, 0.1) > _density(tanh, 0.3, 0.6))
    knees, middle, zero = (_density(softsign, *ends) for ends in ((0.6, 0.8), (0.3, 0.6), (0.0, 0.1)))
    bent = (knees > middle) & (knees > zero)
    evidence = (
        f"|z| of layer 1: tanh has {span(ratio, 1)} times as much in 0.9-1 as in 0.8-0.9, peaks as claimed "
        f"in {count(peaked)}; softsign's density is {span(knees)} in 0.6-0.8, {span(middle)} in 0.3-0.6, "
        f"{span(zero)} in 0-0.1, as claimed in {count(bent)} ({described(material, tanh, softsign)})"
    )
    words = in_every_seed(peaked, tanh.diverged), in_every_seed(bent, softsign.diverged)
    return Judgement(together(words), evidence, float(ratio.mean()), ENDS_OVER_SHOULDERS)


def _density(run: Run, low: float, high: float) -> np.ndarray:
    """The density of |z| of layer 1 between two bin edges, over the late records; `(S,)`."""
    counts, centre = late(run, _HISTOGRAM)[:, 0], np.abs(run["activation/bin"])
    inside = (centre > low) & (centre < high)
    return np.asarray(counts[:, inside].sum(axis=1) / counts.sum(axis=1) / (high - low))
