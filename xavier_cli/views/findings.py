"""Builds the output of `check`: findings per run, and the list of rules."""

from __future__ import annotations

import math
from collections.abc import Sequence

from xavier_cli.findings.health import RULES, Finding, Rule
from xavier_cli.findings.health import check as look
from xavier_cli.findings.health.finding import listed
from xavier_cli.findings.health.rules import unasked
from xavier_cli.runs.counting import in_words
from xavier_cli.runs.record import Run
from xavier_cli.views.page import Column, Page, Table

SCHEMA = "xavier.check/1"
LIST_SCHEMA = "xavier.check.list/1"


def is_sick(runs: Sequence[Run], rules: Sequence[Rule] = ()) -> bool:
    """Whether any finding is more than a note."""
    return any(finding.severity != "note" for run in runs for finding in look(run, rules))


def findings_page(runs: Sequence[Run], rules: Sequence[Rule] = ()) -> Page:
    """The output of `check`: a table of findings per run, with advice below."""
    tables, records, clean = [], [], []
    data: list[dict[str, object]] = []
    for run in runs:
        findings = look(run, rules)
        own = [_record(finding) for finding in findings]
        # A run with only notes counts as clean; its notes are still shown.
        verdict = "ill" if any(finding.severity != "note" for finding in findings) else "clean"
        lacking = unasked(run, rules)
        data.append({"run": run.label, "verdict": verdict, "findings": own, "not_looked_for": lacking})
        records += [{"run": run.label, "verdict": verdict, **_flat(record)} for record in own or [{}]]
        if own:
            tables.append(_table(run, findings, verdict, lacking))
        else:
            clean.append(f"{run.label}: {_standing(run, verdict, lacking)}")
    advice = {f.seen.advice: None for run in runs for f in look(run, rules) if f.seen.advice}
    return Page(
        schema=SCHEMA,
        data={"runs": data},
        records=records,
        tables=tuple(tables),
        notes=(*clean, *(f"try: {command}" for command in advice)),
    )


def rules_page(rules: Sequence[Rule] = ()) -> Page:
    """The output of `check list`: the subject of each rule, its threshold, and the source of that."""
    shown = tuple(rules) or tuple(RULES.values())
    fields = ("name", "severity", "about", "threshold", "source")
    records: list[dict[str, object]] = [{name: getattr(rule, name) for name in fields} for rule in shown]
    columns = (Column("rule"), Column("severity"), Column("when", wraps=True), Column("from", wraps=True))
    rows = tuple((rule.name, rule.severity, f"{rule.about}: {rule.threshold}", rule.source) for rule in shown)
    return Page(LIST_SCHEMA, {"rules": records}, records, (Table(columns, rows),))


def _table(run: Run, findings: Sequence[Finding], verdict: str, lacking: Sequence[str]) -> Table:
    columns = (
        Column("severity"),
        Column("rule"),
        Column("layers"),
        Column("since", "right"),
        Column("evidence", wraps=True, moves=True),
    )
    rows = tuple(
        (
            finding.severity,
            finding.rule.name,
            _layers(finding.seen.layers, run.config.depth),
            "" if finding.seen.since is None else f"{finding.seen.since:,}",
            finding.seen.evidence,
        )
        for finding in findings
    )
    return Table(columns, rows, title=run.label, about=_standing(run, verdict, lacking))


def _standing(run: Run, verdict: str, lacking: Sequence[str]) -> str:
    lost = in_words(run)
    seeds = f"N = {len(run.seeds)}{lost and f' ({lost})'}"
    standing = f"{verdict}, after {int(run.updates[-1]):,} updates, {seeds}"
    return standing + (f"; not recorded, so not looked for: {', '.join(lacking)}" if lacking else "")


def _layers(layers: Sequence[int], depth: int) -> str:
    if len(layers) == depth > 1:
        return "all"
    return listed(layers)


def _record(finding: Finding) -> dict[str, object]:
    seen = finding.seen
    numbers = {
        name: None if isinstance(value, float) and math.isnan(value) else value
        for name, value in (seen.numbers or {}).items()
    }
    return {
        "rule": finding.rule.name,
        "severity": finding.severity,
        "layers": list(seen.layers),
        "since": seen.since,
        "evidence": seen.evidence,
        "numbers": numbers,
        "advice": seen.advice,
    }


def _flat(record: dict[str, object]) -> dict[str, object]:
    """A finding as a line of CSV, without its numbers, which are for JSON."""
    layers = record.get("layers")
    record = {name: value for name, value in record.items() if name != "numbers"}
    return record | ({"layers": " ".join(map(str, layers))} if isinstance(layers, list) else {})
