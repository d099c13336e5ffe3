"""Builds the content of a report: a summary, the results of `compare` and `check`, figures and claims."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from xavier_cli.config.command_text import train_command, written
from xavier_cli.config.run import RunConfig
from xavier_cli.figures.labels import labels
from xavier_cli.findings.claims.judging import judge_all
from xavier_cli.findings.claims.verdict import IN_WORDS, ClaimVerdict, Word
from xavier_cli.findings.comparison import Comparison, Section, compare
from xavier_cli.findings.health import Diagnosis, State, diagnose
from xavier_cli.report.content import Content, Origin
from xavier_cli.report.layers import layers_over_time
from xavier_cli.report.pictures import pictures
from xavier_cli.runs.isolate import Isolation
from xavier_cli.runs.record import Run
from xavier_cli.views import numbers
from xavier_cli.views.comparison import result_table
from xavier_cli.views.comparison_rules import rules
from xavier_cli.views.findings import decisive, findings_page
from xavier_cli.views.page import Column, Table
from xavier_cli.views.run import settings_of
from xavier_cli.vocabulary import lookup

_SAID: Mapping[Word, str] = {**IN_WORDS, "undecided": "cannot tell"}
# At most so many are listed by name in a sentence; more are counted.
NAMED = 3


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
    comparison, tables = compared
    ranked = [run for section in comparison.sections for row in section.rows for run in row.runs]
    drawn, undrawn = pictures(ranked, isolation)
    findings = part(ranked, lambda runs: findings_page(runs, every=True))
    verdicts = part(ranked, lambda runs: judge_all(lookup.CLAIMS, runs)) or []
    found = part(ranked, lambda runs: {run.config: diagnose(run) for run in runs}) or {}
    decided = [verdict for verdict in verdicts if verdict.verdict != "undecided"]
    undecided = [verdict for verdict in verdicts if verdict.verdict == "undecided"]
    return Content(
        title=_title(ranked),
        answer=tuple(_answer(comparison, found, verdicts)),
        comparison=tables,
        rules=tuple(rules(comparison).values()),
        pictures=tuple(drawn),
        undrawn=tuple(undrawn),
        layers=part(ranked, layers_over_time) or {},
        findings=findings.tables if findings else (),
        finding_notes=findings.notes if findings else (),
        judged=_claims(decided, "Claims that these runs can tell") if decided else None,
        undecided=_claims(undecided, "Claims that need other runs") if undecided else None,
        origins=part(ranked, lambda runs: tuple(map(_origin, runs))) or (),
        again=(*(train_command(run.config) for run in ranked), again or report_command(ranked)),
        notes=(*notes, *map(str, isolation.failures)),
    )


def _compared(runs: Sequence[Run]) -> tuple[Comparison, tuple[Table, ...]]:
    comparison = compare(runs)
    return comparison, tuple(result_table(section) for section in comparison.sections)


def _title(ranked: Sequence[Run]) -> str:
    data = " and ".join(dict.fromkeys(run.config.data for run in ranked))
    count = "one configuration" if len(ranked) == 1 else f"{len(ranked)} configurations"
    return f"{count[0].upper()}{count[1:]} on {data}"


def _answer(
    comparison: Comparison,
    found: Mapping[RunConfig, Diagnosis],
    verdicts: Sequence[ClaimVerdict],
) -> Iterator[str]:
    called: dict[object, str] = {}
    for section in comparison.sections:
        called |= _called([run for row in section.rows for run in row.runs])
        yield _best(section, [called[row.run.config] for row in section.rows])
    yield _states(found, called)
    count = {word: sum(verdict.verdict == word for verdict in verdicts) for word in _SAID}
    # An estimate neither holds nor fails.
    estimates = {0: "", 1: "1 is an estimate without a verdict, "}.get(
        count["estimate"], f"{count['estimate']} are estimates without a verdict, "
    )
    yield (
        f"Of the paper's {len(verdicts)} claims, {count['holds']} hold here, {count['does_not_hold']} do "
        f"not, {estimates}and {count['undecided']} need other runs to tell."
    )


def _states(found: Mapping[RunConfig, Diagnosis], called: Mapping[object, str]) -> str:
    """What `check` finds, the worst state first."""
    says: dict[State, str] = {
        "problems found": "`check` finds problems in {} of {}: {}.",
        "warnings": "It warns about {} of {}: {}.",
        "too early to tell": "It is too early to tell for {} of {}: {}.",
    }
    parts = []
    for state, words in says.items():
        runs = [
            f"{called[config]} ({', '.join(decisive(diagnosis))})"
            for config, diagnosis in found.items()
            if diagnosis.state == state
        ]
        if runs:
            parts.append(words.format(len(runs), len(found), _listed(runs)))
    if "problems found" not in {diagnosis.state for diagnosis in found.values()}:
        parts.insert(0, "`check` finds no problems.")
    return " ".join(parts)


def _called(runs: Sequence[Run]) -> dict[object, str]:
    """The name of each run in sentences: activation and initializer if these differ for all runs."""
    short = [f"{run.config.act} {run.config.init}" for run in runs]
    words = short if len(set(short)) == len(short) else labels(runs)
    return dict(zip((run.config for run in runs), words, strict=True))


def _best(section: Section, called: Sequence[str]) -> str:
    first, *others = section.rows
    error = numbers.percents([first.test_error])[0].strip()
    seeds = "1 seed" if len(first.seeds) == 1 else f"{len(first.seeds)} seeds"
    if first.diverged:
        seeds += f", {len(first.diverged)} diverged"
    guessing = f"{100 * first.run.facts.guessing_error:.1f} %"
    on = f"on {section.data}" if section.data else "here"
    if not others:
        unfinished = (
            "" if first.status == "complete" else f", {first.status} at {first.updates_done:,} updates"
        )
        return (
            f"{called[0]} errs on {error} % of the test examples {on} ({seeds}{unfinished}); "
            f"chance level is {guessing} error."
        )
    if first.status != "complete":
        return f"No training {on} is finished, so nothing is best; {called[0]} stands at {error} %."
    apart, alike, untested = (
        [name for name, row in zip(called[1:], others, strict=True) if row.verdict.kind == kind]
        for kind in ("told_apart", "not_told_apart", "not_tested")
    )
    parts = [
        f"{called[0]} has the lowest test error {on}: {error} % ({seeds}); chance level is {guessing} error.",
        f"The difference is more than chance over seeds for {_listed(apart)}." if apart else "",
        f"No significant difference from {_listed(alike)}, which does not mean equal." if alike else "",
        f"Not tested: {_listed(untested)}." if untested else "",
    ]
    return " ".join(part for part in parts if part)


def _listed(called: Sequence[str]) -> str:
    shown = "; ".join(called[:NAMED])
    return shown if len(called) <= NAMED else f"{shown}; and {len(called) - NAMED} more"


def _claims(verdicts: Sequence[ClaimVerdict], caption: str) -> Table:
    rows = tuple(
        (lookup.CLAIMS[each.name].statement, _SAID[each.verdict], each.evidence, each.paper)
        for each in verdicts
    )
    return Table(tuple(map(Column, ("claim", "verdict", "here", "paper"))), rows, title=caption)


def _origin(run: Run) -> Origin:
    name = str(run.path or ", ".join(map(str, run.sources)) or run.config.file_stem())
    columns = Column("setting"), Column("value")
    table = Table(columns, tuple(settings_of(run)), title=f"Settings and origin of {name}")
    return Origin(name, table, train_command(run.config))


def report_command(runs: Sequence[Run], output: Path = Path("report.html")) -> str:
    """The command `xavier report` for the files of `runs`, as they were named, and `output`."""
    files = [path for run in runs for path in (run.sources or ((run.path,) if run.path else ()))]
    return written("report", *files, "-o", output)
