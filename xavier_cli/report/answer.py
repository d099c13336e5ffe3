"""Builds the content of a report: a summary, the results of `compare` and `check`, figures and claims."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from xavier_cli.config.command_text import train_command, written
from xavier_cli.config.run import RunConfig
from xavier_cli.findings.claims.judging import judge_all
from xavier_cli.findings.claims.verdict import IN_WORDS, ClaimVerdict, Word
from xavier_cli.findings.comparison import Comparison, compare
from xavier_cli.findings.health import Diagnosis, State, diagnose
from xavier_cli.report.content import Content, Origin, Results
from xavier_cli.report.layers import layers_over_time
from xavier_cli.report.pictures import pictures
from xavier_cli.report.results import key_numbers, results
from xavier_cli.runs.isolate import Isolation
from xavier_cli.runs.record import Run
from xavier_cli.views.comparison_answer import sentences
from xavier_cli.views.comparison_rules import rules
from xavier_cli.views.findings import findings_page
from xavier_cli.views.page import Column, Table
from xavier_cli.views.run import settings_of
from xavier_cli.vocabulary import lookup

_SAID: Mapping[Word, str] = {**IN_WORDS, "undecided": "cannot tell"}
_STATES: Mapping[State, str] = {
    "problems found": "problems in",
    "warnings": "warnings in",
    "too early to tell": "too early to tell for",
    "no problems": "no problems in",
}
# An estimate neither holds nor fails.
_JUDGED: tuple[tuple[Word, str, str], ...] = (
    ("holds", "holds", "hold"),
    ("does_not_hold", "does not", "do not"),
    ("estimate", "is an estimate", "are estimates"),
)


def report_content(
    runs: Sequence[Run], notes: Sequence[str], isolation: Isolation | None = None, again: str = ""
) -> Content | None:
    """The report on merged, trained `runs`; each part uses the runs that have the data for it.

    `again` is the command that makes it, by default `report_command(runs)`. None where no run can be
    compared.
    """
    isolation = isolation or Isolation()
    part = isolation.part
    compared = part(runs, _compared)
    if compared is None:
        return None
    comparison, shown = compared
    ranked = [run for section in comparison.sections for row in section.rows for run in row.runs]
    drawn, undrawn = pictures(ranked, isolation)
    findings = part(ranked, lambda runs: findings_page(runs, every=True))
    verdicts = part(ranked, lambda runs: judge_all(lookup.CLAIMS, runs)) or []
    found = part(ranked, lambda runs: {run.config: diagnose(run) for run in runs}) or {}
    decided = [verdict for verdict in verdicts if verdict.verdict != "undecided"]
    undecided = [verdict for verdict in verdicts if verdict.verdict == "undecided"]
    if all(run.config.network.is_users for run in ranked):
        # The paper's claims are of perceptrons: none of them needs other runs of these networks.
        undecided = []
    said = sentences(comparison)
    leading, more = [first for first, *_ in said], [text for _, *rest in said for text in rest]
    shared, origins = part(ranked, _origins) or (None, ())
    configs = [run.config for run in ranked]
    return Content(
        title=_title(ranked),
        answer=(*leading, *more, _count(found, [*decided, *undecided])),
        leading=len(leading),
        key_numbers=key_numbers(comparison),
        comparison=shown,
        rules=tuple(rules(comparison).values()),
        pictures=tuple(drawn),
        undrawn=tuple(undrawn),
        layers=part(ranked, layers_over_time) or {},
        findings=_named(findings.tables) if findings else (),
        finding_notes=findings.notes if findings else (),
        judged=_claims(decided, "Claims that these runs can tell") if decided else None,
        undecided=_claims(undecided, "Claims that need other runs") if undecided else None,
        shared=shared,
        origins=origins,
        # No command makes a watched training again.
        again=(*filter(None, map(train_command, configs)), again or report_command(ranked)),
        notes=(*notes, *map(str, isolation.failures)),
    )


def _compared(runs: Sequence[Run]) -> tuple[Comparison, tuple[Results, ...]]:
    comparison = compare(runs)
    return comparison, results(comparison)


def _title(ranked: Sequence[Run]) -> str:
    data = " and ".join(dict.fromkeys(run.config.data for run in ranked))
    count = "one configuration" if len(ranked) == 1 else f"{len(ranked)} configurations"
    return f"{count[0].upper()}{count[1:]} on {data}"


def _named(tables: Sequence[Table]) -> tuple[Table, ...]:
    """The tables of `check`, of which the first has no title on a screen."""
    first, *others = tables
    return replace(first, title="The state of every run"), *others


def _count(found: Mapping[RunConfig, Diagnosis], verdicts: Sequence[ClaimVerdict]) -> str:
    """What `check` finds, and the paper's claims, where these runs can judge some."""
    parts = []
    for state, words in _STATES.items():
        if often := sum(diagnosis.state == state for diagnosis in found.values()):
            parts.append(f"{words} {often}")
    of = "1 experiment" if len(found) == 1 else f"{len(found)} experiments"
    problems = f"`check` of {of}: {', '.join(parts)}." if parts else f"`check` finds no problems in {of}."
    count = {word: sum(verdict.verdict == word for verdict in verdicts) for word in _SAID}
    judged = [
        f"{count[word]} {one if count[word] == 1 else many}" for word, one, many in _JUDGED if count[word]
    ]
    if not judged:
        return problems
    rest = f"; {count['undecided']} need other runs" if count["undecided"] else ""
    return f"{problems} The paper's claims: {', '.join(judged)}{rest}."


def _claims(verdicts: Sequence[ClaimVerdict], caption: str) -> Table:
    rows = tuple(
        (lookup.CLAIMS[each.name].statement, _SAID[each.verdict], each.evidence, each.paper)
        for each in verdicts
    )
    return Table(tuple(map(Column, ("claim", "verdict", "here", "paper"))), rows, title=caption)


def _origins(runs: Sequence[Run]) -> tuple[Table | None, tuple[Origin, ...]]:
    """The settings and the origin that all of several runs share, and what each has beyond them."""
    rows = [list(settings_of(run)) for run in runs]
    shared = [row for row in rows[0] if len(runs) > 1 and all(row in others for others in rows)]
    columns = Column("setting"), Column("value")
    origins = []
    for run, own in zip(runs, rows, strict=True):
        name = str(run.path or ", ".join(map(str, run.sources)) or run.config.file_stem())
        beyond = tuple(row for row in own if row not in shared)
        origins.append(Origin(name, Table(columns, beyond, title=f"Settings and origin of {name}")))
    title = f"The same in all {len(runs)} runs"
    return Table(columns, tuple(shared), title=title) if shared else None, tuple(origins)


def report_command(runs: Sequence[Run], output: Path = Path("report.html")) -> str:
    """The command `xavier report` for the files of `runs`, as they were named, and `output`."""
    files = [path for run in runs for path in (run.sources or ((run.path,) if run.path else ()))]
    return written("report", *files, "-o", output)
