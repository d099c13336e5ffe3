"""Builds the output of `compare`: tables and sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from xavier_cli.config.settings import SETTINGS, is_usual
from xavier_cli.findings.comparison import Comparison, Section
from xavier_cli.findings.metric import TEST_ERROR, Metric
from xavier_cli.findings.ranked import RankedExperiment, Verdict
from xavier_cli.runs.counting import ERRORS, error_curve, layers_of
from xavier_cli.statistics.estimate import over_seeds
from xavier_cli.views import numbers
from xavier_cli.views.comparison_answer import answers
from xavier_cli.views.comparison_layout import View, transposed
from xavier_cli.views.comparison_rules import rules
from xavier_cli.views.metric import amount, measured, places_of, scale_of
from xavier_cli.views.page import Cell, Column, Page, Table
from xavier_cli.views.sparkline import sparklines

SCHEMA = "xavier.compare/1"
# Beside this metric stands the validation error, beside every other one the test error.
VALIDATED = TEST_ERROR.name


def comparison_page(comparison: Comparison, notes: Sequence[str] = (), view: View | None = None) -> Page:
    """The output of `compare`: the answer, tables, and what explains them; `notes` are those of merging."""
    view = view or View()
    metric = comparison.metric
    shown = Comparison(tuple(view.arranged(section) for section in comparison.sections), metric)
    tables = [
        result_table(part, metric, curves=True) for section in shown.sections for part in view.groups(section)
    ]
    answer = " ".join(answers(comparison))
    records = [[_record(row, metric) for row in section.rows] for section in shown.sections]
    return Page(
        schema=SCHEMA,
        data={
            "answer": answer,
            "metric": metric.name,
            "sections": [
                _section_data(section, metric, own)
                for section, own in zip(shown.sections, records, strict=True)
            ],
        },
        records=[
            {"data": section.data, **record}
            for section, own in zip(shown.sections, records, strict=True)
            for record in own
        ],
        tables=tuple(transposed(table) if view.transpose else table for table in tables),
        # Only what is shown is explained.
        notes=(*rules(shown).values(), *view.note(comparison.sections), *notes),
        about=answer,
    )


def result_table(section: Section, metric: Metric = TEST_ERROR, curves: bool = False) -> Table:
    """The experiments on one data set, the best first: what differs, N, the metric, significant differences.

    With `curves`, also the metric (or the test error) during training as a sparkline.
    """
    rows = section.rows
    columns = [
        Column(name, "left" if _is_text(rows, name) else "right", fold="experiment")
        for name in section.varying
    ]
    shorts = _short_networks(rows)
    cells = []
    for name in section.varying:
        texts = numbers.apart((row.settings.get(name, "") for row in rows), name) | shorts
        cells.append([marked_setting(row, name, texts) for row in rows])
    # A number of seeds that is the same for all tells least beside the other error.
    is_same = len({len(row.seeds) for row in rows}) == 1 < len(rows)
    columns.append(Column("N", "right", optional=2 * is_same))
    cells.append([_seeds(row.seeds) for row in rows])
    if any(row.diverged for row in rows):
        columns.append(Column("diverged", "right"))
        cells.append([_seeds(row.diverged) for row in rows])
    if metric.threshold is not None and any(row.without for row in rows):
        columns.append(Column("never", "right"))
        cells.append([_seeds(row.without) for row in rows])
    other = "valid" if metric.name == VALIDATED else "test"
    columns += [Column(f"{other} error %", "right", optional=1), Column(metric.head)]
    cells += [_other_errors(rows, metric), _values(rows, metric)]
    gaps = [_gap(row.verdict, rows, metric) for row in rows]
    if any(gap.text for gap in gaps):
        columns.append(Column("Δ best", optional=4))
        cells.append(gaps)
    verdicts = [_verdict(row) for row in rows]
    if any(verdict.text for verdict in verdicts):
        columns.append(Column("p", optional=3))
        cells.append(verdicts)
    if curves:
        columns.append(Column("error over time" if metric.unit != "loss" else "loss over time", picture=True))
        cells.append([Cell(each) for each in sparklines([over_time(row, metric) for row in rows])])
    best = {index for index, row in enumerate(rows) if row.verdict.kind == "best" and len(rows) > 1}
    return Table(
        columns=tuple(columns),
        rows=tuple(zip(*cells, strict=True)),
        title=section.data,
        about=_common(section),
        best=frozenset(best) if len(rows) > 1 else None,
    )


def over_time(row: RankedExperiment, metric: Metric) -> np.ndarray:
    """The mean over seeds of the metric's curve at every record, `(R,)`; a fraction where it is an error."""
    if metric.curve in ERRORS:
        return over_seeds(error_curve(row.run, ERRORS[metric.curve])).center
    return over_seeds(layers_of(row.run, f"curves/{metric.curve}")).center


def _seeds(seeds: Sequence[int]) -> Cell:
    """The number of seeds, with their list as detail; empty if there are none."""
    return Cell(str(len(seeds)), len(seeds), f"seeds {numbers.seeds(seeds)}") if seeds else Cell("", 0)


def _other_errors(rows: Sequence[RankedExperiment], metric: Metric) -> list[Cell]:
    """A column of the error that is not compared: for orientation, so without its interval."""
    is_valid = metric.name == VALIDATED
    found = [row.valid_error if is_valid else row.test_error for row in rows]
    places = numbers.decimals_of([row.test_error for row in rows])
    return [Cell(f"{100 * each.mean:.{places}f}", each.mean, f"{each.mean!r}") for each in found]


def _values(rows: Sequence[RankedExperiment], metric: Metric) -> list[Cell]:
    """A column of means over seeds, with the value of every seed as detail."""
    cells = []
    texts = measured([row.estimate for row in rows], metric)
    for row, text in zip(rows, texts, strict=True):
        each = ", ".join(
            f"{seed}: {amount(value, metric)}" for seed, value in zip(row.seeds, row.values, strict=True)
        )
        unit = " %" * (metric.unit == "percent")
        if metric.threshold is not None and row.without:
            # Seeds that never get there count with the updates that they had: the mean is a bound.
            text = f"≥ {amount(row.estimate.mean, metric)}"
        cells.append(Cell(text, row.estimate.mean, f"{row.estimate.mean!r}; by seed: {each}{unit}"))
    return cells


def _gap(verdict: Verdict, rows: Sequence[RankedExperiment], metric: Metric) -> Cell:
    gap = verdict.difference
    if gap is None:
        return Cell("", 0.0)
    places = places_of([row.estimate for row in rows], metric)
    text = numbers.points(gap.mean, gap.low, gap.high, places, scale_of(metric))
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


def marked_setting(row: RankedExperiment, name: str, texts: Mapping[object, str] | None = None) -> Cell:
    """A setting with marks that say how it was chosen: `~` by validation error, `!` at the edge.

    `texts` has those of some values.
    """
    value = row.settings.get(name, "")
    written = (texts or {}).get(value) or numbers.setting(value, name)
    text = "~" * (name in row.chosen) + written + "!" * (name in row.on_edge)
    spoken = name in SETTINGS and SETTINGS[name].is_name
    return Cell(text, value, phrase=text if spoken else f"{name} {text}")


def _short_networks(rows: Sequence[RankedExperiment]) -> dict[object, str]:
    """The names of networks without their files, `resnet:depth=20`; none where that is two networks'."""
    shorts: dict[object, str] = {row.run.config.net: row.run.config.network.short for row in rows}
    return shorts if len({*shorts.values()}) == len(shorts) else {}


def _is_text(rows: Sequence[RankedExperiment], name: str) -> bool:
    return any(isinstance(row.settings.get(name, ""), str) for row in rows)


def _common(section: Section) -> str:
    """The settings that all rows share, in a line; most of them only if they are not at their defaults."""
    shared = {name: value for name, value in section.common.items() if _is_said(name, value)}
    return ", ".join(f"{name} {numbers.setting(value, name)}" for name, value in shared.items())


def _is_said(name: str, value: object) -> bool:
    # `searched` is not a setting.
    mention = SETTINGS[name].mention if name in SETTINGS else "always"
    return mention == "always" or (mention == "unusual" and not is_usual(name, value))


def _section_data(
    section: Section, metric: Metric, records: Sequence[Mapping[str, object]]
) -> dict[str, object]:
    seeds = [{"errors": row.errors, "seeds": row.seeds} for row in section.rows]
    if metric != TEST_ERROR:
        seeds = [{**each, "values": row.values} for each, row in zip(seeds, section.rows, strict=True)]
    return {
        "data": section.data,
        "varying": section.varying,
        "common": section.common,
        "pairs_tested": section.tests,
        "rows": [{**record, **each} for record, each in zip(records, seeds, strict=True)],
    }


def _record(row: RankedExperiment, metric: Metric) -> dict[str, object]:
    """The numbers of a row in full precision; errors and their differences are fractions."""
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
    if metric.name not in ("test_error", "valid_error"):
        record |= {"metric": metric.name, "without_value": len(row.without)}
    shown = {"test_error": row.test_error, "valid_error": row.valid_error}
    for name, estimate in (shown | ({} if metric.name in shown else {"metric_value": row.estimate})).items():
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
