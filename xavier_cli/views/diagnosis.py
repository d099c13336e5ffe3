"""Builds the output of `doctor`: what is wrong with a file, and what can still be read."""

from __future__ import annotations

from xavier_cli.runs.rescue import Diagnosis
from xavier_cli.views.page import Column, Page, Table

SCHEMA = "xavier.doctor/1"


def diagnosis_page(found: Diagnosis, rescue: bool = False) -> Page:
    """The output of `doctor`; without `rescue` it says how to rescue what can be read."""
    wrong = [part for part in found.parts if part.state != "whole"]
    count = len(found.parts)
    facts = [
        ("file", str(found.path)),
        ("is", f"a {found.kind}" if found.kind != "unknown" else "unknown file type"),
        *([("holds", found.about)] if found.about else []),
        ("state", "whole" if found.is_whole else "damaged"),
        *([("problem", found.problem)] if found.problem else []),
        *([("datasets", f"{found.good} of {count} can be read")] if count else []),
    ]
    tables = [Table((Column("doctor"), Column("", wraps=True)), tuple(facts))]
    if wrong:
        rows = tuple((part.name, part.state, part.reason) for part in wrong)
        tables.append(Table((Column("dataset"), Column("state"), Column("reason", wraps=True)), rows))
    data: dict[str, object] = {
        "file": str(found.path),
        "kind": found.kind,
        "whole": found.is_whole,
        "problem": found.problem or None,
        "about": found.about or None,
        "datasets": count,
        "readable": found.good,
        "can_be_rescued": found.rescued is not None,
    }
    strangers = list(found.strangers)
    return Page(
        schema=SCHEMA,
        data={**data, "parts": [vars(part) for part in found.parts], "not_ours": strangers},
        records=[{"file": str(found.path), **vars(part)} for part in found.parts] or [data],
        tables=tuple(tables),
        notes=tuple(_notes(found, rescue)),
    )


def _notes(found: Diagnosis, rescue: bool) -> list[str]:
    notes = []
    if found.is_whole and found.parts:
        notes.append("Every dataset is as its digest says.")
    if any(part.state == "recomputed" for part in found.parts):
        notes.append("Recomputed: follows from the rest, and its digest says that it is the same.")
    if found.strangers:
        notes.append(f"Passed over, since it is not ours: {', '.join(found.strangers)}.")
    if found.missed:
        notes.append(f"Nothing to rescue: {found.missed}.")
    if found.rescued is not None and not rescue:
        notes.append("`--rescue -o NEW.h5` writes a new file with what can be read.")
    if found.kind == "checkpoint" and not found.is_whole:
        notes.append(
            "Training resumes from the one before (`.ckpt.1`) if there is one, else from the beginning."
        )
    return notes
