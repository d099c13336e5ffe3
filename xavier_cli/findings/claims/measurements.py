"""Numbers out of a chosen run: late means, values at an update, times, percentiles, its scale in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from xavier_cli.config.run import RunConfig
from xavier_cli.findings.claims.few_seeds import fewest_seeds
from xavier_cli.findings.claims.requirements import Evidence, inside
from xavier_cli.findings.claims.verdict import UndecidedError
from xavier_cli.findings.scores import late_window
from xavier_cli.runs.record import Run
from xavier_cli.statistics.difference import SEEDS_FOR_A_TEST
from xavier_cli.statistics.estimate import late_mean, late_records

# Between records further apart than this nothing is said about the time between them.
_WIDEST_GAP = 20_000


def late(run: Run, path: str) -> np.ndarray:
    """`run[path]` `(S, R, ...)` as its mean over the late records, `(S, ...)`: the figure for a claim."""
    check_late(run)
    return late_mean(np.moveaxis(run[path].astype(np.float64), 1, -1))


def check_late(run: Run) -> None:
    """Raises `UndecidedError` unless the records that a figure is the mean of lie in the second half."""
    updates, number = run.updates, late_records(len(run.updates))
    if len(updates) < number or updates[-number] < updates[-1] / 2:
        raise UndecidedError(
            f"needs {run.config.act} {run.config.init} with {number} records or more in the second half of "
            f"its training; there are {int((updates >= updates[-1] / 2).sum())}"
        )


def counted(run: Run, values: np.ndarray) -> np.ndarray:
    """`values`, `(S, ...)`, of the seeds that did not diverge; raises `UndecidedError` under five of them."""
    number = int((~run.diverged).sum())
    if number < fewest_seeds(SEEDS_FOR_A_TEST):
        raise UndecidedError(
            f"needs {run.config.act} {run.config.init} with {SEEDS_FOR_A_TEST} seeds that did not diverge; "
            f"there are {number} of {len(run.seeds)}"
        )
    return np.asarray(values[~run.diverged])


def since(run: Run, path: str, first: int, last: int | None = None) -> np.ndarray:
    """`run[path]` `(S, R, ...)` at the records from `first` to `last` updates, or to the end."""
    return run[path][:, inside(run, first, last)].astype(np.float64)


def at_update(run: Run, path: str, update: int) -> np.ndarray:
    """`run[path]` `(S, R, ...)` after `update` updates, `(S, ...)`; between records on a straight line."""
    updates = run.updates
    above = int(np.searchsorted(updates, update))
    if updates[above] == update:
        return run[path][:, above].astype(np.float64)
    below = above - 1
    gap = int(updates[above] - updates[below])
    if gap > _WIDEST_GAP:
        raise UndecidedError(
            f"needs {run.config.act} {run.config.init} with a record near {update:,} updates; the nearest "
            f"are {int(updates[below]):,} and {int(updates[above]):,}"
        )
    share = (update - int(updates[below])) / gap
    ends = run[path][:, [below, above]].astype(np.float64)
    return np.asarray(ends[:, 0] + share * (ends[:, 1] - ends[:, 0]))


def read_at(run: Run, update: int) -> str:
    """How `at_update` was read: `at 50,000 updates`, with the records beside it where there is none there."""
    above = int(np.searchsorted(run.updates, update))
    if run.updates[above] == update:
        return f"at {update:,} updates"
    return f"at {update:,} updates (between records at {run.updates[above - 1]:,} and {run.updates[above]:,})"


class Crossing(NamedTuple):
    """When something first happened, as well as records tell: later than `after` updates, and by `by`.

    Both have the shape of what was asked about, `(S, ...)`. `by` is infinite where it did not happen up to
    the last record, which `after` is then; it is 0, and `after` too, where it was so at record 0.
    """

    after: np.ndarray
    by: np.ndarray

    @property
    def happened(self) -> np.ndarray:
        """Where it happened, as far as the records go."""
        return np.asarray(np.isfinite(self.by))

    def before(self, other: Crossing) -> np.ndarray:
        """Where it certainly came first: by a record up to which the other had not happened."""
        return np.asarray(self.happened & (self.by <= other.after))

    def by_layer(self) -> list[Crossing]:
        """One of shape `(S,)` for each layer, the last axis of this one."""
        return [Crossing(after, by) for after, by in zip(self.after.T, self.by.T, strict=True)]

    def in_words(self, until: int | None = None) -> str:
        """`by update 250-300`; `never up to update 50,000`, in all or in so many, where it did not happen.

        `until` is the update up to which it was looked for, by default the last record's.
        """
        there = self.by[self.happened]
        ends = sorted({int(there.min()), int(there.max())}) if len(there) else []
        parts = [f"by update {'-'.join(f'{end:,}' for end in ends)}"] if ends else []
        if missing := int((~self.happened).sum()):
            last = int(self.after.max()) if until is None else until
            share = f" in {missing} of {self.by.size}" if ends else ""
            parts.append(f"not up to update {last:,}{share}")
        return ", ".join(parts)


def listed(layers: Sequence[Crossing], until: int | None = None) -> str:
    """`layer 1 by update 250-300, layer 2 …`, from layer 1 up."""
    return ", ".join(f"layer {i} {each.in_words(until)}" for i, each in enumerate(layers, start=1))


def first_time(run: Run, so: np.ndarray) -> Crossing:
    """When `so`, booleans of shape `(S, R, ...)` at the records of `run`, was first true."""
    first = np.where(so.any(axis=1), so.argmax(axis=1), so.shape[1])
    updates = np.append(run.updates.astype(np.float64), np.inf)
    return Crossing(updates[np.maximum(first - 1, 0)], updates[first])


def spacing(run: Run, until: int) -> str:
    """The distance of records up to `until` updates, in words: `records every 50 updates`."""
    steps = np.diff(run.updates[: int(np.searchsorted(run.updates, until)) + 1])
    ends = sorted({int(steps.min()), int(steps.max())}) if len(steps) else [0]
    return f"records every {'-'.join(f'{end:,}' for end in ends)} updates"


def percentile(run: Run, values: np.ndarray, which: int) -> np.ndarray:
    """One of the percentiles that are the last axis of `values`; raises `UndecidedError` without it."""
    place = run.percentile_place(which)
    if place is None:
        raise UndecidedError(f"needs the percentile {which} of {run.config.act} {run.config.init}")
    return np.asarray(values[..., place])


def described(material: Evidence, *runs: Run, late: bool = False) -> str:
    """The scale of what was judged, for a line of evidence; `~` marks a rate chosen on the same seeds.

    With `late` it says which records the late means are over.
    """
    seeds = sorted({len(run.seeds) for run in runs})
    config = runs[0].config
    size = config.shape if config.network.is_users else f"width {max(config.widths):,}"
    updates = config.updates
    number = " and ".join(map(str, seeds)) if len(seeds) < 3 else f"{seeds[0]} to {seeds[-1]}"
    words = f"N = {number}, {size}"
    if not updates:
        return words
    mark = "~" if any(_rate_was_chosen(material, run) for run in runs) else ""
    rates = " and ".join(f"{rate:g}" for rate in sorted({run.lr for run in runs}))
    lost = sum(int(run.diverged.sum()) for run in runs)
    words += f", {updates:,} updates, rate {mark}{rates}" + (f", {lost} diverged" if lost else "")
    windows = dict.fromkeys(late_window(run) for run in runs) if late else ()
    return words + "".join(f"; means of {window}" for window in windows)


def _rate_was_chosen(material: Evidence, run: Run) -> bool:
    """Whether a search chose it, or `select_runs` did among runs of several rates."""

    def without_rate(config: RunConfig) -> RunConfig:
        return config.model_copy(update={"lr": 0.0, "seeds": (), "records": ""})

    alike = {
        other.lr
        for other in material
        if isinstance(other, Run) and without_rate(other.config) == without_rate(run.config)
    }
    return bool(run.config.search) or len(alike) > 1
