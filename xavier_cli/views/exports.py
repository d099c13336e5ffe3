"""Builds the output of `export` on stdout: whole runs, or one number per line."""

from __future__ import annotations

from collections.abc import Sequence

from xavier_cli.export.long import long_records, whole
from xavier_cli.runs.counting import in_words
from xavier_cli.runs.record import Run
from xavier_cli.views.page import Page

SCHEMA = "xavier.export/1"


def diverged_notes(runs: Sequence[Run]) -> list[str]:
    """A line about each run with diverged seeds, whose stored numbers are exported as they are."""
    return [
        f"{run.label}: {words}; from `diverged_at` on, numbers are of frozen weights (tables: chance level)"
        for run in runs
        if (words := in_words(run))
    ]


def long_page(runs: Sequence[tuple[str, Run]]) -> Page:
    """One number per line, for runs with their names; for CSV only."""
    return Page(SCHEMA, {}, [record for name, run in runs for record in long_records(run, name)])


def whole_page(runs: Sequence[tuple[str, Run]]) -> Page:
    """All arrays of runs, with their names; for JSON only."""
    return Page(SCHEMA, {"runs": [whole(run, name) for name, run in runs]}, [])
