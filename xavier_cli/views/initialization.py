"""Builds the output of `probe`: layer statistics at initialization, measured and predicted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from xavier_cli.config.run import RunConfig
from xavier_cli.findings.expectation import STATISTICS, Agreement, Quantity, agreement
from xavier_cli.findings.layer_summary import factor_per_layer
from xavier_cli.runs.batch_normalization import normalization_notes
from xavier_cli.runs.record import Run
from xavier_cli.runs.same_start import same_start_note
from xavier_cli.statistics.estimate import over_seeds
from xavier_cli.theory.scope import unpredictable
from xavier_cli.views import numbers
from xavier_cli.views.end_to_end import end_to_end_sentence, end_to_end_values, examples_text
from xavier_cli.views.initializers import names_note
from xavier_cli.views.layers import GEOMETRIC
from xavier_cli.views.page import Column, Page, Table, clean
from xavier_cli.vocabulary.tensors import Tensor

SCHEMA = "xavier.probe/1"

# What has no room on a narrow screen, with its prediction: the lowest number goes first.
_OPTIONAL = {
    "activation_mean": 1,
    "backprop_step": 1,
    "weight_gradient_std": 1,
    "geometric_mean_singular_value": 1,
    "max_singular_value": 2,
    "rms_singular_value": 3,
}
# The signals whose change from layer to layer is said in a sentence; whether it goes up the layers, in words.
_SIGNALS = (
    ("activation_std", "activations", True, "going forward"),
    ("backprop_std", "back-propagated gradients", False, "going back"),
)


def initial_page(run: Run, expectation: Mapping[str, Quantity], path: Path) -> Page:
    """The tables of a `run` that has only record 0, in the file `path`."""
    config = run.config
    title = f"{config.data} {config.title}{config.title_suffix}, at initialization"
    over = "1 seed" if len(run.seeds) == 1 else f"mean over {len(run.seeds)} seeds; {GEOMETRIC}"
    whole = end_to_end_values(run)
    valid_loss = over_seeds(run["curves/valid_loss"]).center[0].item()
    tensors = dict.fromkeys(row.tensor for row in STATISTICS)
    match = agreement(expectation, len(run.seeds))
    tables = [_table(tensor, expectation, config.depth) for tensor in tensors]
    return Page(
        schema=SCHEMA,
        data={
            "run": str(path),
            "config": config.model_dump(mode="json"),
            "seeds": run.seeds.tolist(),
            "valid_loss": valid_loss,
            "end_to_end_singular_values": whole,
            "agreement": {"tested": match.tested, "differ": [vars(each) for each in match.differ]},
            "layers": {name: vars(quantity) for name, quantity in expectation.items()},
        },
        records=[
            {"run": str(path), "quantity": name, "layer": layer, "measured": m, "predicted": p, "sd": sd}
            for name, q in expectation.items()
            for layer, (m, p, sd) in enumerate(zip(q.measured, q.predicted, q.sd, strict=True), start=1)
        ],
        tables=tuple(table for table in tables if table.rows),
        notes=(*_answer(expectation, match), *_notes(run, whole, valid_loss, path)),
        title=f"{title} ({over})",
    )


def _table(tensor: Tensor, expectation: Mapping[str, Quantity], depth: int) -> Table:
    there = [row for row in STATISTICS if row.tensor == tensor and row.name in expectation]
    longest = max((len(expectation[row.name].measured) for row in there), default=0)
    columns = [Column("layer")]
    cells = [["output" if i == depth else f"hidden {i + 1}" for i in range(longest)]]
    for row in there:
        quantity, heading = expectation[row.name], row.heading(row.probe_column)
        if row.is_share:
            if any(quantity.measured) or not row.only_where_any:
                columns.append(Column(heading, "right"))
                cells.append(_filled([f"{100 * share:.1f}" for share in quantity.measured], longest))
            continue
        known = [*quantity.measured, *quantity.predicted]
        texts = numbers.column([value if math.isfinite(value) else math.nan for value in known])
        optional = _OPTIONAL.get(row.name, 0)
        columns.append(Column(heading, "right", optional=optional))
        cells.append(_filled(texts[: len(quantity.measured)], longest))
        if any(map(math.isfinite, quantity.predicted)):
            columns.append(Column("predicted", "right", optional=optional))
            predicted = texts[len(quantity.measured) :]
            cells.append(_filled(_with_deviation(predicted, quantity.sd), longest))
    return Table(tuple(columns), tuple(zip(*cells, strict=True)), title=tensor.title)


def _answer(expectation: Mapping[str, Quantity], match: Agreement) -> list[str]:
    """The tables in one or two sentences: how signals change per layer, and whether theory agrees."""
    said, predicted, verb = [], [], ""
    for name, subject, up, way in _SIGNALS:
        of = expectation.get(name)
        if of is None or len(of.measured) < 2 or not _all_positive(of.measured):
            continue
        shrinks, grows = (factor_per_layer(np.array(of.measured), up, each).item() for each in (True, False))
        if f"{max(shrinks, grows):.2f}" == "1.00":
            now, change = "keep", "keep their size"
        else:
            now = "shrink" if shrinks > grows else "grow"
            # `Activations shrink by a factor of 1.18 per layer going forward, gradients by 1.05 going back.`
            change = f"by {max(shrinks, grows):.3g}" if now == verb else _by_factor(now, max(shrinks, grows))
        said.append(f"{subject} {change} {way}")
        verb = now
        if _all_positive(of.predicted):
            theory = factor_per_layer(np.array(of.predicted), up, now == "shrink").item()
            predicted.append(f"{theory:.3g}")
    sentences = []
    if said:
        beside = f" (theory: {' and '.join(predicted)})" if len(predicted) == len(said) else ""
        text = ", ".join(said)
        sentences.append(f"{text[0].upper()}{text[1:]}{beside}.")
    if match.tested:
        sentences.append(_verdict(match))
    return [" ".join(sentences)] if sentences else []


def _all_positive(values: Sequence[float]) -> bool:
    return all(math.isfinite(value) and value > 0 for value in values)


def _by_factor(verb: str, factor: float) -> str:
    return f"{verb} by a factor of {factor:.3g} per layer"


def _verdict(match: Agreement) -> str:
    if not match.differ:
        return f"All {match.tested} measured statistics agree with theory: no difference is significant."
    rows = {row.name: row for row in STATISTICS}
    largest = match.differ[0]
    what = f"{rows[largest.name].spoken} of layer {largest.layer}, {100 * largest.relative:+.1f} %"
    if len(match.differ) == 1:
        return f"1 of {match.tested} statistics differs significantly from theory: {what}."
    return (
        f"{len(match.differ)} of {match.tested} statistics differ significantly from theory, most the {what}."
    )


def _with_deviation(predicted: Sequence[str], sd: Sequence[float]) -> list[str]:
    return [
        f"{text} ± {100 * each:.1f} %" if math.isfinite(each) else text
        for text, each in zip(predicted, sd, strict=True)
    ]


def _filled(cells: Sequence[str], length: int) -> list[str]:
    return [*cells, *[""] * (length - len(cells))]


def _why_unpredicted(config: RunConfig) -> str:
    if config.unpredicted_reason:
        return f"there is no theory for {config.unpredicted_reason}"
    why = unpredictable(config.layer_initializers, config.bias_initializer)
    return why or "weights or biases are not drawn around 0"


def _notes(run: Run, whole: Mapping[str, float], valid_loss: float, path: Path) -> list[str]:
    config = run.config
    predicted = any(name.startswith("theory/") for name in run.arrays)
    notes = [
        "±: how far one seed lies from the prediction, as a standard deviation over draws of the weights."
        if predicted
        else f"No predictions: {_why_unpredicted(config)}.",
        "Step up: std of the layer above over this layer's. One example's rms: what equation (7) "
        "predicts; std is of the mean over 300 examples, which is smaller.",
    ]
    if whole:
        notes.append(
            f"Jacobians are of {examples_text(run)}; layer 1's, from the input, stands apart. "
            f"{end_to_end_sentence(whole)}"
        )
    notes += filter(None, (names_note([config]), same_start_note(run)))
    notes += normalization_notes([run])
    if whole:
        notes += normalization_notes([run], jacobians=True)
    return [*notes, f"Loss before training: {numbers.fixed(valid_loss, 3)}.", clean(str(path))]
