"""Builds the table of a recipe's test errors from its results file, beside the paper's numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence

from xavier_cli.config.settings import settings_where
from xavier_cli.statistics.difference import SEEDS_FOR_A_TEST
from xavier_cli.statistics.estimate import Estimate
from xavier_cli.sweeps.results import CellResult, ErrorEstimate, Results, Settings, TableLayout, Value
from xavier_cli.views import numbers
from xavier_cli.views.page import Column, Table, clean

# The verdicts of cells that are the best of their data set, or do not differ significantly from it.
_AMONG_THE_BEST = ("best", "not_told_apart")


def shown_cells(results: Results) -> list[CellResult]:
    """The cells of a recipe's table: those that have an error, and were not chosen against."""
    if results.table is None:
        return []
    return [cell for cell in results.cells if cell.test_error is not None and cell.selected]


def errors_table(results: Results, with_scale: bool = False) -> Table:
    """Test errors in percent, a column per value of the setting of the columns, each with the paper's.

    Where cells have different numbers of seeds, each has its own beside it.
    """
    shown, layout = shown_cells(results), results.table
    assert layout is not None
    varying = {name for cell in shown for name in cell.settings}
    names = [name for name in layout.rows if name in varying] + _not_in_rows(layout, shown)
    by_place: dict[tuple[Value, ...], dict[str, CellResult]] = {}
    for cell in shown:
        place = tuple(_setting(cell, name) for name in names)
        by_place.setdefault(place, {}).setdefault(_head(cell, layout.columns), cell)
    columns = [Column(name) for name in names] or [Column("recipe")]
    cells = [[clean(numbers.setting(place[i], name)) for place in by_place] for i, name in enumerate(names)]
    cells = cells or [[clean(results.recipe) for _ in by_place]]
    heads = list(dict.fromkeys(_head(cell, layout.columns) for cell in shown))
    for head in heads:
        there = [by_place[place].get(head) for place in by_place]
        errors = [cell.test_error for cell in there if cell and cell.test_error]
        texts = iter(numbers.percents([_estimate(error) for error in errors]))
        columns.append(Column(clean(head) if len(heads) > 1 else "test error %"))
        marks = ["" if cell is None else _mark(cell, names, shown) for cell in there]
        cells.append(
            [f"{next(texts)}{mark}" if cell else "" for cell, mark in zip(there, marks, strict=True)]
        )
        if len(_seeds(shown)) > 1:
            columns.append(Column("N", "right"))
            cells.append([str(cell.test_error.n) if cell and cell.test_error else "" for cell in there])
        printed = ["" if c is None or c.paper_percent is None else f"{c.paper_percent:g}" for c in there]
        if any(printed):
            columns.append(Column("paper", "right"))
            cells.append(printed)
    rows = tuple(zip(*cells, strict=True))
    title = clean(results.title + f" ({results.scale} scale)" * with_scale)
    return Table(tuple(columns), rows, title=title, about=_about_errors(results, shown))


def _seeds(shown: Sequence[CellResult]) -> set[int]:
    """The numbers of seeds that errors are means over."""
    return {cell.test_error.n for cell in shown if cell.test_error}


def _setting(cell: CellResult, name: str) -> Value:
    return cell.chosen.get(name, cell.settings.get(name, ""))


def _head(cell: CellResult, columns: str) -> str:
    return str(cell.settings.get(columns, "")) if columns else ""


def _estimate(error: ErrorEstimate) -> Estimate:
    known = error.low is not None and error.high is not None
    half = (error.high - error.low) / 2 if known else math.nan  # type: ignore[operator]
    return Estimate(error.mean, half, math.nan, error.n)


def _mark(cell: CellResult, names: Sequence[str], shown: Sequence[CellResult]) -> str:
    return "*" * _is_among_the_best(cell, shown) + "!" * bool({*cell.on_edge} - {*names})


def _is_among_the_best(cell: CellResult, shown: Sequence[CellResult]) -> bool:
    """A cell that is alone on its data set is the best of nothing."""
    data = [each.settings.get("data") for each in shown]
    return cell.beside_best in _AMONG_THE_BEST and data.count(cell.settings.get("data")) > 1


def _about_errors(results: Results, shown: Sequence[CellResult]) -> str:
    """The sentences that explain a recipe's table."""
    seeds = _seeds(shown)
    over = f"{seeds.copy().pop()} seeds" if len(seeds) == 1 else "N seeds"
    what = f", mean ± 95 % confidence interval over {over}" if seeds != {1} else ", of one seed"
    sentences = [
        f"Recipe {results.recipe} at {results.scale} scale ({_settings(_shared(results, shown))}).",
        f"Test error in percent at the last record{what}.",
    ]
    if any(_is_among_the_best(cell, shown) for cell in shown):
        untested = min(_seeds(shown)) < SEEDS_FOR_A_TEST
        sentences.append(
            f"*: the lowest mean of its data set; differences are tested from {SEEDS_FOR_A_TEST} seeds on."
            if untested
            else "*: the lowest mean of its data set, or no significant difference from it (over all pairs)."
        )
    if any(cell.chosen for cell in shown):
        rates = "; ".join(dict.fromkeys(_chosen(cell) for cell in shown if cell.chosen))
        sentences.append(f"Chosen by validation error: {rates}.")
    if any(cell.on_edge for cell in shown):
        sentences.append("!: the chosen value is the lowest or highest that was tried.")
    if lost := sum(cell.diverged for cell in shown):
        sentences.append(f"{lost} of the networks diverged; they count as chance level.")
    if missing := [called(cell, results) for cell in results.cells if is_missing(cell)]:
        sentences.append(f"Not run to the end: {', '.join(missing)}.")
    if any(cell.paper_percent is not None for cell in shown):
        sentences.append("Paper: its test error in percent, of one network at its own length and width.")
    return clean(" ".join(sentences))


def _shared(results: Results, shown: Sequence[CellResult]) -> Settings:
    """The settings that all cells of a table share, though cells that are not in it may differ in them."""
    return results.common | {
        name: shown[0].settings[name]
        for name in settings_where(mention="always")
        if shown and name in shown[0].settings and len({cell.settings.get(name) for cell in shown}) == 1
    }


def _not_in_rows(layout: TableLayout, shown: Sequence[CellResult]) -> list[str]:
    """Settings that say how cells were trained, and in which they differ, though the layout lacks them."""
    known = {*layout.rows, layout.columns, "data", *(name for cell in shown for name in cell.chosen)}
    return [
        name
        for name in settings_where(mention="always")
        if name not in known and len({cell.settings.get(name) for cell in shown}) > 1
    ]


def _chosen(cell: CellResult) -> str:
    """`tanh normalized shapeset lr 0.03`: which value of what was chosen for a cell."""
    where = [numbers.setting(value, name) for name, value in cell.settings.items() if name not in cell.chosen]
    what = [f"{name} {numbers.setting(value, name)}" for name, value in cell.chosen.items()]
    return " ".join([*where, *what])


def _settings(settings: Settings) -> str:
    return ", ".join(f"{name} {numbers.setting(value, name)}" for name, value in settings.items())


def is_missing(cell: CellResult) -> bool:
    """Whether a cell has come to nothing."""
    return cell.state != "done" and cell.test_error is None


def called(cell: CellResult, results: Results) -> str:
    """`sigmoid standard depth 4`: a cell by what names its row and column, or by all in which cells differ.

    By the name of its file where nothing does.
    """
    layout = results.table
    names = (*layout.rows, layout.columns) if layout else (*settings_where(is_name=True), *cell.settings)
    names = tuple(dict.fromkeys(names))
    for settings in (cell.settings, results.common):
        values = [(name, settings[name]) for name in names if settings.get(name, "none") != "none"]
        if values:
            return " ".join(value if isinstance(value, str) else f"{name} {value}" for name, value in values)
    return cell.name
