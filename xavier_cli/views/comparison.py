"""A comparison in tables and words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from xavier_cli.config.run import LOOKS
from xavier_cli.config.settings import SETTINGS, is_usual
from xavier_cli.findings.comparison import ALPHA, Comparison, Row, Section, Verdict
from xavier_cli.findings.scores import error_curve
from xavier_cli.runs.same_start import same_start_note
from xavier_cli.views import numbers
from xavier_cli.views.comparison_layout import View, transposed
from xavier_cli.views.page import Column, Page, Table
from xavier_cli.views.sparkline import sparklines

SCHEMA = "xavier.compare/1"


def comparison_page(comparison: Comparison, notes: Sequence[str] = (), view: View | None = None) -> Page:
    """The answer of `compare`; `notes` are what merging the files had to say."""
    view = view or View()
    sections = [view.arranged(section) for section in comparison.sections]
    tables = [result_table(part, curves=True) for section in sections for part in view.groups(section)]
    return Page(
        schema=SCHEMA,
        data={"sections": [_section_data(section) for section in sections]},
        records=[{"data": section.data, **_record(row)} for section in sections for row in section.rows],
        tables=tuple(transposed(table) if view.transpose else table for table in tables),
        notes=(*rules(comparison), *notes),
    )


def result_table(section: Section, curves: bool = False) -> Table:
    """One data set's experiments, the best first: what differs, N, the errors, and who is told apart.

    With `curves`, also the test error over time, drawn in a line.
    """
    rows = section.rows
    places = numbers.decimals(
        [100 * row.test_error.mean for row in rows], [100 * row.test_error.half_width for row in rows]
    )
    test_errors = numbers.percents([row.test_error for row in rows])
    valid_errors = [f"{100 * row.valid_error.mean:.{places}f}" for row in rows]
    gaps = [_gap(row.verdict, places) for row in rows]
    against = [_words(row) for row in rows]
    columns = [Column(name, "left" if _is_text(rows, name) else "right") for name in section.varying]
    cells = [[_setting(row, name) for row in rows] for name in section.varying]
    columns.append(Column("N", "right"))
    cells.append([str(len(row.seeds)) for row in rows])
    if any(row.diverged for row in rows):
        columns.append(Column("diverged", "right"))
        cells.append([str(len(row.diverged)) if row.diverged else "" for row in rows])
    columns += [Column("valid error %", "right", optional=True), Column("test error %")]
    cells += [valid_errors, test_errors]
    if any(gaps):
        columns.append(Column("above the best", moves=True))
        cells.append(gaps)
    if any(against):
        columns.append(Column("verdict (p)", wraps=True, moves=True))
        cells.append(against)
    if curves:
        columns.append(Column("error over time", picture=True))
        cells.append(sparklines([error_curve(row.run).mean(axis=0) for row in rows]))
    best = {index for index, row in enumerate(rows) if row.verdict.kind == "best" and len(rows) > 1}
    return Table(
        columns=tuple(columns),
        rows=tuple(zip(*cells, strict=True)),
        title=section.data,
        about=_common(section),
        best=frozenset(best) if len(rows) > 1 else None,
    )


def rules(comparison: Comparison) -> tuple[str, ...]:
    """What the table means, in words: only what it makes use of."""
    rows = [row for section in comparison.sections for row in section.rows]
    verdicts = [row.verdict for row in rows]
    gaps = [verdict.difference for verdict in verdicts if verdict.difference is not None]
    notes = []
    if alike := [row for row in rows if row.alike]:
        settings = [
            name
            for name in LOOKS
            if any(len({getattr(r.config, name) for r in row.runs}) > 1 for row in alike)
        ]
        notes.append(
            f"Runs that differ only in {' and '.join(settings)} are one experiment: each seed counts once."
        )
    if any(len(row.seeds) > 1 for row in rows):
        notes.append("±: 95 % t-interval of the mean over seeds (N), for this test set.")
    if any(verdict.kind == "best" for verdict in verdicts) and gaps:
        notes.append(
            "*: the lowest mean test error. Above the best: in percentage points, with the 95 % interval "
            "of that one difference."
        )
    tested = [v.difference for v in verdicts if v.difference is not None and not math.isnan(v.p)]
    if tested:
        how = {
            (True, False): "paired t over the same seeds",
            (False, True): "Welch's t",
            (True, True): "paired t where the seeds are the same, Welch's t where they are not",
        }[any(gap.paired for gap in tested), any(not gap.paired for gap in tested)]
        pairs = max(section.tests for section in comparison.sections)
        holm = ", Holm-corrected over all pairs of a data set" if pairs > 1 else ""
        level = f"{ALPHA:g}".lstrip("0")
        notes.append(
            f"Told apart: p (in brackets) < {level} in a two-sided test over seeds ({how}){holm}. "
            "Not told apart does not mean equal."
        )
        correlations = [gap.correlation for gap in tested if not math.isnan(gap.correlation)]
        if correlations:
            ends = sorted({f"{min(correlations):.2f}", f"{max(correlations):.2f}"}, key=float)
            notes.append(f"Correlation of the pairs with the best: {' to '.join(ends)}.")
    reasons = {verdict.why for verdict in verdicts}
    if "under 5 seeds" in reasons:
        notes.append("Three or four seeds give an interval of the difference; a test takes five.")
    if "under 3 seeds" in reasons:
        notes.append("One or two seeds give no interval of a difference; a test takes five.")
    if any(not math.isnan(verdict.p_networks) for verdict in verdicts):
        notes.append("McNemar's p is about these two networks, not about the methods that trained them.")
    if "no spread over seeds" in reasons:
        notes.append("No spread over seeds: a difference that is the same for every seed cannot be tested.")
    starts = {row.run.config.init: note for row in rows if (note := same_start_note(row.run))}
    notes += [f"{init}: {note}" for init, note in starts.items()]
    if any(row.diverged for row in rows):
        facts = {row.run.config.data: row.run.facts for row in rows if row.diverged}
        guesses = ", ".join(f"{100 * each.guessing_error:.1f} % on {name}" for name, each in facts.items())
        notes.append(f"A seed that diverged counts as guessing ({guesses}).")
    chosen = {name for row in rows for name in row.chosen}
    if chosen:
        what = "rate" if chosen == {"lr"} else " and ".join(sorted(chosen))
        notes.append(f"~: {what} chosen by validation error on seeds that are also reported.")
    edges = {name for row in rows for name in row.on_edge}
    if edges:
        what = "of the rates searched" if edges == {"lr"} else "value tried"
        notes.append(f"!: the lowest or highest {what}; a better one may lie beyond.")
    if any(row.status != "complete" for row in rows):
        notes.append("An unfinished run shows its last record; it is not tested and cannot be the best.")
    return tuple(notes)


def _words(row: Row) -> str:
    verdict = row.verdict
    match verdict.kind:
        case "told_apart":
            return f"told apart ({numbers.probability(verdict.p)})"
        case "not_told_apart":
            return f"not told apart ({numbers.probability(verdict.p)})"
        case "best":
            return ""
    if row.status != "complete":
        return verdict.why
    networks = ""
    if not math.isnan(verdict.p_networks):
        p = numbers.probability(verdict.p_networks)
        networks = f"; these two networks: p {p if p.startswith('<') else f'= {p}'}"
    return f"not tested: {verdict.why}{networks}"


def _gap(verdict: Verdict, places: int) -> str:
    gap = verdict.difference
    return "" if gap is None else numbers.points(gap.mean, gap.low, gap.high, places)


def _setting(row: Row, name: str) -> str:
    text = numbers.setting(row.settings.get(name, ""))
    return "~" * (name in row.chosen) + text + "!" * (name in row.on_edge)


def _is_text(rows: Sequence[Row], name: str) -> bool:
    return any(isinstance(row.settings.get(name, ""), str) for row in rows)


def _common(section: Section) -> str:
    """What the rows share, in a line; of the settings that hardly vary only those that did are said."""
    shared = {name: value for name, value in section.common.items() if _is_said(name, value)}
    return ", ".join(f"{name} {numbers.setting(value)}" for name, value in shared.items())


def _is_said(name: str, value: object) -> bool:
    # Beside the settings there is `searched`.
    mention = SETTINGS[name].mention if name in SETTINGS else "always"
    return mention == "always" or (mention == "unusual" and not is_usual(name, value))


def _section_data(section: Section) -> dict[str, object]:
    return {
        "data": section.data,
        "varying": section.varying,
        "common": section.common,
        "pairs_tested": section.tests,
        "rows": [{**_record(row), "errors": row.errors, "seeds": row.seeds} for row in section.rows],
    }


def _record(row: Row) -> dict[str, object]:
    """A row's numbers in full precision; errors and differences are fractions."""
    gap, effect, verdict = row.verdict.difference, row.verdict.effect, row.verdict
    record: dict[str, object] = {
        "run": row.run.config.file_stem(),
        **row.settings,
        "lr_searched": row.searched,
        "lr_on_edge": "lr" in row.on_edge,
        "chosen": ",".join(row.chosen),
        "on_edge": ",".join(row.on_edge),
        "status": row.status,
        "updates_done": row.updates_done,
        "n": len(row.seeds),
        "seeds": ",".join(map(str, row.seeds)),
        "diverged": len(row.diverged),
    }
    for name, estimate in (("test_error", row.test_error), ("valid_error", row.valid_error)):
        record |= {
            name: estimate.mean,
            f"{name}_low": estimate.low,
            f"{name}_high": estimate.high,
            f"{name}_sd": estimate.sd,
        }
    nan = math.nan
    return record | {
        "verdict": verdict.kind,
        "why": verdict.why,
        "p": verdict.p,
        "p_uncorrected": gap.p if gap else nan,
        "p_networks": verdict.p_networks,
        "difference": gap.mean if gap else nan,
        "difference_low": gap.low if gap else nan,
        "difference_high": gap.high if gap else nan,
        "paired": gap.paired if gap else None,
        "correlation": gap.correlation if gap else nan,
        "effect_size": effect.g if effect else nan,
        "effect_size_low": effect.low if effect else nan,
        "effect_size_high": effect.high if effect else nan,
    }
