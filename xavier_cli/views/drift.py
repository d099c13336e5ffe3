"""Builds the output of `probe --expect`: where an initialization is no longer what was kept."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from xavier_cli.findings.drift import Drift
from xavier_cli.runs.record import Run
from xavier_cli.views import numbers
from xavier_cli.views.page import Column, Page, Table, clean
from xavier_cli.vocabulary.network_info import NetworkInfo

SCHEMA = "xavier.probe.expect/1"


def drift_answer(found: Sequence[Drift], network: NetworkInfo) -> str:
    """How much of `network` is not as it was kept, in a sentence."""
    told = f"{len(network.layers) + len(network.others)} weight layers and other parameters"
    if found:
        return f"{len(found)} of {told} {'differs' if len(found) == 1 else 'differ'} from what was kept."
    return f"The initialization is as it was kept: {told}."


def drift_line(drift: Drift) -> str:
    """One layer or parameter that is not as it was kept: `head/kernel: he_normal, now zeros`."""
    factor = "" if drift.factor is None else f" (std × {numbers.column([drift.factor])[0]})"
    return f"{clean(drift.name)}: {drift.was or 'absent'}, now {drift.now or 'absent'}{factor}"


def drift_page(found: Sequence[Drift], kept: Run, run: Run, path: Path | None) -> Page:
    """The table of what of `run`, in the file `path` where it was written, is not as in `kept`."""
    records: list[dict[str, object]] = [vars(each) for each in found]
    columns = (
        Column("name"),
        Column("was", wraps=True),
        Column("is", wraps=True),
        Column("std ×", "right"),
    )
    rows = tuple(
        (
            clean(each.name),
            each.was or "absent",
            each.now or "absent",
            "" if each.factor is None else numbers.column([each.factor])[0],
        )
        for each in found
    )
    answer = drift_answer(found, run.network) if run.network else ""
    return Page(
        schema=SCHEMA,
        data={
            "run": None if path is None else str(path),
            "kept": kept.label,
            "drifted": bool(found),
            "drifts": records,
        },
        records=records,
        tables=(Table(columns, rows),) if found else (),
        notes=(answer, f"kept: {clean(kept.label)}", *([clean(str(path))] if path else [])),
        title=f"{run.config.data} {run.config.title}: expected initialization",
    )
