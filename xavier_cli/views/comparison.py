"""Builds the output of `compare`: tables and sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence

from xavier_cli.config.settings import SETTINGS, is_usual
from xavier_cli.findings.comparison import Comparison, RankedExperiment, Section, Verdict
from xavier_cli.runs.counting import error_curve
from xavier_cli.statistics.estimate import over_seeds
from xavier_cli.views import numbers
from xavier_cli.views.comparison_layout import View, transposed
from xavier_cli.views.comparison_rules import rules
from xavier_cli.views.page import Cell, Column, Page, Table
from xavier_cli.views.sparkline import sparklines

SCHEMA = "xavier.compare/1"


def comparison_page(comparison: Comparison, notes: Sequence[str] = (), view: View | None = None) -> Page:
    """The output of `compare`; `notes` are those of merging the files."""
    view = view or View()
    sections = [view.arranged(section) for section in comparison.sections]
    tables = [result_table(part, curves=True) for section in sections for part in view.groups(section)]
    return Page(
        schema=SCHEMA,
        data={"sections": [_section_data(section) for section in sections]},
        records=[{"data": section.data, **_record(row)} for section in sections for row in section.rows],
        tables=tuple(transposed(table) if view.transpose else table for table in tables),
        notes=(*rules(comparison).values(), *view.note(comparison.sections), *notes),
    )


def result_table(section: Section, curves: bool = False) -> Table:
    """The experiments on one data set, the best first: what differs, N, errors, significant differences.

    With `curves`, also the test error during training as a sparkline.
    """
    rows = section.rows
    columns = [
        Column(name, "left" if _is_text(rows, name) else "right", fold="experiment")
        for name in section.varying
    ]
    cells = [[marked_setting(row, name) for row in rows] for name in section.varying]
    columns.append(Column("N", "right"))
    cells.append([_seeds(row.seeds) for row in rows])
    if any(row.diverged for row in rows):
        columns.append(Column("diverged", "right"))
        cells.append([_seeds(row.diverged) for row in rows])
    columns += [Column("valid error %", "right", optional=1), Column("test error %")]
    places = _places(rows)
    cells += [[_valid_error(row, places) for row in rows], _test_errors(rows)]
    gaps = [_gap(row.verdict, places) for row in rows]
    if any(gap.text for gap in gaps):
        columns.append(Column("Δ best", optional=3))
        cells.append(gaps)
    verdicts = [_verdict(row) for row in rows]
    if any(verdict.text for verdict in verdicts):
        columns.append(Column("p", optional=2))
        cells.append(verdicts)
    if curves:
        columns.append(Column("error over time", picture=True))
        drawn = sparklines([over_seeds(error_curve(row.run)).center for row in rows])
        cells.append([Cell(each) for each in drawn])
    best = {index for index, row in enumerate(rows) if row.verdict.kind == "best" and len(rows) > 1}
    return Table(
        columns=tuple(columns),
        rows=tuple(zip(*cells, strict=True)),
        title=section.data,
        about=_common(section),
        best=frozenset(best) if len(rows) > 1 else None,
    )


def _seeds(seeds: Sequence[int]) -> Cell:
    """The number of seeds, with their list as detail; empty if there are none."""
    return Cell(str(len(seeds)), len(seeds), f"seeds {numbers.seeds(seeds)}") if seeds else Cell("", 0)


def _places(rows: Sequence[RankedExperiment]) -> int:
    """The decimals of errors in percent and of their differences."""
    errors = [row.test_error for row in rows]
    return numbers.decimals([100 * each.mean for each in errors], [100 * each.half_width for each in errors])


def _valid_error(row: RankedExperiment, places: int) -> Cell:
    mean = row.valid_error.mean
    return Cell(f"{100 * mean:.{places}f}", mean, f"{mean!r}")


def _test_errors(rows: Sequence[RankedExperiment]) -> list[Cell]:
    """A column of test errors, with the error of every seed as detail."""
    cells = []
    for row, text in zip(rows, numbers.percents([row.test_error for row in rows]), strict=True):
        by_seed = zip(row.seeds, row.errors, strict=True)
        each = ", ".join(f"{seed}: {100 * error:.2f}" for seed, error in by_seed)
        cells.append(Cell(text, row.test_error.mean, f"{row.test_error.mean!r}; by seed: {each} %"))
    return cells


def _gap(verdict: Verdict, places: int) -> Cell:
    gap = verdict.difference
    if gap is None:
        return Cell("", 0.0)
    text = numbers.points(gap.mean, gap.low, gap.high, places)
    return Cell(text, gap.mean, f"{gap.mean!r} [{gap.low!r}, {gap.high!r}]")


def _verdict(row: RankedExperiment) -> Cell:
    p = row.verdict.p
    return Cell(_words(row)) if math.isnan(p) else Cell(_words(row), p, f"p {p!r}")


def _words(row: RankedExperiment) -> str:
    """The p of a row, or in a word why it has none, which a sentence below the table explains."""
    verdict = row.verdict
    if verdict.kind == "best":
        return ""
    if not math.isnan(verdict.p):
        return numbers.probability(verdict.p)
    if row.status != "complete":
        return row.status
    if not math.isnan(verdict.p_networks):
        return f"({numbers.probability(verdict.p_networks)})"
    return "not tested"


def marked_setting(row: RankedExperiment, name: str) -> Cell:
    """A setting with marks that say how it was chosen: `~` by validation error, `!` on the edge."""
    value = row.settings.get(name, "")
    text = "~" * (name in row.chosen) + numbers.setting(value) + "!" * (name in row.on_edge)
    spoken = name in SETTINGS and SETTINGS[name].is_name
    return Cell(text, value, phrase=text if spoken else f"{name} {text}")


def _is_text(rows: Sequence[RankedExperiment], name: str) -> bool:
    return any(isinstance(row.settings.get(name, ""), str) for row in rows)


def _common(section: Section) -> str:
    """The settings that all rows share, in a line; most of them only if they are not at their defaults."""
    shared = {name: value for name, value in section.common.items() if _is_said(name, value)}
    return ", ".join(f"{name} {numbers.setting(value)}" for name, value in shared.items())


def _is_said(name: str, value: object) -> bool:
    # `searched` is not a setting.
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


def _record(row: RankedExperiment) -> dict[str, object]:
    """The numbers of a row in full precision; errors and differences are fractions."""
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
