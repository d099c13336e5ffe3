"""Builds the output of `reproduce summary`: what recipes said, from their results files."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

from xavier_cli.config.settings import settings_where
from xavier_cli.statistics.estimate import Estimate
from xavier_cli.sweeps.results import CellResult, ErrorEstimate, Results, Settings, TableLayout, Value
from xavier_cli.views import durations, numbers
from xavier_cli.views.page import Column, Page, Table, clean

SCHEMA = "xavier.results-summary/1"
_TITLE = "Results of the recipes"
_ABOUT_CLAIMS = (
    "Seen: the numbers that the verdict rests on. Source: where the claim is from, with the numbers given "
    "there. Xavier: the version that saw it."
)
# The verdicts of cells that are the best of their data set, or do not differ significantly from it.
_AMONG_THE_BEST = ("best", "not_told_apart")


def results_page(every: Sequence[Results]) -> Page:
    """Claims with their verdicts, test errors beside the paper's, and when and where each recipe was run."""
    records = [
        {
            "recipe": results.recipe,
            "scale": results.scale,
            "utc": results.utc,
            "xavier": results.origin.xavier,
            "transcribed": results.transcribed,
            **claim.model_dump(),
        }
        for results in every
        for claim in results.claims
    ]
    tables = [_claims(every), *(_errors(results) for results in every if _shown(results)), _origins(every)]
    return Page(
        schema=SCHEMA,
        data={"results": [results.model_dump(by_alias=True) for results in every]},
        records=records,
        tables=tuple(table for table in tables if table.rows),
        title=_TITLE,
        about=_about(every),
    )


def _about(every: Sequence[Results]) -> str:
    verdicts = Counter(claim.verdict for results in every for claim in results.claims)
    # The most frequent first.
    words = sorted(verdicts, key=lambda word: (-verdicts[word], word))
    scales = " and ".join(dict.fromkeys(results.scale for results in every))
    sentences = [
        f"Results of {_counted(len(every), 'recipe')} at {scales} scale. Each is what “xavier reproduce "
        "RECIPE --results FILE” wrote into a file; “xavier reproduce summary” makes this page of the files."
    ]
    if verdicts:
        count = ", ".join(f"{_said(word)} {verdicts[word]}" for word in words)
        sentences.append(f"Verdicts on {_counted(verdicts.total(), 'claim')}: {count}.")
    if "undecided" in verdicts:
        sentences.append("Undecided: these runs cannot tell, for instance because they are too short.")
    if transcribed := [results for results in every if results.transcribed]:
        versions = " and ".join(dict.fromkeys(results.origin.xavier for results in transcribed))
        sentences.append(
            f"{_counted(len(transcribed), 'file')} hold what was reported by version {versions}, before "
            "there were such files: the last table says which."
        )
    return " ".join(sentences)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def _claims(every: Sequence[Results]) -> Table:
    columns = (
        Column("recipe"),
        Column("claim", wraps=True),
        Column("verdict"),
        Column("seen", moves=True),
        Column("source", moves=True),
        Column("xavier"),
    )
    rows = [
        (
            clean(results.recipe),
            clean(claim.statement),
            _said(claim.verdict),
            clean(claim.evidence),
            clean(claim.source),
            clean(results.origin.xavier),
        )
        for results in every
        for claim in results.claims
    ]
    return Table(columns, tuple(rows), title="Claims", about=_ABOUT_CLAIMS)


def _said(verdict: str) -> str:
    return verdict.replace("_", " ")


def _shown(results: Results) -> list[CellResult]:
    """The cells of a recipe's table: those that have an error, and were not chosen against."""
    if results.table is None:
        return []
    return [cell for cell in results.cells if cell.test_error is not None and cell.selected]


def _errors(results: Results) -> Table:
    """Test errors in percent, a column per value of the setting of the columns, each with the paper's."""
    shown, layout = _shown(results), results.table
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
        printed = ["" if c is None or c.paper_percent is None else f"{c.paper_percent:g}" for c in there]
        if any(printed):
            columns.append(Column("paper", "right"))
            cells.append(printed)
    rows = tuple(zip(*cells, strict=True))
    return Table(tuple(columns), rows, title=clean(results.title), about=_about_errors(results, shown))


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
    seeds = _numbers({cell.test_error.n for cell in shown if cell.test_error})
    sentences = [
        f"Recipe {results.recipe} at {results.scale} scale ({_settings(results.common)}).",
        f"Test error in percent at the last record, mean ± 95 % confidence interval over {seeds} seeds.",
    ]
    if any(_is_among_the_best(cell, shown) for cell in shown):
        sentences.append(
            "*: the lowest mean of its data set, or no significant difference from it (over all pairs)."
        )
    if any(cell.chosen for cell in shown):
        rates = "; ".join(dict.fromkeys(_chosen(cell) for cell in shown if cell.chosen))
        sentences.append(f"Chosen by validation error: {rates}.")
    if any(cell.on_edge for cell in shown):
        sentences.append("!: the chosen value is the lowest or highest that was tried.")
    if lost := sum(cell.diverged for cell in shown):
        sentences.append(f"{lost} of the networks diverged; they count as chance level.")
    if any(cell.paper_percent is not None for cell in shown):
        sentences.append("Paper: its test error in percent, of one network at its own length and width.")
    return clean(" ".join(sentences))


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


def _numbers(found: Iterable[int]) -> str:
    return " or ".join(str(number) for number in sorted(found))


def _origins(every: Sequence[Results]) -> Table:
    """When, where and with what each recipe was run, and how long it took."""
    columns = (
        Column("recipe"),
        Column("date"),
        Column("xavier", wraps=True),
        Column("machine", wraps=True, moves=True),
        Column("time", "right"),
        Column("processor time", "right"),
        Column("remarks", wraps=True, moves=True),
    )
    rows = [
        tuple(
            map(
                clean,
                (
                    results.recipe,
                    results.utc[:10],
                    _version(results),
                    _machine(results),
                    "" if results.seconds is None else durations.about(results.seconds),
                    "" if results.processor_seconds is None else durations.about(results.processor_seconds),
                    "; ".join(_remarks(results)),
                ),
            )
        )
        for results in every
    ]
    about = (
        "Time: of all trainings with compilation, on a machine that may have had other work; runs that were "
        "there already count with the time they took then. Processor time: of all cores while training, "
        "where the runs say it."
    )
    return Table(columns, tuple(rows), title="When, where and how long", about=about)


def _version(results: Results) -> str:
    origin = results.origin
    commit = f" ({origin.commit[:7]}{', modified' if origin.modified else ''})" if origin.commit else ""
    return f"{origin.xavier}{commit}"


def _machine(results: Results) -> str:
    origin = results.origin
    parts = [
        origin.processor,
        None if origin.cores is None else _counted(origin.cores, "core"),
        None if origin.memory_gib is None else f"{origin.memory_gib:g} GiB",
        *(device for device in origin.devices if device != "cpu"),
        None if origin.python is None else f"Python {origin.python}",
        *(f"{name} {number}" for name, number in origin.versions.items()),
    ]
    return ", ".join(part for part in parts if part)


def _remarks(results: Results) -> list[str]:
    """What a reader should know about a file beside its numbers."""
    remarks = []
    if results.transcribed:
        remarks.append(f"as reported by version {results.origin.xavier}")
    if results.changes:
        remarks.append("with " + " ".join(f"--set {name}={value}" for name, value in results.changes.items()))
    missing = [cell.name for cell in results.cells if cell.state != "done"]
    if results.status == "partial":
        remarks.append(f"{len(missing)} of {len(results.cells)} cells missing: {', '.join(missing)}")
    trained = {cell.trained.xavier for cell in results.cells if cell.trained and cell.trained.xavier}
    if other := sorted(trained - {results.origin.xavier}):
        remarks.append(f"trained by version {' and '.join(other)}")
    return [*remarks, *[results.note] * bool(results.note)]
