"""Builds the output of `rm`: the runs that go, what goes with them, and their size."""

from __future__ import annotations

from collections.abc import Sequence

from xavier_cli.runs.removal import Removal
from xavier_cli.views.page import Column, Page, Table, clean

SCHEMA = "xavier.rm/1"


def removal_page(removals: Sequence[Removal], *, done: bool) -> Page:
    """The output of `rm`: what would go, or, if `done`, what has gone."""
    records = [
        {
            "run": each.path.stem,
            "path": str(each.path),
            "with": [str(path) for path in each.companions],
            "bytes": each.nbytes,
        }
        for each in removals
    ]
    total = sum(each.nbytes for each in removals)
    beside = any(each.companions for each in removals)
    columns = (Column("size", "right"), *[Column("with")] * beside, Column("run", moves=True))
    rows = tuple(
        (size_text(each.nbytes), *[", ".join(each.kinds) or "-"] * beside, clean(str(each.path)))
        for each in removals
    )
    flat = [
        {**each, "with": ",".join(map(str, removal.companions))}
        for each, removal in zip(records, removals, strict=True)
    ]
    words = f"{'removed' if done else 'would remove'} {counted(removals)}, {size_text(total)}"
    return Page(
        SCHEMA,
        {"runs": records, "bytes": total, "removed": done},
        flat,
        (Table(columns, rows),) if removals else (),
        (f"{words[0].upper()}{words[1:]}.",),
    )


def counted(removals: Sequence[Removal]) -> str:
    """How many runs, in words."""
    return "1 run" if len(removals) == 1 else f"{len(removals):,} runs"


def size_text(nbytes: int) -> str:
    """A size on disk."""
    return f"{nbytes / 1e6:,.1f} MB" if nbytes >= 1e5 else f"{nbytes / 1e3:,.1f} kB"
