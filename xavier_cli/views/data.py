"""Builds the output of `data`: data sets and their places, whether they are intact, the content of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from xavier_cli.data.load import where
from xavier_cli.data.mirrors import REMOTES
from xavier_cli.data.sets import DataDamagedError, FiniteSet
from xavier_cli.views.page import Column, Page, Table, clean
from xavier_cli.vocabulary.datasets import (
    FAMILIES,
    NAMED,
    SMALL_IMAGENET,
    DatasetInfo,
    DatasetSpec,
    find_data,
)

LIST_SCHEMA = "xavier.data.list/1"
SHOW_SCHEMA = "xavier.data.show/1"
VERIFY_SCHEMA = "xavier.data.verify/1"
PARTS = ("train", "valid", "test")


def placed(asked: DatasetSpec, data_dir: Path | None) -> str:
    """The place of a data set's files, or how to get them, or why none can be told; Shapeset has none."""
    try:
        found = where(asked, data_dir)
    except DataDamagedError as error:
        return str(error)
    if found is None and asked.kind not in ("shapeset", "own"):
        hint = f"`xavier data fetch {asked.name}`" if asked.name in REMOTES else "a folder of images"
        return f"not found: {hint}"
    return str(found or "generated")


def data_sets_page(data_dir: Path | None) -> Page:
    """The output of `data list`."""
    records: list[dict[str, object]] = []
    for asked in map(find_data, NAMED):
        word = asked.builtin
        records.append(
            {
                "name": asked.name,
                "inputs": word.inputs if word else asked.side**2,
                "classes": word.classes if word else None,
                **dict(zip(PARTS, word.sizes if word else (), strict=False)),
                "about": word.about if word else FAMILIES[f"{SMALL_IMAGENET}[@SIZE[rgb]]"],
                "where": placed(asked, data_dir),
                "aliases": ",".join(word.aliases) if word else "",
            }
        )
    rows = tuple(
        (
            str(record["name"]),
            f"{record['inputs']:,}",
            str(record["classes"] or "any"),
            " / ".join(f"{record[part]:,}" for part in PARTS if part in record)
            or ("generated" if record["classes"] else "any"),
            clean(str(record["where"])),
        )
        for record in records
    )
    columns = (
        Column("name"),
        Column("inputs", "right"),
        Column("classes", "right"),
        Column("train / valid / test"),
        Column("where", wraps=True, moves=True),
    )
    notes = [
        f"{form}: {about}." for form, about in FAMILIES.items() if form != f"{SMALL_IMAGENET}[@SIZE[rgb]]"
    ]
    return Page(
        LIST_SCHEMA, {"data_sets": records, "forms": FAMILIES}, records, (Table(columns, rows),), tuple(notes)
    )


def whole_record(asked: DatasetSpec, place: str, finite: FiniteSet, facts: DatasetInfo) -> dict[str, object]:
    """The record, for programs, of a data set that was read from its files and is intact."""
    return {
        "name": asked.name,
        "where": place,
        "result": "whole",
        **{part: len(examples.labels) for part, examples in finite.parts()},
        "checksums": len(facts.sources),
        "sha256": facts.sha256,
    }


def damaged_record(asked: DatasetSpec, place: str, error: Exception) -> dict[str, object]:
    """The record of a data set that is damaged."""
    return {"name": asked.name, "where": place, "result": "damaged", "problem": str(error)}


def verify_page(records: Sequence[Mapping[str, object]]) -> Page:
    """The output of `data verify`."""
    rows = tuple(
        (
            str(record["name"]),
            str(record["result"]),
            *(f"{record[part]:,}" if part in record else "" for part in PARTS),
            str(record.get("checksums", "")),
            clean(str(record["where"])),
        )
        for record in records
    )
    columns = (
        Column("name"),
        Column("result"),
        *(Column(part, "right") for part in PARTS),
        Column("checksums", "right"),
        Column("where", wraps=True, moves=True),
    )
    note = "Whole: every file can be read and has its published checksum, if any; sizes and labels agree."
    return Page(VERIFY_SCHEMA, {"data_sets": records}, records, (Table(columns, rows),), (note,))


def data_set_page(finite: FiniteSet, facts: DatasetInfo, place: str) -> Page:
    """The output of `data show`."""
    pixels = finite.train.pixels
    counts = {
        name: np.bincount(part.labels, minlength=facts.classes).tolist() for name, part in finite.parts()
    }
    low, high, mean = float(pixels.min()), float(pixels.max()), float(pixels.mean(dtype=np.float64))
    shown = [
        ("where", clean(place)),
        ("inputs", f"{facts.inputs:,} = " + "×".join(map(str, facts.shape))),
        ("examples", ", ".join(f"{len(part.labels):,} {name}" for name, part in finite.parts())),
        ("pixels", f"{pixels.dtype}, {low:g} to {high:g}, mean {mean:.4g}"),
        ("chance level", f"{100 * facts.guessing_error:.2f} %"),
        ("sha256", facts.sha256),
        *(("note", clean(note)) for note in facts.notes),
        *(("warning", clean(warning)) for warning in facts.warnings),
    ]
    records = [
        {"data": facts.name, "label": label, "class": name, **{part: counts[part][label] for part in PARTS}}
        for label, name in enumerate(facts.labels)
    ]
    classes = Table(
        (Column("label", "right"), Column("class"), *(Column(part, "right") for part in PARTS)),
        tuple(
            (str(label), clean(name), *(f"{counts[part][label]:,}" for part in PARTS))
            for label, name in enumerate(facts.labels)
        ),
        title="examples per class",
    )
    content: dict[str, object] = {
        **facts.model_dump(mode="json"),
        "guessing_error": facts.guessing_error,
        "where": place,
        "pixels": {"dtype": str(pixels.dtype), "min": low, "max": high, "mean": mean},
        "counts": counts,
    }
    table = Table((Column(clean(facts.name)), Column("", wraps=True)), tuple(shown))
    return Page(SHOW_SCHEMA, content, records, (table, classes))
