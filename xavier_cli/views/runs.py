"""Builds the output of `ls`: the runs, and the values that they can be filtered and sorted by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import UTC, datetime

from xavier_cli.config.run import RunConfig
from xavier_cli.findings.scores import final_error
from xavier_cli.runs.counting import in_words
from xavier_cli.runs.record import Run
from xavier_cli.runs.weights import has_saved, weights_info
from xavier_cli.statistics.estimate import Estimate, mean_over_seeds
from xavier_cli.views import durations, numbers
from xavier_cli.views.page import Column, Page, Table

SCHEMA = "xavier.ls/1"
LISTED = ("curves/test_error", "final/diverged_at")
"""The arrays of a run file that a list of runs needs, and its filters."""


def runs_page(runs: list[Run], now: datetime, limit: int | None = None) -> Page:
    """The output of `ls`, in the order given, of the first `limit` alone; ages are relative to `now`."""
    more = len(runs) - len(runs[:limit])
    runs = runs[:limit]
    errors = [mean_over_seeds(final_error(run)) for run in runs]
    shown = numbers.percents(errors)
    marked = any(run.status != "complete" or run.diverged.any() for run in runs)
    columns = [Column("age", "right"), Column("N", "right"), Column("updates", "right")]
    columns += [Column("status")] if marked else []
    columns += [Column("test error %")]
    is_tagged = any(run.tags for run in runs)
    columns += [Column("tags", wraps=True)] if is_tagged else []
    # A file that people or another version named does not say itself what was trained.
    settings = [run.config.untold_by(name_of(run)) for run in runs]
    has_settings = any(settings)
    columns += [Column("settings", optional=1)] if has_settings else []
    columns += [Column("run", moves=True)]
    rows, records = [], []
    for run, error, text, beyond, name in zip(runs, errors, shown, settings, shown_names(runs), strict=True):
        done = int(run.updates[-1])
        trained = done > 0
        lost = in_words(run)
        status = f"{run.status}, {lost}" if lost else run.status
        rows.append(
            (
                durations.age((now - _created(run)).total_seconds()),
                str(len(run.seeds)),
                f"{done:,}",
                *([status] if marked else []),
                text if trained else "",
                *([" ".join(run.tags)] if is_tagged else []),
                *([beyond] if has_settings else []),
                name,
            )
        )
        records.append(_record(run, error))
    return Page(
        schema=SCHEMA,
        data={"runs": records, "more": more},
        records=records,
        tables=(Table(tuple(columns), tuple(rows)),),
        notes=(f"{more:,} more.",) if more else (),
    )


def _record(run: Run, error: Estimate) -> dict[str, object]:
    """The record of a run for programs."""
    trained = run.updates[-1] > 0
    return {
        "run": name_of(run),
        "path": str(run.path or ""),
        "status": run.status,
        "n": len(run.seeds),
        "seeds": ",".join(str(seed) for seed in run.seeds),
        "diverged": int(run.diverged.sum()),
        "updates_done": int(run.updates[-1]),
        "updates": run.config.updates,
        "test_error": error.mean if trained else math.nan,
        "test_error_low": error.low if trained else math.nan,
        "test_error_high": error.high if trained else math.nan,
        "created_utc": run.created_utc,
        "tags": ",".join(run.tags),
        "note": run.note,
        "weights": info.saved if (info := weights_info(run)) and has_saved(run, info.saved) else "",
    }


def run_values(run: Run) -> dict[str, object]:
    """The values that a run can be filtered and sorted by; `lr` is the one it was trained with."""
    settings = {
        name: ",".join(map(str, value)) if isinstance(value, tuple) else value
        for name, value in {**dict.fromkeys(RunConfig.model_fields, ""), **run.config.shown()}.items()
    }
    record = _record(run, mean_over_seeds(final_error(run)))
    return {**settings, "lr": run.lr, **record, **mark_values(run)}


MARKS = ("tag", "tags", "note")
"""What a file is marked with: conditions on it choose files, before runs of one configuration are merged."""


def mark_values(run: Run) -> dict[str, object]:
    """The marks of a run, by which it can be filtered: `tag=paper` fits where any of its tags does."""
    return dict(zip(MARKS, (run.tags, run.tags, run.note), strict=True))


def name_of(run: Run) -> str:
    """A run's name in lists: that of its file, without suffix."""
    return run.path.stem if run.path else run.config.file_stem()


def shown_names(runs: Sequence[Run]) -> list[str]:
    """The names of runs in a table; their files where two of them are called the same."""
    names = [name_of(run) for run in runs]
    return names if len({*names}) == len(names) else [run.label for run in runs]


def newest_first(runs: list[Run]) -> list[Run]:
    """The runs in the order of their creation, the newest first."""
    return sorted(runs, key=_created, reverse=True)


def _created(run: Run) -> datetime:
    """When the run was created; the earliest possible time if the file does not say."""
    try:
        created = datetime.fromisoformat(run.created_utc)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return created if created.tzinfo else created.replace(tzinfo=UTC)
