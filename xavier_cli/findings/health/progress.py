"""Tells how far each seed has come: whether it left chance, and, where not, whether it still might.

A network that is young is no sick one. It is on a plateau only where error and loss stand at chance, neither
falls any more, and the training was long enough for a network whose gradients arrive to have left chance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from xavier_cli.runs.record import Run
from xavier_cli.statistics.estimate import late_records
from xavier_cli.statistics.trend import trend_slope, trend_z

NEAR_CHANCE = 0.02
"""So near chance in error, a fraction, or in loss, in nats, a network has not left it (STATISTICS §5)."""
TREND_RECORDS = 6
"""Fewer records cannot show a trend at `FALLS`, even where each is below the one before."""
FALLS = -2.326
"""Kendall's z below which a series falls: one-sided, at 1 %."""
TIME_CONSTANTS = 3.0
"""After so many time constants 95 % of the way is gone."""


@dataclass(frozen=True)
class Progress:
    """How far the seeds have come; masks have the shape `(S,)`, and diverged seeds are in none of them.

    `at_chance`: error and loss are those of guessing, over the late records and at the last. `leaving`: over
    the late records alone. `falling`: those at chance whose error or loss still falls. `needed` is the number
    of updates after which standing at chance is a plateau. `window` are the records of the trend, an empty
    slice where there are too few.
    """

    at_chance: np.ndarray
    leaving: np.ndarray
    falling: np.ndarray
    needed: int
    window: slice
    is_long_enough: bool

    @property
    def stuck(self) -> np.ndarray:
        """Which seeds are on a plateau at chance."""
        return self.at_chance & ~self.falling & self.is_long_enough

    @property
    def young(self) -> np.ndarray:
        """Which seeds are at chance, but might still leave it, or just do."""
        return (self.at_chance & ~self.stuck) | self.leaving


def progress(run: Run) -> Progress:
    """How far the seeds of `run` have come; all are young in a run with few records."""
    needed = updates_needed(run)
    error, loss = (np.asarray(run[f"curves/valid_{name}"], dtype=np.float64) for name in ("error", "loss"))
    late = late_records(len(run.updates))
    near = run.facts.guessing_error - NEAR_CHANCE
    late_at_chance = (error[:, -late:].mean(axis=1) >= near) & ~run.diverged
    if run.config.loss == "cross_entropy" and (not run.config.is_watched or run.config.applies("loss")):
        late_at_chance &= loss[:, -late:].mean(axis=1) >= least_entropy(run) - NEAR_CHANCE
    # A network that has just left is not at chance, whatever the mean says.
    at_chance = late_at_chance & (error[:, -1] >= near)
    leaving = late_at_chance & ~at_chance
    trained = int((run.updates > 0).sum())
    window = slice(-max(TREND_RECORDS, math.ceil(trained / 2)), None)
    if trained < TREND_RECORDS:
        return Progress(at_chance, leaving, at_chance & False, needed, slice(0, 0), False)
    falling = np.zeros(len(run.seeds), bool)
    for curve in (error, loss):
        falling |= _falling(run.updates[window], curve[:, window], at_chance, int(run.updates[-1]))
    return Progress(at_chance, leaving, falling, needed, window, int(run.updates[-1]) >= needed)


def updates_needed(run: Run) -> int:
    """The updates in which the output biases alone settle, on which no gradient has to arrive from anywhere.

    With K classes the Hessian of the cross-entropy over the output biases is about 1/K at chance, so that
    gradient descent at rate η takes K/η updates for a factor of e, and hidden units whose activations are of
    order 1 make it only faster. Adaptive optimizers take steps of about η, whatever the gradient.
    """
    if not run.config.applies("lr"):
        # Nobody knows the rate of a watched training that did not name it: its length is taken as meant.
        return 0
    rate = min(run.config.search) if math.isnan(run.lr) else run.lr
    choice = run.config.optimizer_choice
    if rate <= 0:
        return int(run.updates[-1]) + 1
    scale = 1.0
    if choice.optimizer.name == "sgd":
        scale = run.facts.classes * (1 - float(choice.values["momentum"]))
    return math.ceil(TIME_CONSTANTS * scale / rate)


def least_entropy(run: Run) -> float:
    """The lowest entropy, in nats, of classes of which the most frequent has the share that is known.

    Only that share is known of every data set: the loss of guessing is this at least.
    """
    top = run.facts.top_class
    whole = math.floor(1 / top + 1e-9)
    rest = max(1 - whole * top, 0.0)
    return -whole * top * math.log(top) - (rest * math.log(rest) if rest > 1e-9 else 0.0)


def not_slowing(run: Run, seeds: np.ndarray) -> tuple[float, float] | None:
    """How far the mean validation loss of `seeds`, a mask, fell in the two halves of the training.

    Only where it falls in the second half, and by no less than in the first: then learning has not slowed,
    and the network is still at its beginning. Else None. What happens before the first record after the start
    does not count: output layers settle first.
    """
    begun = np.flatnonzero(run.updates > 0)
    if len(begun) < TREND_RECORDS or not seeds.any():
        return None
    loss = np.asarray(run["curves/valid_loss"], dtype=np.float64)[seeds]
    middle = int(np.abs(run.updates - run.updates[-1] / 2).argmin())
    mean = loss.mean(axis=0)
    first, second = float(mean[begun[0]] - mean[middle]), float(mean[middle] - mean[-1])
    if second < max(first, NEAR_CHANCE) or trend_z(loss[:, middle:]) > FALLS:
        return None
    return first, second


def _falling(times: np.ndarray, curves: np.ndarray, among: np.ndarray, length: int) -> np.ndarray:
    """Which seeds `among` some fall in `curves`, `(S, n)`: by themselves, or all together.

    And fast enough to leave chance if the training went on for as long again, `length` updates.
    """
    falls = np.array(
        [
            bool(of) and _leaves(times, curve, length) and trend_z(curve) < FALLS
            for of, curve in zip(among, curves, strict=True)
        ],
        dtype=bool,
    )
    rest = among & ~falls
    if rest.sum() > 1 and _leaves(times, curves[rest].mean(axis=0), length):
        together = trend_z(curves[rest]) < FALLS
        falls |= rest & together
    return falls


def _leaves(times: np.ndarray, curve: np.ndarray, length: int) -> bool:
    return trend_slope(times, curve) * length <= -NEAR_CHANCE
