"""Tells how far the statistics of one seed lie from their prediction, by a seeded simulation.

A first-order formula is not enough: the slopes of all layers depend on the same deviations of the activations
below, the mean of saturated units matters to second order alone, and the distribution has tails. So networks
are drawn as training draws them, by a generator of their own: the same configuration always gives the same
numbers. Each network sees a few of the probe images; what that adds to the variance over seeds is known from
the two halves of them, and subtracted.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
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
_MOST_DRAWS, _FEWEST_DRAWS, _UNITS = 2000, 250, 600_000
# The most weights that initializers themselves are asked for.
_MOST_SAMPLED = 10**8
# Images that a network sees, so that what they add to its variance is about a quarter.
_FEWEST_IMAGES, _MOST_IMAGES, _ADDED = 32, 96, 0.25
# The most Jacobians that are looked at in a network.
_JACOBIANS = 8
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
    arrays: dict[str, np.ndarray] = {}
    if not draws_of(network):
        return arrays
    with np.errstate(all="ignore"):
        for name, logs in simulate(network, images, labels).items():
            sd = np.std(np.exp(logs), axis=0)
            below, above = bounds(logs)
            low, high = np.exp(below - _ROUNDING), np.exp(above + _ROUNDING)
            for what, values in {"sd": sd, "low": low, "high": high}.items():
                told = np.where(np.isfinite(sd), values, math.nan)
                arrays[f"{name}_{what}"] = np.array([_rounded(value) for value in told])
    return arrays


def _rounded(value: float) -> float:
    """To four digits: more are not known, and the last bits of sums depend on the number of threads."""
    return float(f"{value:.3e}")


def draws_of(network: RandomNetwork) -> int:
    """The number of networks to simulate; 0 where it is not known how they are drawn, or it takes too long."""
    draws = min(max(_UNITS // sum(law.fans[1] for law in network.laws), _FEWEST_DRAWS), _MOST_DRAWS)
    sampled = sum(math.prod(law.fans) for law in network.laws if law.sample is not None)
    draws = min(draws, _MOST_SAMPLED // max(sampled, 1))
    return draws if network.is_known and draws >= _FEWEST_DRAWS else 0


@np.errstate(all="ignore")
def simulate(network: RandomNetwork, images: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
    """Logarithms of statistics over their predictions, `(draws, layers)` by name, of simulated networks."""
    count, seen = len(images), _images_to_see(images)
    few, draws = len(network.few), draws_of(network)
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
        log_ratios(network, passes, seen_in, *each)
        for each in zip(*map(_halves, (seen, taken)), strict=True)
    ]
    logs = {}
    for name, of_some in whole.items():
        share = taken / few if name.endswith("singular_value") else seen / count
        logs[name] = _of_all_images(of_some, *(half[name] for half in halves), share)
    return logs


def _images_to_see(images: np.ndarray) -> int:
    """How many images stand for all: the more alike they are, the fewer."""
    length = np.sqrt(np.sum(images**2, axis=1))
    unit = images / np.where(length > 0, length, 1)[:, None]
    # What two images have in common of the variance of a unit's square is about their squared correlation.
    alike = float(np.mean((unit @ unit.T) ** 2))
    wanted = math.ceil((1 - alike) / max(alike, 1e-9) / _ADDED)
    return min(len(images), max(_FEWEST_IMAGES, min(wanted, _MOST_IMAGES)))


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
) -> np.ndarray:
    """`logs` from a `share` of the images, drawn together to the variance that they would have from all.

    Halves of a choice of size n differ by 4 times what the choice adds to the variance, S²/n; without
    replacement it adds S² (1/n − 1/N).
    """
    if share >= 1:
        return logs
    # Minus infinity where all is 0, as in a layer whose units are all inactive.
    is_finite = np.isfinite(logs) & np.isfinite(first - second)
    count = np.sum(is_finite, axis=0)

    def mean_of(values: np.ndarray) -> np.ndarray:
        return np.asarray(np.sum(np.where(is_finite, values, 0), axis=0) / count)

    mean, apart = mean_of(logs), first - second
    variance = mean_of((logs - mean) ** 2)
    added = mean_of((apart - mean_of(apart)) ** 2) / 4 * (1 - share)
    kept = np.sqrt(np.maximum(1 - added / variance, 0.0))
    return np.where(is_finite, mean + (logs - mean) * kept, logs)
