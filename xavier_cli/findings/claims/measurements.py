"""Numbers out of a chosen run: late means, values at an update, percentiles, and its scale in words."""

from __future__ import annotations

import numpy as np

from xavier_cli.config.run import RunConfig
from xavier_cli.findings.claims.requirements import Evidence, inside
from xavier_cli.findings.claims.verdict import UndecidedError
from xavier_cli.runs.record import Run
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


def percentile(run: Run, values: np.ndarray, which: int) -> np.ndarray:
    """One of the percentiles that are the last axis of `values`; raises `UndecidedError` without it."""
    place = run.percentile_place(which)
    if place is None:
        raise UndecidedError(f"needs the percentile {which} of {run.config.act} {run.config.init}")
    return np.asarray(values[..., place])


def described(material: Evidence, *runs: Run) -> str:
    """The scale of what was judged, for a line of evidence; `~` marks a rate chosen on the same seeds."""
    seeds = sorted({len(run.seeds) for run in runs})
    width, updates = max(runs[0].config.widths), runs[0].config.updates
    words = f"N = {' and '.join(map(str, seeds))}, width {width:,}"
    if not updates:
        return words
    mark = "~" if any(_rate_was_chosen(material, run) for run in runs) else ""
    rates = " and ".join(f"{rate:g}" for rate in sorted({run.lr for run in runs}))
    lost = sum(int(run.diverged.sum()) for run in runs)
    return f"{words}, {updates:,} updates, rate {mark}{rates}" + (f", {lost} diverged" if lost else "")


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
