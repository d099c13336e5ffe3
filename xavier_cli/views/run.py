"""Builds the output of `show`: configuration, origin, search, curves and layers of runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from xavier_cli.findings import layer_summary
from xavier_cli.runs.batch_normalization import normalization_notes
from xavier_cli.runs.counting import ERRORS, error_curve, layers_of, stopped_in_words
from xavier_cli.runs.counting import in_words as diverged_in_words
from xavier_cli.runs.record import Run, TimePart, search_means, spent_seconds
from xavier_cli.runs.same_start import same_start_note
from xavier_cli.runs.weights import PROVENANCE, has_saved, saved_updates, weights_info, weights_path
from xavier_cli.statistics.estimate import mean_over_seeds, over_seeds
from xavier_cli.views import durations, numbers
from xavier_cli.views.initializers import names_note
from xavier_cli.views.layers import layer_notes, layers_table
from xavier_cli.views.page import Column, Page, Table
from xavier_cli.views.settings import shown_settings
from xavier_cli.vocabulary.grammar import show_value

SCHEMA = "xavier.show/1"
RECORDS_SHOWN = 6
_CURVES = ("train_loss", "valid_error", "test_error")

_PARTS_IN_WORDS: dict[TimePart, str] = {
    "updates": "updates",
    "pretraining": "pre-training",
    "evaluation": "evaluation",
    "probes": "layer statistics",
    "saving": "saving",
    "compiling": "compiling",
    "other": "other",
}

# The arrays of a run file that this page needs.
ONLY = (
    *layer_summary.DATASETS,
    *(f"curves/{name}" for name in _CURVES),
    "final/diverged_at",
    "pretraining/reconstruction_error",
    "search/lr",
    "search/valid_error",
)


def inside_page(runs: list[Run]) -> Page:
    """The output of `show`: the tables of each run, one run after the other."""
    names = names_note(run.config for run in runs)
    notes = dict.fromkeys(note for run in runs for note in _notes(run))
    return Page(
        schema=SCHEMA,
        data={"runs": [_data(run) for run in runs]},
        records=[record for run in runs for record in _records(run)],
        tables=tuple(table for run in runs for table in _tables(run)),
        notes=(*filter(None, [names]), *notes),
    )


def _tables(run: Run) -> Iterator[Table]:
    yield Table((Column("setting"), Column("value", wraps=True)), tuple(settings_of(run)), title=run.label)
    if run.has_search:
        yield _search_table(run)
    if "pretraining/reconstruction_error" in run:
        yield _pretraining_table(run)
    yield _curves_table(run)
    inside = layers_table(run)
    if inside:
        yield inside


def settings_of(run: Run) -> Iterator[tuple[str, str]]:
    """Yield the settings, then the results, then the provenance."""
    config = run.config
    for name, text in shown_settings(config):
        if name == "seeds":
            yield name, f"{text} (N = {len(config.seeds)})"
        elif name != "search_seeds" or config.search:
            yield name, text
    if run.network is not None:
        yield "framework", run.network.framework
    if run.tags:
        yield "tags", " ".join(run.tags)
    if run.note:
        yield "note", run.note
    status = "complete" if run.status == "complete" else stopped_in_words(run)
    yield "status", f"{status}, {lost}" if (lost := diverged_in_words(run)) else status
    diverged = np.flatnonzero(run.diverged)
    if len(diverged):
        at = [f"{int(run.seeds[i])} (at update {int(run['final/diverged_at'][i]):,})" for i in diverged]
        yield "diverged seeds", ", ".join(at)
    if run.created_utc:
        yield "created", run.created_utc
    for name, value in run.provenance.items():
        if name == PROVENANCE:
            yield "weights", _weights_in_words(run)
        elif name == "seconds_spent":
            if spent := time_in_words(run):
                yield "time", spent
        elif name in ("train_seconds", "compile_seconds") and spent_seconds(run):
            continue
        # Checksums of files, which not every data set has, are shown next to the digest.
        elif name != "data_sha256" and (text := _in_short(value)):
            yield str(name).replace("_", " "), text
    yield from _data_of(run)


def time_in_words(run: Run) -> str:
    """How long the run took, and the share of each part; empty where it does not say."""
    spent = spent_seconds(run)
    whole = sum(spent.values())
    if not whole:
        return ""
    told = sorted(((spent[name], words) for name, words in _PARTS_IN_WORDS.items()), reverse=True)
    parts = ", ".join(
        f"{words} {durations.measured(part)} ({_share(part / whole)})" for part, words in told if part
    )
    return f"{durations.measured(whole)}: {parts}"


def _share(share: float) -> str:
    return f"{100 * share:.1f} %" if share >= 0.0005 else "< 0.1 %"


def _weights_in_words(run: Run) -> str:
    """Which networks' weights the run keeps, where, and whether they are there."""
    info = weights_info(run)
    if info is None:
        return "not those of this network"
    place = weights_path(run.path).name if run.path else "a file beside the run"
    kept = "at the end" if info.saved == "final" else f"at {len(saved_updates(run, info))} records"
    there = "" if has_saved(run, info.saved) else ", which is missing"
    arrays = f"{len(info.arrays)} arrays per seed"
    return f"{kept}, {arrays}, in {place}{there} ({info.nbytes / 1e6:,.1f} MB, sha256 {info.sha256})"


def _data_of(run: Run) -> Iterator[tuple[str, str]]:
    """Yield the facts of the data set, with notes from reading it."""
    facts = run.data
    if facts and facts.sha256:
        yield "data sha256", facts.sha256
    files = run.provenance.get("data_sha256") or (facts.sources if facts else {})
    if files:
        yield "data files sha256", _in_short(files)
    for note in facts.notes if facts else ():
        yield "data note", note
    for warning in facts.warnings if facts else ():
        yield "data warning", warning


def _in_short(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_in_short(part)}" for key, part in value.items())
    if isinstance(value, list | tuple):
        return " ".join(_in_short(part) for part in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _search_table(run: Run) -> Table:
    found = run["search/valid_error"]
    rows: list[tuple[str, ...]] = []
    for rate, mean, errors in zip(run["search/lr"], search_means(found), found, strict=True):
        rows.append((show_value(float(rate)), f"{100 * mean:.1f}", str(int(np.isnan(errors).sum()) or "")))
    columns = [Column("lr", "right"), Column("valid error %", "right"), Column("diverged", "right")]
    if not any(row[2] for row in rows):
        columns, rows = columns[:2], [row[:2] for row in rows]
    title = f"search for the learning rate, {found.shape[1]} seeds each"
    best = frozenset({run["search/lr"].tolist().index(run.lr)})
    return Table(tuple(columns), tuple(rows), title=title, best=best)


def _curves_table(run: Run) -> Table:
    """Means over seeds at a few records, evenly from the first to the last."""
    last = len(run.updates) - 1
    picked = sorted({round(last * i / (RECORDS_SHOWN - 1)) for i in range(RECORDS_SHOWN)})
    loss = over_seeds(layers_of(run, "curves/train_loss")).center
    cells = [
        [f"{int(run.updates[i]):,}" for i in picked],
        numbers.column(loss[picked].tolist()),
    ]
    columns = [Column("updates", "right"), Column("train loss", "right")]
    for examples in ("valid", "test"):
        errors = error_curve(run, examples)
        cells.append(numbers.percents([mean_over_seeds(errors[:, i]) for i in picked]))
        columns.append(Column(f"{examples} error %"))
    return Table(tuple(columns), tuple(zip(*cells, strict=True)), title="curves, mean over seeds")


def _pretraining_table(run: Run) -> Table:
    """Means over seeds at a few records of pre-training, with a column per layer."""
    errors, updates = run["pretraining/reconstruction_error"], run["pretrain_update"]
    picked = sorted({round((len(updates) - 1) * i / (RECORDS_SHOWN - 1)) for i in range(RECORDS_SHOWN)})
    alive = errors[~np.isnan(errors[:, -1, -1])]
    means = over_seeds(alive).center
    columns, cells = [Column("updates", "right")], [[f"{int(updates[i]):,}" for i in picked]]
    for layer in run["layer"].tolist():
        columns.append(Column(f"layer {layer}", "right"))
        cells.append(numbers.column(means[layer - 1, picked].tolist()))
    counted = f"{len(alive)} of {len(errors)} " if len(alive) < len(errors) else ""
    title = f"pre-training: mean square reconstruction error, mean over {counted}seeds"
    return Table(tuple(columns), tuple(zip(*cells, strict=True)), title=title)


def _notes(run: Run) -> Iterator[str]:
    if len(run.seeds) > 1:
        yield "±: 95 % t-interval of the mean over seeds, for this test set."
    if run.config.is_watched:
        yield "Errors that the loop did not tell are of the examples that `watch` was given."
    elif run.config.eval_examples < 10_000 and run.status == "complete":
        yield "Errors are taken on all examples at the last record, on eval_examples of them before."
    yield from layer_notes(run)
    if note := same_start_note(run):
        yield note
    yield from normalization_notes([run])
    if run.has_search:
        lost = ", where a diverged seed counts as 100 %" if np.isnan(run["search/valid_error"]).any() else ""
        yield f"*: the rate that was chosen, by its mean validation error{lost}."
        if run.on_edge:
            rate = show_value(run.lr)
            yield f"The rate chosen, {rate}, is on the edge of the grid; a better one may lie beyond."


def _data(run: Run) -> dict[str, object]:
    data: dict[str, object] = {
        "run": run.label,
        "status": run.status,
        "created_utc": run.created_utc,
        "tags": list(run.tags),
        "note": run.note,
        "config": run.config.shown("json"),
        "provenance": run.provenance,
        "data": run.data.model_dump(mode="json") if run.data else None,
        "seeds": run.seeds.tolist(),
        "diverged_at": run["final/diverged_at"].tolist(),
        "lr": run.lr,
        "lr_on_edge": "lr" in run.on_edge,
        "updates": run.updates.tolist(),
        "curves": {name: _curve(run, name).tolist() for name in _CURVES},
        "layers": [layer.record() for layer in layer_summary.layers_at(run)],
    }
    if spent := spent_seconds(run):
        parts = {str(name): seconds for name, seconds in spent.items()}
        data["seconds_spent"] = parts | {"total": round(sum(spent.values()), 3)}
    if "pretraining/reconstruction_error" in run:
        data["pretraining"] = {
            "updates": run["pretrain_update"].tolist(),
            "reconstruction_error": run["pretraining/reconstruction_error"].tolist(),
        }
    if run.has_search:
        data["search"] = {name: run[f"search/{name}"].tolist() for name in ("lr", "valid_error")}
    return data


def _curve(run: Run, name: str) -> np.ndarray:
    """A curve of each seed, `(S, R)`, as the tables count it: at chance from where it diverged."""
    return error_curve(run, ERRORS[name]) if name in ERRORS else run[f"curves/{name}"]


def _records(run: Run) -> Iterator[dict[str, object]]:
    """Yield one number per line, with its run, table and place in the table."""
    name = run.label
    for curve in _CURVES:
        for seed, values in zip(run.seeds.tolist(), _curve(run, curve).tolist(), strict=True):
            for update, value in zip(run.updates.tolist(), values, strict=True):
                yield {
                    "run": name,
                    "quantity": curve,
                    "seed": seed,
                    "update": update,
                    "layer": None,
                    "value": value,
                }
    if "pretraining/reconstruction_error" in run:
        errors, updates = run["pretraining/reconstruction_error"], run["pretrain_update"].tolist()
        for (seed, layer, at), value in np.ndenumerate(errors):
            yield {
                "run": name,
                "quantity": "reconstruction_error",
                "seed": int(run.seeds[seed]),
                "update": updates[at],
                "layer": layer + 1,
                "value": float(value),
            }
    last = int(run.updates[-1])
    for layer in layer_summary.layers_at(run):
        for quantity, value in layer.values.items():
            if value == value:
                yield {
                    "run": name,
                    "quantity": quantity,
                    "update": last,
                    "layer": layer.number,
                    "value": value,
                }
