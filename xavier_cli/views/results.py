"""Builds the output of `reproduce summary`: what recipes said, from their results files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from xavier_cli.config.presets import SCALES
from xavier_cli.sweeps.results import CellResult, ClaimResult, Results
from xavier_cli.views import durations
from xavier_cli.views.page import Column, Page, Table, clean
from xavier_cli.views.result_errors import called, errors_table, is_missing, shown_cells
from xavier_cli.vocabulary.claims import CLAIMS
from xavier_cli.vocabulary.grammar import parse_seeds

SCHEMA = "xavier.results-summary/1"
_TITLE = "Results of the recipes"
_ABOUT_CLAIMS = (
    "Seen: the numbers that the verdict rests on. Source: where the claim is from, with the numbers given "
    "there. Xavier: the version that saw it."
)


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
    titles = Counter(results.title for results in every)
    errors = [
        errors_table(results, with_scale=titles[results.title] > 1)
        for results in every
        if shown_cells(results)
    ]
    tables = [_claims(every), *errors, _origins(every)]
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
    scales = Counter(results.scale for results in every)
    counts = [_counted(count, "recipe") if i == 0 else str(count) for i, count in enumerate(scales.values())]
    at = " and ".join(f"{count} at {scale}" for count, scale in zip(counts, scales, strict=True))
    sentences = [
        f"Results of {at} scale. Each is what “xavier reproduce "
        "RECIPE --results FILE” wrote into a file; “xavier reproduce summary” makes this page of the files."
    ]
    at_long = [results for results in every if results.scale == "long"]
    if at_long and not any({"updates", "width"} & {*results.changes} for results in at_long):
        long, paper = SCALES["long"], SCALES["paper"]
        sentences.append(
            f"At long scale networks have the paper's {long['updates']:,} updates at width {long['width']:,} "
            f"instead of its {paper['width']:,}, and rates that were not searched."
        )
    if verdicts:
        count = ", ".join(f"{_said(word)} {verdicts[word]}" for word in words)
        claims = len({claim.claim for results in every for claim in results.claims})
        sentences.append(f"{_counted(verdicts.total(), 'verdict')} on {_counted(claims, 'claim')}: {count}.")
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
        *_scale_column(every),
        Column("claim", wraps=True),
        Column("verdict"),
        Column("seen", moves=True),
        Column("source", moves=True),
        Column("xavier"),
    )
    rows = [
        (
            clean(results.recipe),
            *_scale(results, every),
            clean(_statement(claim)),
            _said(claim.verdict),
            clean(claim.evidence),
            clean(claim.source),
            clean(results.origin.xavier),
        )
        for results in every
        for claim in results.claims
    ]
    return Table(columns, tuple(rows), title="Claims", about=_ABOUT_CLAIMS)


def _statement(claim: ClaimResult) -> str:
    """The claim as it is worded now; as the file has it where the claim is no longer made."""
    known = CLAIMS.get(claim.claim)
    return known.statement if known else claim.statement


def _scale_column(every: Sequence[Results]) -> list[Column]:
    """The column of the scale, where there are several."""
    return [Column("scale")] * (len({results.scale for results in every}) > 1)


def _scale(results: Results, every: Sequence[Results]) -> list[str]:
    return [clean(results.scale) for _ in _scale_column(every)]


def _said(verdict: str) -> str:
    return verdict.replace("_", " ")


def _origins(every: Sequence[Results]) -> Table:
    """When, where and with what each recipe was run, and how long it took."""
    columns = (
        Column("recipe"),
        *_scale_column(every),
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
                    *_scale(results, every),
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


def _typed(name: str, value: str) -> str:
    return f"--seeds {value}" if name == "seeds" else f"--set {name}={value}"


def _count(cell: CellResult) -> str:
    """How many seeds of `cell` its recipe wants, in words."""
    try:
        return _counted(len(parse_seeds(cell.seeds)), "seed")  # type: ignore[arg-type]
    except ValueError:
        return f"seeds {cell.seeds}"


def _remarks(results: Results) -> list[str]:
    """What a reader should know about a file beside its numbers."""
    remarks = []
    if results.transcribed:
        remarks.append(f"as reported by version {results.origin.xavier}")
    if results.changes:
        remarks.append("with " + " ".join(_typed(name, value) for name, value in results.changes.items()))
    left = [cell for cell in results.cells if cell.state != "done"]
    if missing := [called(cell, results) for cell in left if is_missing(cell)]:
        remarks.append(f"{len(missing)} of {len(results.cells)} cells missing: {', '.join(missing)}")
    remarks += [
        f"{cell.test_error.n} of {_count(cell)} of {called(cell, results)}"
        for cell in left
        if cell.test_error
    ]
    trained = {cell.trained.xavier for cell in results.cells if cell.trained and cell.trained.xavier}
    if other := sorted(trained - {results.origin.xavier}):
        remarks.append(f"trained by version {' and '.join(other)}")
    return [*remarks, *[results.note] * bool(results.note)]
