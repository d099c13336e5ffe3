"""Builds the output of `check`: the state of each run, its findings, and the list of rules."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from xavier_cli.findings.health import RULES, Diagnosis, Finding, Rule, diagnose
from xavier_cli.findings.health.finding import listed, named
from xavier_cli.runs.counting import in_words
from xavier_cli.runs.record import Run
from xavier_cli.views.page import Column, Page, Table

SCHEMA = "xavier.check/1"
LIST_SCHEMA = "xavier.check.list/1"


def has_problems(runs: Sequence[Run], rules: Sequence[Rule] = ()) -> bool:
    """Whether problems are found in any run: warnings and networks that are too young are none."""
    return any(diagnose(run, rules).state == "problems found" for run in runs)


def findings_page(runs: Sequence[Run], rules: Sequence[Rule] = ()) -> Page:
    """The output of `check`: a line per run with its state, then its findings, with advice below."""
    diagnoses = [(run, diagnose(run, rules)) for run in runs]
    data: list[dict[str, object]] = []
    records: list[dict[str, object]] = []
    lacking: dict[tuple[str, ...], list[str]] = {}
    for run, diagnosis in diagnoses:
        own = list(_records(diagnosis))
        # Programs know the two verdicts from before there were four states.
        verdict = "ill" if diagnosis.state in ("problems found", "warnings") else "clean"
        begun = {"run": run.label, "verdict": verdict, "state": diagnosis.state}
        data.append({**begun, "findings": own, "not_looked_for": diagnosis.not_looked_for})
        records += [{**begun, **_flat(record)} for record in own or [{}]]
        if diagnosis.not_looked_for:
            lacking.setdefault(diagnosis.not_looked_for, []).append(run.label)
    advice = {finding.seen.advice: None for _, diagnosis in diagnoses for finding in diagnosis.findings}
    return Page(
        schema=SCHEMA,
        data={"runs": data},
        records=records,
        tables=(
            _summary(diagnoses),
            *(_table(run, diagnosis) for run, diagnosis in diagnoses if diagnosis.findings),
        ),
        notes=(
            *(
                f"not recorded in {', '.join(names)}, so not looked for: {', '.join(missing)}"
                for missing, names in lacking.items()
            ),
            *(f"try: {command}" for command in advice if command),
        ),
    )


def rules_page(rules: Sequence[Rule] = ()) -> Page:
    """The output of `check list`: the subject of each rule, its threshold, and the source of that."""
    shown = tuple(rules) or tuple(RULES.values())
    fields = ("name", "severity", "about", "threshold", "source")
    records: list[dict[str, object]] = [{name: getattr(rule, name) for name in fields} for rule in shown]
    columns = (Column("rule"), Column("severity"), Column("when", wraps=True), Column("from", wraps=True))
    rows = tuple((rule.name, rule.severity, f"{rule.about}: {rule.threshold}", rule.source) for rule in shown)
    return Page(LIST_SCHEMA, {"rules": records}, records, (Table(columns, rows),))


def _summary(diagnoses: Sequence[tuple[Run, Diagnosis]]) -> Table:
    """A line per run: its state comes first."""
    columns = (
        Column("state"),
        Column("run", wraps=True),
        Column("updates", "right", optional=1),
        Column("N", "right", optional=1),
        Column("because of", wraps=True, moves=True),
    )
    rows = tuple(
        (
            diagnosis.state,
            run.label,
            f"{int(run.updates[-1]):,}",
            str(len(run.seeds)),
            ", ".join(decisive(diagnosis)),
        )
        for run, diagnosis in diagnoses
    )
    return Table(columns, rows)


def decisive(diagnosis: Diagnosis) -> tuple[str, ...]:
    """The rules whose findings make the state what it is; none for a run without problems."""
    worst = {"problems found": "error", "warnings": "warning"}.get(diagnosis.state)
    found = (
        finding.rule.name
        for finding in diagnosis.findings
        if finding.severity == worst or (worst is None and finding.rule.leaves_open)
    )
    return tuple(dict.fromkeys(found))


def _table(run: Run, diagnosis: Diagnosis) -> Table:
    columns = (
        Column("severity"),
        Column("rule"),
        Column("layers"),
        Column("since", "right"),
        Column("evidence", wraps=True, moves=True),
    )
    lost = in_words(run)
    seeds = f"N = {len(run.seeds)}{lost and f' ({lost})'}"
    about = f"{diagnosis.state}, after {int(run.updates[-1]):,} updates, {seeds}"
    return Table(columns, tuple(_rows(run, diagnosis.findings)), title=run.label, about=about)


def _rows(run: Run, findings: Sequence[Finding]) -> Iterator[tuple[str, ...]]:
    """Yield a row per severity and rule, for all its layers, and one for what it explains."""
    alike: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        alike.setdefault((finding.severity, finding.rule.name), []).append(finding)
    for (severity, rule), group in alike.items():
        layers = sorted({layer for finding in group for layer in finding.seen.layers})
        since = [finding.seen.since for finding in group if finding.seen.since is not None]
        evidence = "; ".join(finding.evidence for finding in group)
        yield (
            severity,
            rule,
            _layers(layers, run.config.depth),
            f"{min(since):,}" if since else "",
            evidence,
        )
        explained = [each for finding in group for each in finding.consequences]
        if explained:
            yield "", "because of it", "", "", _in_brief(explained)


def _in_brief(findings: Sequence[Finding]) -> str:
    """`2 more: dead-units (layers 1, 2), plateau-at-chance`."""
    layers: dict[str, set[int]] = {}
    for finding in findings:
        layers.setdefault(finding.rule.name, set()).update(finding.seen.layers)
    parts = (f"{rule} ({named(sorted(of))})" if of else rule for rule, of in layers.items())
    return f"{len(layers)} more: {', '.join(parts)}"


def _layers(layers: Sequence[int], depth: int) -> str:
    if len(layers) == depth > 1:
        return "all"
    return listed(layers)


def _records(diagnosis: Diagnosis) -> Iterator[dict[str, object]]:
    """Yield all findings, each cause before what it explains."""
    for finding in diagnosis.findings:
        yield _record(finding, None)
        for consequence in finding.consequences:
            yield _record(consequence, finding.rule.name)


def _record(finding: Finding, because_of: str | None) -> dict[str, object]:
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
        "evidence": finding.evidence,
        "numbers": numbers,
        "advice": seen.advice,
        "because_of": because_of,
    }


def _flat(record: dict[str, object]) -> dict[str, object]:
    """A finding as a line of CSV, without its numbers, which are for JSON."""
    layers = record.get("layers")
    record = {name: value for name, value in record.items() if name != "numbers"}
    return record | ({"layers": " ".join(map(str, layers))} if isinstance(layers, list) else {})
