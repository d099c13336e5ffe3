"""Builds the table of differences between two runs, for `verify` and `diff`."""

from __future__ import annotations

from collections.abc import Sequence

from xavier_cli.runs.deviation import Deviation
from xavier_cli.views.page import Column, Table


def differences_table(found: Sequence[Deviation], title: str) -> Table:
    """One row per group of arrays."""
    rows = tuple(
        (
            each.group,
            str(each.arrays),
            "0" if each.same_bits else f"{each.relative:.2g}",
            "" if each.same_bits else each.worst.rpartition("/")[2],
            "0" if each.same_bits else f"{each.worst_absolute:.2g}",
        )
        for each in found
    )
    columns = (
        Column("group"),
        Column("arrays", "right", optional=1),
        Column("largest relative difference", "right"),
        Column("in", wraps=True),
        Column("absolute", "right"),
    )
    return Table(columns, rows, title=title)
