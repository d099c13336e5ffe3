"""Builds the output of `cache`: the size and place of each cache, and what was freed."""

from __future__ import annotations

from collections.abc import Sequence

from xavier_cli.files.caches import JAX_FOLDER, Cache, Size
from xavier_cli.views.page import Column, Page, Table, clean

SHOW_SCHEMA = "xavier.cache.show/1"
CLEAR_SCHEMA = "xavier.cache.clear/1"


def caches_page(sizes: Sequence[tuple[Cache, Size]], told: str | None) -> Page:
    """The output of `cache show`; `told` is the cache folder that JAX was set to use."""
    records = [
        _record(each, size) | {"most_bytes": each.most_bytes, "problem": each.problem()}
        for each, size in sizes
    ]
    rows = tuple(
        (each.about, f"{size.files:,}", _shown(size.bytes), _shown(each.most_bytes), clean(str(each.path)))
        for each, size in sizes
    )
    columns = (
        Column("what"),
        Column("files", "right"),
        Column("size", "right"),
        Column("limit", "right"),
        Column("where", moves=True),
    )
    notes = [
        f"`{clean(str(each.path))}` {problem}: it is not used; remove that folder."
        for each, _ in sizes
        if (problem := each.problem())
    ]
    if told:
        notes.append(f"JAX keeps its own programs in {clean(told)} ({JAX_FOLDER}): those are not touched.")
    return Page(SHOW_SCHEMA, {"caches": records}, records, (Table(columns, rows),), tuple(notes))


def _record(each: Cache, size: Size) -> dict[str, object]:
    """The record of a folder for programs, with the size of its files or of those removed."""
    return {
        "cache": each.kind,
        "about": each.about,
        "path": str(each.path),
        "files": size.files,
        "bytes": size.bytes,
    }


def cleared_page(freed: Sequence[tuple[Cache, Size]]) -> Page:
    """The output of `cache clear`."""
    records = [_record(each, size) for each, size in freed]
    rows = tuple(
        (each.about, f"{size.files:,}", _shown(size.bytes), clean(str(each.path))) for each, size in freed
    )
    columns = (
        Column("removed"),
        Column("files", "right"),
        Column("freed", "right"),
        Column("where", moves=True),
    )
    total = sum(size.bytes for _, size in freed)
    note = f"Freed {_shown(total)}."
    data = {"cleared": records, "bytes": total}
    return Page(CLEAR_SCHEMA, data, records, (Table(columns, rows),), (note,))


def _shown(size: int) -> str:
    return f"{size / 1e6:,.1f} MB" if size < 1e8 else f"{size / 1e6:,.0f} MB"
