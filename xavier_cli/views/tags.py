"""Builds the output of `tag`: the tags and the note of each run."""

from __future__ import annotations

from collections.abc import Sequence

from xavier_cli.runs.record import Run
from xavier_cli.views.page import Column, Page, Table
from xavier_cli.views.runs import name_of, shown_names

SCHEMA = "xavier.tag/1"


def tags_page(runs: Sequence[Run]) -> Page:
    """The output of `tag`, in the order given."""
    records = [
        {"run": name_of(run), "path": str(run.path or ""), "tags": list(run.tags), "note": run.note}
        for run in runs
    ]
    has_notes = any(run.note for run in runs)
    columns = (
        Column("tags", wraps=True),
        *[Column("note", wraps=True)] * has_notes,
        Column("run", moves=True),
    )
    rows = tuple(
        (" ".join(run.tags) or "-", *[run.note or "-"] * has_notes, name)
        for run, name in zip(runs, shown_names(runs), strict=True)
    )
    flat = [{**record, "tags": ",".join(run.tags)} for record, run in zip(records, runs, strict=True)]
    return Page(SCHEMA, {"runs": records}, flat, (Table(columns, rows),) if runs else ())
