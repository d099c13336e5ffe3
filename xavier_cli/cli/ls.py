"""`xavier ls`: the runs that there are, the newest first."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from xavier_cli.cli import inputs
from xavier_cli.cli.inputs import RunsArgument
from xavier_cli.cli.output import FormatOption, OutputOption, check_output, show_page
from xavier_cli.cli.page import Column, Page, Table

if TYPE_CHECKING:
    from xavier_cli.runs.record import Run

SCHEMA = "xavier.ls/1"
ONLY = ("curves/test_error", "final/diverged_at")


def ls(runs: RunsArgument = None, format: FormatOption = None, output: OutputOption = None) -> None:
    """List runs, the newest first: seeds, updates, test error, age.

    Without RUN: all runs in `runs/` (or `XAVIER_RUNS_DIR`).
    """
    if output is not None:
        check_output(output)
    read = inputs.read_inputs(runs, only=ONLY)
    show_page(runs_page(read.runs, datetime.now(UTC)), format, output)
    read.finish()


def runs_page(runs: list[Run], now: datetime) -> Page:
    """The answer of `ls`; ages are told from `now`."""
    from xavier_cli.cli import numbers
    from xavier_cli.findings.scores import final_error
    from xavier_cli.statistics.estimate import mean_over_seeds

    runs = sorted(runs, key=_created, reverse=True)
    errors = [mean_over_seeds(final_error(run)) for run in runs]
    shown = numbers.percents(errors)
    unfinished = any(run.status != "complete" for run in runs)
    columns = [Column("age", "right"), Column("N", "right"), Column("updates", "right")]
    columns += [Column("status")] if unfinished else []
    columns += [Column("test error %"), Column("run", moves=True)]
    rows, records = [], []
    for run, error, text in zip(runs, errors, shown, strict=True):
        done, planned = int(run.updates[-1]), run.config.updates
        trained = done > 0
        status = [run.status]
        rows.append(
            (
                numbers.age((now - _created(run)).total_seconds()),
                str(len(run.seeds)),
                f"{done:,}",
                *(status if unfinished else []),
                text if trained else "",
                _name(run),
            )
        )
        records.append(
            {
                "run": _name(run),
                "path": str(run.path or ""),
                "status": run.status,
                "n": len(run.seeds),
                "seeds": ",".join(str(seed) for seed in run.seeds),
                "diverged": int(run.diverged.sum()),
                "updates_done": done,
                "updates": planned,
                "test_error": error.mean if trained else math.nan,
                "test_error_low": error.low if trained else math.nan,
                "test_error_high": error.high if trained else math.nan,
                "created_utc": run.created_utc,
            }
        )
    return Page(
        schema=SCHEMA,
        data={"runs": records},
        records=records,
        tables=(Table(tuple(columns), tuple(rows)),),
    )


def _name(run: Run) -> str:
    return run.path.stem if run.path else run.config.file_stem()


def _created(run: Run) -> datetime:
    """When the run was made; before everything else where the file does not say."""
    try:
        created = datetime.fromisoformat(run.created_utc)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)
    return created if created.tzinfo else created.replace(tzinfo=UTC)
