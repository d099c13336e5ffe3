"""Tells how far the statistics of one seed lie from their prediction, by a seeded simulation.

A first-order formula is not enough: the slopes of all layers depend on the same deviations of the activations
below, the mean of saturated units matters to second order alone, and the distribution has tails. So networks
are drawn as training draws them, by a generator of their own: the same configuration always gives the same
numbers. Each network sees a few of the probe images; what that adds to the variance over seeds is known from
the two halves of them, and subtracted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import islice

import numpy as np

from xavier_cli.statistics.tails import bounds
from xavier_cli.training.probes.drawn_layers import is_weight_by_weight
from xavier_cli.training.probes.simulated_networks import (
    RandomNetwork,
    draw_networks,
    log_ratios,
    together,
)

# So many that a standard deviation is known to 2-4 %; fewer of wide networks, which are nearly Gaussian.
_MOST_DRAWS, _FEWEST_DRAWS, _UNITS = 2000, 300, 900_000
# The most weights that initializers themselves are asked for.
_MOST_SAMPLED = 10**8
# Images that a network sees; many where what their choice adds to a variance is more than this share of it.
_FEW_IMAGES, _MANY_IMAGES, _ADDED = 32, 96, 0.5
# The most Jacobians that are looked at in a network.
_JACOBIANS = 8
# The most relative error of a standard deviation that is told.
_DOUBT = 0.12
# What single precision may add to a logarithm, where nothing else differs between seeds.
_ROUNDING = 1e-4
# Numbers of one array.
_BATCH = 2**20


def spread_of_seeds(network: RandomNetwork, images: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """How the statistics of single seeds are distributed around their prediction.

    **Arguments:** `images`, `(images, inputs)`; `labels`, `(images,)`.

    **Returns:** for each statistic `NAME`: `NAME_sd`, the standard deviation over seeds, and `NAME_low` and
    `NAME_high`, which one seed in a million is below or above, all relative to the prediction; `(layers,)`
    each. NaN where it cannot be told, as where nothing is propagated; empty where networks cannot be drawn.
    """
    if not draws_of(network):
        return {}
    arrays: dict[str, np.ndarray] = {}
    with np.errstate(all="ignore"):
        for name, logs in simulate(network, images, labels).items():
            relative = np.exp(logs)
            sd = np.std(relative, axis=0)
            fourth = np.mean((relative - np.mean(relative, axis=0)) ** 4, axis=0) / sd**4
            # Where a few draws decide it, as one unit in a thousand that reaches a kink, it is not known.
            is_known = np.isfinite(sd) & ~((fourth - 1) / (4 * len(logs)) > _DOUBT**2)
            below, above = bounds(logs)
            low, high = np.exp(below - _ROUNDING), np.exp(above + _ROUNDING)
            for what, values in {"sd": sd, "low": low, "high": high}.items():
                told = np.where(is_known, values, math.nan)
                # More digits are not known, and the last bits of sums depend on the number of threads.
                arrays[f"{name}_{what}"] = np.array([float(f"{value:.5e}") for value in told])
    return arrays


def draws_of(network: RandomNetwork) -> int:
    """The number of networks to simulate; 0 if it is not known how they are drawn, or takes too long."""
    draws = min(max(_UNITS // sum(law.fans[1] for law in network.laws), _FEWEST_DRAWS), _MOST_DRAWS)
    sampled = sum(math.prod(law.fans) for law in network.laws if law.sample is not None)
    draws = min(draws, _MOST_SAMPLED // max(sampled, 1))
    return draws if network.is_known and draws >= _FEWEST_DRAWS else 0


def simulate(network: RandomNetwork, images: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Logarithms of statistics over their predictions, `(draws, layers)` by name, of simulated networks."""
    logs, kept = _simulate_on(min(_FEW_IMAGES, len(images)), network, images, labels)
    if len(images) > _FEW_IMAGES and kept < 1 - _ADDED:
        # Images that have little in common, or lose it from layer to layer, represent each other badly.
        logs, _ = _simulate_on(min(_MANY_IMAGES, len(images)), network, images, labels)
    return logs


@np.errstate(all="ignore")
def _simulate_on(
    seen: int, network: RandomNetwork, images: np.ndarray, labels: np.ndarray
) -> tuple[dict[str, np.ndarray], float]:
    """`simulate` with `seen` images each, and the least share of a variance that they do not add."""
    count, few, draws = len(images), len(network.few), draws_of(network)
    taken = min(few, _JACOBIANS)
    widest = max(max(law.fans) for law in network.laws) * (seen + taken)
    drawn = [math.prod(law.fans) for law in network.laws if is_weight_by_weight(law, seen + taken)]
    at_once = max(1, min(draws, _BATCH // max(widest, *drawn, 1)))
    x, products = images.astype(np.float32), images @ images.T
    rng = np.random.Generator(np.random.SFC64(0))
    # Of its own, so that the networks are the same whatever images are looked at.
    chooser = np.random.Generator(np.random.SFC64(1))
    choose, choose_few = _choices(chooser, count, seen), _choices(chooser, few, taken)
    parts, every = [], []
    for batch in range(-(-draws // at_once)):
        chosen = np.stack([*islice(choose, at_once)])
        of_few = np.stack([*islice(choose_few, at_once)])
        rows = np.concatenate([chosen, network.few[of_few]], axis=1)
        moments = products[rows[:, :, None], rows[:, None, :]]
        parts.append(draw_networks(rng, network, x[rows], moments, labels[chosen], of_few, batch))
        every.append(chosen)
    passes, seen_in = together(parts), np.concatenate(every)
    whole = log_ratios(network, passes, seen_in, slice(None), slice(None))
    halves = [
        log_ratios(network, passes, seen_in, *each) for each in zip(*map(_halves, (seen, taken)), strict=True)
    ]
    logs, least = {}, 1.0
    for name, of_some in whole.items():
        is_jacobian = name.endswith("singular_value")
        share = taken / few if is_jacobian else seen / count
        logs[name], kept = _of_all_images(of_some, halves[0][name], halves[1][name], share)
        least = min(least, 1.0 if is_jacobian else kept)
    return logs, least


def _choices(rng: np.random.Generator, count: int, size: int) -> Iterator[np.ndarray]:
    """Endless choices of `size` of `count`, in all of which each occurs about as often."""
    while True:
        order = rng.permutation(count)
        for first in range(0, count - size + 1, size) if size else (0,):
            yield order[first : first + size]


def _halves(count: int) -> tuple[slice, slice]:
    half = max(count // 2, 1)
    return slice(0, half), slice(count - half, count)


def _of_all_images(
    logs: np.ndarray, first: np.ndarray, second: np.ndarray, share: float
) -> tuple[np.ndarray, float]:
    """`logs` from a `share` of the images, drawn together to the variance that they would have from all.

    Also returns the least share of a column's variance that is left.

    Halves of a choice of size n differ by 4 times what the choice adds to the variance, S²/n; without
    replacement it adds S² (1/n − 1/N).
    """
    if share >= 1:
        return logs, 1.0
    # Minus infinity where all is 0, as in a layer whose units are all inactive.
    is_finite = np.isfinite(logs) & np.isfinite(first - second)
    count = np.sum(is_finite, axis=0)

    def mean_of(values: np.ndarray) -> np.ndarray:
        return np.asarray(np.sum(np.where(is_finite, values, 0), axis=0) / count)

    mean, apart = mean_of(logs), first - second
    variance = mean_of((logs - mean) ** 2)
    added = mean_of((apart - mean_of(apart)) ** 2) / 4 * (1 - share)
    kept = np.maximum(1 - added / variance, 0.0)
    # Where nothing varies but by rounding, nothing is lost.
    varies = variance > _ROUNDING**2
    least = float(np.min(kept, where=varies, initial=1.0))
    return np.where(is_finite, mean + (logs - mean) * np.sqrt(kept), logs), least
