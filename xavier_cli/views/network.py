"""Builds the output of `probe --net`: a custom network's layers, how they were drawn, what passes them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from xavier_cli.config.custom_networks import layer_rows
from xavier_cli.findings.health import Diagnosis
from xavier_cli.findings.layer_summary import factor_per_layer
from xavier_cli.runs.batch_normalization import normalization_notes
from xavier_cli.runs.layer_names import elided
from xavier_cli.runs.record import Run
from xavier_cli.statistics.estimate import Mean, over_seeds
from xavier_cli.views import numbers
from xavier_cli.views.end_to_end import end_to_end_sentence, end_to_end_values, examples_text
from xavier_cli.views.findings import finding_records, findings_table
from xavier_cli.views.folding import pattern, shared_name, span_of
from xavier_cli.views.page import Cell, Column, Page, Table, clean
from xavier_cli.views.redrawn import redrawn_sentences
from xavier_cli.vocabulary.network_info import Drawn, LayerInfo, NetworkInfo, ParameterInfo
from xavier_cli.vocabulary.networks import AS_MADE

SCHEMA = "xavier.probe.network/1"
LONGEST_NAME = 28
"""Characters of a layer's name in the table; programs get all of it."""
ROWS_UNFOLDED = 30
"""Networks of more layers are shown with layers that are alike in one row."""

# What is shown of each layer: path in the run file, its mean over seeds, its JSON name and its head.
_MEASURED: tuple[tuple[str, Mean, str, str, int], ...] = (
    ("weight/std", "arithmetic", "weight_std", "std of W", 0),
    ("entering/std", "arithmetic", "entering_std", "std in", 2),
    ("leaving/std", "arithmetic", "leaving_std", "out", 0),
    ("backprop/std", "geometric", "backprop_std", "dC/ds", 0),
    ("weight_gradient/std", "geometric", "weight_gradient_std", "dC/dW", 1),
)


@dataclass(frozen=True)
class _Row:
    """One layer, or several that are alike: their numbers, and the values measured of them by JSON name.

    `init` and `bias_init` are the initializers that drew them, or `network`.
    """

    numbers: tuple[int, ...]
    layer: LayerInfo
    name: str
    init: str
    bias_init: str
    values: Mapping[str, tuple[float, ...]]
    drawn: tuple[Drawn | None, ...]


def network_page(run: Run, diagnosis: Diagnosis, path: Path, *, unfold: bool = False) -> Page:
    """The tables of `run`, of a custom network with record 0 alone, in the file `path`.

    `unfold` gives every layer a row of its own.
    """
    info, config = run.network, run.config
    assert info is not None
    measured = {json: _means(run, path, mean) for path, mean, json, _, _ in _MEASURED}
    asked = layer_rows(config, info.layers)
    rows = [
        _Row(
            (at + 1,),
            layer,
            layer.name,
            asked.weights[at].name,
            asked.biases[at].name if layer.bias else AS_MADE,
            {name: (each[at],) for name, each in measured.items()},
            (layer.drawn,),
        )
        for at, layer in enumerate(info.layers)
    ]
    folded = rows if unfold or len(rows) <= ROWS_UNFOLDED else _folded(rows)
    seeds = len(run.seeds)
    over = "1 seed" if seeds == 1 else f"means over {seeds} seeds; gradients: geometric"
    # Whether a network trains well is not asked of one before training.
    shown = replace(
        diagnosis, findings=tuple(each for each in diagnosis.findings if not each.rule.leaves_open)
    )
    found = findings_table(run, shown)
    advice = dict.fromkeys(each.seen.advice for each in shown.findings if each.seen.advice)
    loss = over_seeds(run["curves/valid_loss"]).center[0].item()
    whole = end_to_end_values(run)
    return Page(
        schema=SCHEMA,
        data={
            "run": str(path),
            "config": config.model_dump(mode="json"),
            "seeds": run.seeds.tolist(),
            "framework": info.framework,
            "valid_loss": loss,
            "end_to_end_singular_values": whole,
            "layers": [_record(row) for row in rows],
            "parameters": [each.model_dump(mode="json") for each in info.parameters],
            "unseen": list(info.unseen),
            "findings": finding_records(diagnosis),
        },
        records=[_flat(_record(row)) for row in rows],
        tables=(
            _layers_table(folded, f"weight layers ({over})"),
            *_others_table(info),
            *([found] if found else []),
        ),
        notes=(
            *_answer(run),
            *([end_to_end_sentence(whole, examples_text(run))] if whole else []),
            *([] if shown.findings else ["No problems found before training."]),
            *([_NEAREST] if any(map(_has_own_scale, info.layers)) else []),
            *redrawn_sentences(asked, info),
            *info.unseen,
            *info.notes,
            *([] if folded is rows else ["Layers that are alike share a row; `--unfold` lists every one."]),
            *normalization_notes([run]),
            *(f"Try `{command}`" for command in advice),
            # Before training, running averages may be of nothing.
            *([f"Loss before training: {numbers.fixed(loss, 3)}."] if math.isfinite(loss) else []),
            clean(str(path)),
        ),
        title=f"{config.data} {config.title}{config.title_suffix}, at initialization ({info.framework})",
    )


def _means(run: Run, path: str, mean: Mean) -> list[float]:
    """The estimate over seeds of each weight layer's statistic; NaN where it is not recorded."""
    known = over_seeds(run[path], mean).center[0].tolist() if path in run else []
    return [*known, *[math.nan] * (run.config.weight_layers - len(known))]


def _folded(rows: Sequence[_Row]) -> list[_Row]:
    """`rows` with those in one that differ in numbers of their names alone, in the order of their firsts."""
    alike: dict[tuple[object, ...], list[_Row]] = {}
    for row in rows:
        names = row.drawn[0].names[:1] if row.drawn[0] else ()
        kind = (
            pattern(row.name),
            row.layer.kind,
            row.layer.shape,
            row.layer.fan_in,
            row.layer.fan_out,
            names,
            row.init,
            row.bias_init,
        )
        alike.setdefault(kind, []).append(row)
    return [
        _Row(
            tuple(number for row in group for number in row.numbers),
            group[0].layer,
            shared_name([row.name for row in group]),
            group[0].init,
            group[0].bias_init,
            {name: tuple(value for row in group for value in row.values[name]) for name in group[0].values},
            tuple(drawn for row in group for drawn in row.drawn),
        )
        for group in alike.values()
    ]


def _layers_table(rows: Sequence[_Row], title: str) -> Table:
    columns = [Column("layer", "right"), Column("name")]
    cells: list[list[Cell | str]] = [
        [span_of(row.numbers) for row in rows],
        [elided(row.name, LONGEST_NAME) for row in rows],
    ]
    if len({row.layer.kind for row in rows}) > 1:
        columns.append(Column("kind", optional=1))
        cells.append([_KINDS[row.layer.kind] for row in rows])
    columns += [Column("shape", optional=3), Column("fans", optional=4)]
    cells += [
        ["×".join(map(str, row.layer.shape)) for row in rows],
        [f"{row.layer.fan_in}, {row.layer.fan_out}" for row in rows],
    ]
    columns.append(Column("drawn from", wraps=True))
    cells.append([drawn_text(row.layer.drawn) for row in rows])
    for _, _, name, head, optional in _MEASURED:
        columns.append(Column(head, "right", optional=optional))
        cells.append(list(_spans([row.values[name] for row in rows])))
        if name == "weight_std":
            columns.append(Column("named", "right", optional=5))
            cells.append(list(_spans([_named(row.drawn) for row in rows])))
    return Table(tuple(columns), tuple(zip(*cells, strict=True)), title=title)


_KINDS = {"dense": "dense", "convolution": "conv", "transposed convolution": "conv transposed"}


_NEAREST = (
    "named: the std that the distribution has for the layer's own fans; where it has a scale of its own, as "
    "`normal:std=0.02`, that of the named one which is nearest."
)


def _has_own_scale(layer: LayerInfo) -> bool:
    drawn = layer.drawn
    return (
        drawn is not None
        and drawn.named_std is not None
        and drawn.fans is None
        and drawn.nearest not in drawn.names
    )


def _named(drawn: Sequence[Drawn | None]) -> tuple[float, ...]:
    """The standard deviations of the named distributions that are nearest."""
    return tuple(math.nan if each is None or each.named_std is None else each.named_std for each in drawn)


def drawn_text(drawn: Drawn | None) -> str:
    """What a parameter may have been drawn from, in words."""
    if drawn is None:
        return "not measured"
    # Where fans are equal several names are one distribution: programs get all.
    others = len(drawn.names) - 1
    return (
        drawn.model_copy(update={"names": (f"{drawn.names[0]} or {others} others",)}).text
        if others > 1
        else drawn.text
    )


def _spans(values: Sequence[Sequence[float]]) -> list[str]:
    """Each row's value, or from its smallest to its largest."""
    ends = [
        (min(known), max(known))
        if (known := [each for each in row if math.isfinite(each)])
        else (math.nan,) * 2
        for row in values
    ]
    return [_span(low, high) for low, high in ends]


def _span(low: float, high: float) -> str:
    if low == high or math.isnan(low):
        return numbers.column([low])[0]
    a, b = (f"{each:.2g}" for each in (low, high))
    return a if a == b else f"{a}–{b}"


def _others_table(info: NetworkInfo) -> list[Table]:
    """The parameters that no layer is named by, those alike in one row."""
    alike: dict[tuple[object, ...], list[ParameterInfo]] = {}
    for each in info.others:
        kind = (pattern(each.name), each.role, drawn_text(each.drawn))
        alike.setdefault(kind, []).append(each)
    if not alike:
        return []
    rows = tuple(
        (
            elided(shared_name([each.name for each in group]), LONGEST_NAME),
            group[0].role,
            " ".join(dict.fromkeys("×".join(map(str, each.shape)) or "1" for each in group)),
            str(sum(math.prod(each.shape) for each in group)),
            drawn_text(group[0].drawn),
        )
        for group in alike.values()
    )
    columns = (
        Column("name"),
        Column("role"),
        Column("shape", optional=1),
        Column("numbers", "right", optional=2),
        Column("drawn from", wraps=True),
    )
    return [Table(columns, rows, title="other parameters")]


def _answer(run: Run) -> list[str]:
    """How signals change per weight layer, in a sentence; the last layer's scale is the logits'."""
    said = []
    for path, up, subject, way in (
        ("leaving/std", True, "signals", "going forward"),
        ("backprop/std", False, "back-propagated gradients", "going back"),
    ):
        values = np.array(_means(run, path, "geometric"))[:-1]
        values = values[np.isfinite(values)]
        if len(values) < 2 or not (values > 0).all():
            continue
        shrinks, grows = (factor_per_layer(values, up, each).item() for each in (True, False))
        if f"{max(shrinks, grows):.2f}" == "1.00":
            said.append(f"{subject} keep their size {way}")
        else:
            said.append(
                f"{subject} {'shrink' if shrinks > grows else 'grow'} by a factor of "
                f"{max(shrinks, grows):.3g} per layer {way}"
            )
    text = ", ".join(said)
    return [f"{text[0].upper()}{text[1:]}."] if said else list(_opening(run))


def _opening(run: Run) -> Iterator[str]:
    """Why gradients are 0 before training, where the output layer starts at 0 as some do on purpose."""
    weights, gradients = (_means(run, path, "arithmetic") for path in ("weight/std", "backprop/std"))
    drawn = run.network.layers[-1].drawn if run.network else None
    if weights[-1] == 0 and drawn and drawn.names == ("zeros",) and not any(each > 0 for each in gradients):
        name = run.network.layers[-1].name if run.network else ""
        yield (
            f"`{clean(name)}` starts at 0, so that no gradient passes it before the first update: dC/ds says "
            "nothing of the layers below."
        )


def _record(row: _Row) -> dict[str, Any]:
    content = row.layer.model_dump(mode="json")
    values = {name: None if math.isnan(of[0]) else of[0] for name, of in row.values.items()}
    return {
        "number": row.numbers[0],
        **content,
        **values,
        "init": row.init,
        "bias_init": row.bias_init,
    }


def _flat(record: dict[str, Any]) -> dict[str, object]:
    """A layer as a line of CSV."""
    drawn = record["drawn"] or {}
    simple = {name: value for name, value in record.items() if name not in ("drawn", "bias_drawn")}
    simple |= {name: " ".join(map(str, simple[name])) for name in ("shape", "applied")}
    return simple | {"drawn_from": " or ".join(drawn.get("names", ()))}
