"""Builds the output of `check`: the state of each run, its findings, and the list of rules."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from xavier_cli.findings.health import RULES, STATES, Diagnosis, Finding, Rule, State, diagnose
from xavier_cli.findings.health.finding import listed, named
from xavier_cli.findings.scores import final_error
from xavier_cli.runs.counting import in_words
from xavier_cli.runs.record import Run
from xavier_cli.statistics.estimate import mean_over_seeds
from xavier_cli.views import numbers
from xavier_cli.views.page import Column, Page, Table
from xavier_cli.views.runs import shown_names

SCHEMA = "xavier.check/1"
LIST_SCHEMA = "xavier.check.list/1"
# More are counted.
MOST_NAMES = 2
# Beside the names of runs, for which the screen is narrow.
_STATE_WORDS: dict[State, str] = {"problems found": "problems", "too early to tell": "too early"}


def has_problems(runs: Sequence[Run], rules: Sequence[Rule] = ()) -> bool:
    """Whether problems are found in any run: warnings and networks that are too young are none."""
    return any(diagnose(run, rules).state == "problems found" for run in runs)


def findings_page(runs: Sequence[Run], rules: Sequence[Rule] = (), every: bool = False) -> Page:
    """The output of `check`: the runs with their states, the worst first, then what is found in each.

    Of several runs those without problems are only counted, unless `every` is asked for.
    """
    diagnoses = [(run, diagnose(run, rules)) for run in runs]
    data: list[dict[str, object]] = []
    records: list[dict[str, object]] = []
    lacking: dict[tuple[str, ...], list[Run]] = {}
    for run, diagnosis in diagnoses:
        own = list(_records(diagnosis))
        # Programs know the two verdicts from before there were four states.
        verdict = "ill" if diagnosis.state in ("problems found", "warnings") else "clean"
        begun = {"run": run.label, "verdict": verdict, "state": diagnosis.state}
        data.append({**begun, "findings": own, "not_looked_for": diagnosis.not_looked_for})
        records += [{**begun, **_flat(record)} for record in own or [{}]]
        if diagnosis.not_looked_for:
            lacking.setdefault(diagnosis.not_looked_for, []).append(run)
    every = every or len(runs) == 1
    shown = [each for each in diagnoses if every or each[1].state != "no problems"]
    counted = [run for run, diagnosis in diagnoses if not every and diagnosis.state == "no problems"]
    shown.sort(key=lambda each: STATES.index(each[1].state))
    names = shown_names([run for run, _ in shown])
    advice = {finding.seen.advice: None for _, diagnosis in shown for finding in diagnosis.findings}
    return Page(
        schema=SCHEMA,
        data={"runs": data},
        records=records,
        tables=(
            *([_summary(names, shown)] if shown else []),
            *(_table(name, *each) for name, each in zip(names, shown, strict=True) if each[1].findings),
        ),
        notes=(
            *(f"Try `{command}`" for command in advice if command),
            *_healthy(counted),
            *(_not_looked_for(of, missing) for missing, of in lacking.items()),
        ),
        about=_count(diagnoses) if len(runs) > 1 else "",
    )


def _count(diagnoses: Sequence[tuple[Run, Diagnosis]]) -> str:
    """`30 runs: problems found in 4, warnings about 2, 24 without problems.`"""
    says: dict[State, str] = {
        "problems found": "problems found in {}",
        "warnings": "warnings about {}",
        "too early to tell": "too early to tell for {}",
        "no problems": "{} without problems",
    }
    states = [diagnosis.state for _, diagnosis in diagnoses]
    parts = [words.format(states.count(state)) for state, words in says.items() if state in states]
    return f"{len(states)} runs: {', '.join(parts)}."


def _healthy(runs: Sequence[Run]) -> Iterator[str]:
    """Yield a line about runs without problems, which are not listed: how good they are is not said so."""
    errors = [mean_over_seeds(final_error(run)).mean for run in runs if run.updates[-1] > 0]
    chance = [run.facts.guessing_error for run in runs]
    if runs:
        error = f", test error {_span(errors)} %" if errors else ""
        how_many = "1 run" if len(runs) == 1 else f"{len(runs):,} runs"
        yield f"{how_many} without problems{error}, chance level {_span(chance)} %; `-v` lists them"


def _span(fractions: Sequence[float]) -> str:
    """`4.1 to 85.0`, in percent."""
    ends = dict.fromkeys(f"{100 * each:.1f}" for each in (min(fractions), max(fractions)))
    return " to ".join(ends)


def _not_looked_for(runs: Sequence[Run], missing: Sequence[str]) -> str:
    where = ", ".join(shown_names(runs)) if len(runs) <= MOST_NAMES else f"{len(runs):,} runs"
    return f"not looked for, since the numbers are not in {where}: {', '.join(missing)}"


def rules_page(rules: Sequence[Rule] = ()) -> Page:
    """The output of `check list`: the subject of each rule, its threshold, and the source of that."""
    shown = tuple(rules) or tuple(RULES.values())
    fields = ("name", "severity", "about", "threshold", "source")
    records: list[dict[str, object]] = [{name: getattr(rule, name) for name in fields} for rule in shown]
    columns = (Column("rule"), Column("severity"), Column("when", wraps=True), Column("from", wraps=True))
    rows = tuple((rule.name, rule.severity, f"{rule.about}: {rule.threshold}", rule.source) for rule in shown)
    return Page(LIST_SCHEMA, {"rules": records}, records, (Table(columns, rows),))


def _summary(names: Sequence[str], diagnoses: Sequence[tuple[Run, Diagnosis]]) -> Table:
    """A line per run: its state comes first. The error stands beside chance, which no rule judges alone."""
    columns = (
        Column("state"),
        Column("run"),
        Column("updates", "right", optional=1),
        Column("N", "right", optional=1),
        Column("because of", wraps=True, moves=True),
        Column("test error", moves=True),
        Column("chance level", moves=True),
    )
    errors = numbers.percents([mean_over_seeds(final_error(run)) for run, _ in diagnoses])
    rows = tuple(
        (
            _STATE_WORDS.get(diagnosis.state, diagnosis.state),
            name,
            f"{int(run.updates[-1]):,}",
            str(len(run.seeds)),
            ", ".join(decisive(diagnosis)),
            f"{error} %" if run.updates[-1] > 0 else "",
            f"{100 * run.facts.guessing_error:.1f} %",
        )
        for name, error, (run, diagnosis) in zip(names, map(str.strip, errors), diagnoses, strict=True)
    )
    table = Table(columns, rows)
    reasons = any(row[4] for row in rows)
    return table if reasons else table.keeping([i for i in range(len(columns)) if i != 4])


def decisive(diagnosis: Diagnosis) -> tuple[str, ...]:
    """What makes the state what it is, by rule: its name, or a clause; none for a run without problems."""
    worst = {"problems found": "error", "warnings": "warning"}.get(diagnosis.state)
    found = (
        finding.seen.clause or finding.rule.clause or finding.rule.name
        for finding in diagnosis.findings
        if finding.severity == worst or (worst is None and finding.rule.leaves_open)
    )
    return tuple(dict.fromkeys(found))


def _table(name: str, run: Run, diagnosis: Diagnosis) -> Table:
    columns = (
        Column("severity"),
        Column("rule"),
        Column("layers"),
        Column("since", "right"),
        Column("evidence", wraps=True, moves=True),
    )
    lost = in_words(run)
    seeds = f"N = {len(run.seeds)}{lost and f' ({lost})'}"
    trained = run.updates[-1] > 0
    error = numbers.percents([mean_over_seeds(final_error(run))])[0].strip()
    chance = f"chance level {100 * run.facts.guessing_error:.1f} %"
    about = (
        f"{diagnosis.state}, after {int(run.updates[-1]):,} updates, {seeds}"
        f"{f', test error {error} %' if trained else ''}, {chance}"
    )
    return Table(columns, tuple(_rows(run, diagnosis.findings)), title=name, about=about)


def findings_table(run: Run, diagnosis: Diagnosis) -> Table | None:
    """What is found in one run, for beside other tables of it; None where nothing is."""
    return replace(_table("findings", run, diagnosis), about="") if diagnosis.findings else None


def finding_records(diagnosis: Diagnosis) -> list[dict[str, object]]:
    """All findings for programs, each cause before what it explains."""
    return list(_records(diagnosis))


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
            _layers(layers, run),
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


def _layers(layers: Sequence[int], run: Run) -> str:
    # Of a custom network findings may be about its last layer, too.
    every = run.config.weight_layers or run.config.depth
    return "all" if len(layers) == every > 1 else listed(layers)


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
