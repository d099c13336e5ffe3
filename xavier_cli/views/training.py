"""Builds the output of `train`: errors over seeds, layers, and the path of the run."""

from __future__ import annotations

from pathlib import Path

from xavier_cli.findings import scores
from xavier_cli.findings.layer_summary import layers_at
from xavier_cli.runs.batch_normalization import normalization_notes
from xavier_cli.runs.record import Run
from xavier_cli.runs.same_start import same_start_note
from xavier_cli.statistics.estimate import mean_over_seeds
from xavier_cli.views import numbers
from xavier_cli.views.layers import layer_notes, layers_table
from xavier_cli.views.page import Column, Page, Table, clean
from xavier_cli.vocabulary.grammar import show_value

SCHEMA = "xavier.train/1"
# At most so many classes are named.
SHOWN = 10


def result_page(run: Run, path: Path) -> Page:
    """The tables of a trained run, in the file `path`."""
    config = run.config
    test, valid = scores.final_error(run, "test"), scores.final_error(run, "valid")
    estimates = mean_over_seeds(test), mean_over_seeds(valid)
    rate = f", lr {show_value(run.lr)}" if config.applies("lr") else ""
    title = f"{config.data} {config.title}{rate}{config.title_suffix}"
    heads = [
        Column("updates", "right"),
        Column("N", "right"),
        Column("test error %"),
        Column("valid error %"),
    ]
    cells = [f"{int(run.updates[-1]):,}", str(len(run.seeds)), *numbers.percents(estimates)]
    if run.diverged.any():
        heads.insert(2, Column("diverged", "right"))
        cells.insert(2, str(int(run.diverged.sum())))
    errors = Table(tuple(heads), (tuple(cells),), title=title)
    notes = [f"±: 95 % t-interval of the mean over {len(run.seeds)} seeds."] if len(run.seeds) > 1 else []
    notes.append(f"Chance level: {100 * run.facts.guessing_error:.1f} % error.")
    notes += layer_notes(run)
    notes += [note] if (note := same_start_note(run)) else []
    notes += [*_stood_in(run), *normalization_notes([run])]
    return Page(
        schema=SCHEMA,
        data={
            "run": str(path),
            "status": run.status,
            "config": config.model_dump(mode="json"),
            "lr": run.lr,
            "seeds": run.seeds.tolist(),
            "test_error": test.tolist(),
            "valid_error": valid.tolist(),
            "diverged_at": run["final/diverged_at"].tolist(),
            "layers": [layer.record() for layer in layers_at(run)],
        },
        records=[
            {"run": str(path), "seed": seed, "test_error": t, "valid_error": v}
            for seed, t, v in zip(run.seeds.tolist(), test.tolist(), valid.tolist(), strict=True)
        ],
        tables=(errors, layers) if (layers := layers_table(run)) else (errors,),
        notes=(*notes, clean(str(path))),
    )


def _stood_in(run: Run) -> list[str]:
    """Describes a data set that is not built in: sizes and classes."""
    facts = run.facts
    if run.config.dataset.builtin is not None or facts.train is None:
        return []
    names = ", ".join(clean(name) for name in facts.labels[:SHOWN]) + ", …" * (len(facts.labels) > SHOWN)
    counts = f"{facts.train:,} training, {facts.valid:,} validation, {facts.test:,} test examples"
    classes = f"{facts.classes:,} class{'es' * (facts.classes != 1)}"
    return [f"{clean(facts.name)}: {classes} ({names}), {counts}."]
