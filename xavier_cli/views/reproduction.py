"""Builds the output of `reproduce`: verdicts, the recipe's table next to the paper's numbers, figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from xavier_cli.config.run import SEARCHABLE, RunConfig
from xavier_cli.config.settings import settings_where
from xavier_cli.findings.best_run import BestRun
from xavier_cli.findings.claims.verdict import IN_WORDS, ClaimVerdict
from xavier_cli.findings.comparison import Comparison, compare
from xavier_cli.findings.ranked import RankedExperiment
from xavier_cli.runs.record import Run
from xavier_cli.sweeps.plan import Plan
from xavier_cli.sweeps.recipe_shows import RecipeTable
from xavier_cli.views import numbers
from xavier_cli.views.comparison import comparison_page, marked_setting
from xavier_cli.views.comparison_rules import CHOSEN, Explanation, rules
from xavier_cli.views.page import Cell, Column, Page, Table, clean
from xavier_cli.vocabulary import lookup

SCHEMA = "xavier.reproduce/1"
# Sentences about columns that are not shown here.
_UNUSED = (Explanation.BEST, Explanation.NETWORKS, Explanation.CORRELATION)


def reproduction_page(
    plan: Plan,
    runs: Sequence[Run],
    choices: Sequence[BestRun],
    verdicts: Sequence[ClaimVerdict],
    figures: Sequence[Path],
    notes: Sequence[str],
) -> Page:
    """The output of `reproduce`; `verdicts` are those of `findings.claims`."""
    recipe = plan.recipe
    comparison = compare(runs, choices)
    tables, explained = [], tuple[str, ...]()
    if recipe.table and comparison.sections:
        tables.append(_results(recipe.table, comparison, [run.config for run in runs]))
        explained = _explained(recipe.table, comparison)
    if verdicts:
        tables.append(_claims(verdicts))
    if figures:
        tables.append(Table((Column("figure"),), tuple((clean(str(path)),) for path in figures)))
    if not tables:
        tables.append(Table((Column("recipe"),), ((recipe.name,),)))
    tables[0] = replace(tables[0], title=f"{recipe.title} ({plan.scale})")
    records = [_record(verdict) for verdict in verdicts]
    return Page(
        schema=SCHEMA,
        data={
            "recipe": recipe.name,
            "title": recipe.title,
            "scale": plan.scale,
            "sweep_id": plan.sweep_id,
            "claims": records,
            "figures": [str(path) for path in figures],
            "comparison": comparison_page(comparison).data,
        },
        records=records,
        tables=tuple(tables),
        notes=(*explained, *notes),
    )


def _claims(verdicts: Sequence[ClaimVerdict]) -> Table:
    """A row per claim, with its number next to the paper's."""
    columns = (
        Column("claim", wraps=True),
        Column("verdict"),
        Column("here", moves=True),
        Column("paper", moves=True),
    )
    rows = [
        (_statement(verdict.name), IN_WORDS[verdict.verdict], verdict.evidence, verdict.paper)
        for verdict in verdicts
    ]
    return Table(columns, tuple(rows))


def _statement(name: str) -> str:
    return lookup.CLAIMS[name].statement


def _record(verdict: ClaimVerdict) -> dict[str, object]:
    return {
        "claim": verdict.name,
        "statement": _statement(verdict.name),
        "verdict": verdict.verdict,
        "statistic": verdict.statistic,
        "threshold": verdict.threshold,
        "evidence": verdict.evidence,
        "paper": verdict.paper,
    }


def _results(wanted: RecipeTable, comparison: Comparison, configs: Sequence[RunConfig]) -> Table:
    """Test errors in percent, a column per value of `wanted.columns`, with the paper's next to each.

    A `*` marks the best of each column, and those that do not differ significantly from it over seeds. Where
    rows have different numbers of seeds, each has its own beside it.
    """
    rows = [row for section in comparison.sections for row in section.rows]
    # A row that is alone on its data set is the best of nothing.
    alone = {section.rows[0].run.config for section in comparison.sections if len(section.rows) == 1}
    names = [*wanted.rows, *_not_in_rows(wanted, rows)]
    by_place: dict[tuple[Cell, ...], dict[str, RankedExperiment]] = {}
    for row in rows:
        place = tuple(_cell(row, name) for name in names)
        # If several runs have the same place in the table, the first is the best.
        by_place.setdefault(place, {}).setdefault(_head(row, wanted), row)
    # In the order of the recipe, which is that of the paper.
    planned = {config: i for i, config in enumerate(configs)}
    in_plan = sorted(rows, key=lambda row: planned[row.run.config])
    order = list(dict.fromkeys(tuple(_cell(row, name) for name in names) for row in in_plan))
    heads = list(dict.fromkeys(_head(row, wanted) for row in in_plan))
    seen = (*names, wanted.columns)
    columns = [Column(name, fold="experiment") for name in names]
    cells: list[list[Cell | str]] = [[place[i] for place in order] for i in range(len(names))]
    for head in heads:
        there = [by_place[place].get(head) for place in order]
        texts = iter(numbers.percents([row.test_error for row in there if row]))
        columns.append(Column(head if len(heads) > 1 else f"{head} test error %".strip()))
        marks = [_mark(row, seen, row.run.config in alone) if row else "" for row in there]
        cells.append([f"{next(texts)}{mark}" if row else "" for row, mark in zip(there, marks, strict=True)])
        if len({len(row.seeds) for row in rows}) > 1:
            columns.append(Column("N", "right"))
            cells.append([f"{len(row.seeds)}" if row else "" for row in there])
        printed = [_printed(wanted, place, head) for place in order]
        if any(printed):
            columns.append(Column("paper", "right"))
            cells.append([*printed])
    return Table(tuple(columns), tuple(zip(*cells, strict=True)))


def _head(row: RankedExperiment, wanted: RecipeTable) -> str:
    return _cell(row, wanted.columns).text if wanted.columns else ""


def _not_in_rows(wanted: RecipeTable, rows: Sequence[RankedExperiment]) -> list[str]:
    """Settings that say how rows were trained, and in which they differ, though the recipe names them not."""
    known = {*wanted.rows, wanted.columns, "data", *(name for row in rows for name in row.chosen)}
    return [
        name
        for name in settings_where(mention="always")
        if name not in known and len({row.settings.get(name) for row in rows}) > 1
    ]


def _mark(row: RankedExperiment, seen: Sequence[str], is_alone: bool) -> str:
    """The marks after an error."""
    return "*" * (_is_best(row) and not is_alone) + "!" * bool({*row.on_edge} - {*seen})


def _is_best(row: RankedExperiment) -> bool:
    return row.verdict.kind in ("best", "not_told_apart")


def _cell(row: RankedExperiment, name: str) -> Cell:
    """A setting, with marks that say how it was chosen."""
    if name == "data":
        return Cell(row.run.config.data, row.run.config.data, phrase=row.run.config.data)
    return marked_setting(row, name)


def _printed(wanted: RecipeTable, place: Sequence[Cell], head: str) -> str:
    # The settings that the recipe names come first.
    settings = {name: cell.value for name, cell in zip(wanted.rows, place, strict=False)}
    value = wanted.paper_percent(settings, head)
    return "" if value is None else f"{value:g}"


def _explained(wanted: RecipeTable, comparison: Comparison) -> tuple[str, ...]:
    """The sentences of the comparison that explain this table."""
    said = rules(comparison)
    kept = [sentence for about, sentence in said.items() if about not in _UNUSED]
    chosen = {name for section in comparison.sections for row in section.rows for name in row.chosen}
    if not {*SEARCHABLE} & {*wanted.rows} and chosen and chosen <= {*SEARCHABLE}:
        # The mark occurs in no cell of this table.
        kept[kept.index(said[Explanation.CHOSEN])] = f"Rates were {CHOSEN}"
    rows = [row for section in comparison.sections for row in section.rows]
    untested = any(row.verdict.kind == "not_tested" for row in rows)
    or_alike = "" if untested else ", or not significantly different from it"
    star = f"*: the lowest mean test error of its data set{or_alike}."
    of_paper = "Paper: its test error in percent, of one network at its own length and width."
    paper = (of_paper,) if wanted.paper else ()
    return (kept[0], star, *kept[1:], *paper) if kept else (star, *paper)
