"""Checks that a training of a configuration can have written a checkpoint: its counts, names, shapes, order.

Digests say that a file is as it was written, not that a training wrote it. The values of its weights cannot
be checked; everything by which they are counted and found is, before training resumes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from xavier_cli.config.run import RunConfig
from xavier_cli.runs import schema
from xavier_cli.runs.checkpoint import Checkpoint
from xavier_cli.runs.contradictions import is_duration, is_time, row_problem
from xavier_cli.runs.weights import Saved
from xavier_cli.training.engine.snapshot import PARAMETERS

_KEPT = f"history/weights/{PARAMETERS}/"
_STAGE = re.compile(r"(search|seeds)(_[0-9]{4,})?")
_STRATEGIES = ("map", "sharded", "vmap")


def problem(checkpoint: Checkpoint, config: RunConfig) -> str:
    """What in `checkpoint` no training of `config` can have written, in a few words; empty if nothing."""
    facts = checkpoint.facts
    if not isinstance(facts.get("machinery"), dict) or not _is_count(
        facts["machinery"].get("devices"), 2**20
    ):
        return "its machinery"
    if not facts["machinery"]["devices"] or not all(map(_is_fact, facts["machinery"].values())):
        return "its machinery"
    resumed = facts.get("resumed_at")
    if not isinstance(resumed, list) or not all(_is_count(at, config.updates) for at in resumed):
        return "its `resumed_at`"
    # Older versions did not tell when it was begun and resumed.
    began, times = facts.get("began", {}), facts.get("resumed_utc", [])
    if not isinstance(began, dict) or not all(map(_is_fact, began.values())):
        return "its `began`"
    if began and "utc" not in began:
        return "its `began`"
    if not isinstance(times, list) or not all(map(is_time, [*times, began["utc"]] if began else times)):
        return "its times"
    stages = facts.get("stages")
    if not isinstance(stages, dict) or not stages:
        return "its stages"
    by_stage: dict[str, dict[str, np.ndarray]] = {name: {} for name in stages}
    for path, array in checkpoint.arrays.items():
        name, _, rest = path.partition("/")
        if name not in by_stage:
            return f"`{path}`"
        by_stage[name][rest] = array
    for name, stage in stages.items():
        wrong = _stage_problem(stage, config) if _STAGE.fullmatch(name) else "no stage"
        wrong = wrong or _array_problem(by_stage[name], stage["updates"], config)
        if wrong:
            return f"`{name}`: {wrong}"
    return ""


def lacking_weights(checkpoint: Checkpoint, config: RunConfig, saved: Saved | None) -> Saved | None:
    """The choice of weights that `checkpoint`, which has no problem, lacks some of; None if it has all."""
    last = config.record_updates()[-1]
    for stage in checkpoint.facts["stages"] if saved else ():
        updates = checkpoint.arrays.get(f"{stage}/history/update", np.array([], np.int64)).tolist()
        earlier = sum(update != last for update in updates)
        kept = [
            len(array) for name, array in checkpoint.arrays.items() if name.startswith(f"{stage}/{_KEPT}")
        ]
        if saved == "records" and max(kept, default=0) < earlier:
            return "records"
        # All that a complete training without them leaves.
        of_state = any(name.startswith(f"{stage}/state/{PARAMETERS}/") for name in checkpoint.arrays)
        if updates[-1:] == [last] and not of_state:
            return saved
    return None


def _stage_problem(stage: Any, config: RunConfig) -> str:
    if not isinstance(stage, dict) or not isinstance(stage.get("layout"), dict):
        return "no layout"
    if not _is_count(stage.get("updates"), config.updates):
        return f"{stage.get('updates')} updates of {config.updates}"
    spent = stage.get("seconds_spent", {})
    if not isinstance(spent, dict):
        return "its `seconds_spent`"
    for seconds in (stage.get("seconds"), *spent.values()):
        if not is_duration(seconds):
            return f"{seconds} seconds"
    mesh = stage["layout"].get("mesh")
    if stage["layout"].get("strategy") not in _STRATEGIES or not isinstance(mesh, list):
        return "its layout"
    if len(mesh) != 2 or not all(_is_count(length, 2**20) and length for length in mesh):
        return "its layout"
    return ""


def _array_problem(arrays: Mapping[str, np.ndarray], done: int, config: RunConfig) -> str:
    """What is wrong with the arrays of a phase after `done` updates; names are without the phase's.

    The shapes of weights are compared with the network's where they are used.
    """
    diverged = arrays.get("state/diverged_at")
    if diverged is None or diverged.ndim != 2 or diverged.dtype.kind != "i":
        return "`diverged_at` is missing"
    if not ((diverged >= -1) & (diverged <= done)).all():
        return "`diverged_at` is no update"
    seeds, variants = diverged.shape
    history = {
        name.removeprefix("history/"): array for name, array in arrays.items() if name.startswith("history/")
    }
    records = config.record_updates()
    updates = history.get("update", np.array([], np.int64))
    if not _is_beginning(updates, records) or (updates.size and updates[-1] > done):
        return "its records"
    if updates.size and updates[-1] == records[-1] and done != records[-1]:
        return f"complete after {done} updates"
    # The record at the last update may not be stored yet.
    if len(updates) < sum(record < done for record in records):
        return f"{len(updates)} records after {done} updates"
    lengths = {
        "layer": config.depth,
        "weight_layer": config.depth + 1,
        "percentile": len(schema.PERCENTILES),
    }
    earlier = sum(update != records[-1] for update in updates.tolist())
    for name, array in history.items():
        group, _, path = name.partition("/")
        if group == "weights" and (
            array.dtype != np.float32 or array.shape[:3] != (earlier, seeds, variants)
        ):
            return f"`{name}`"
        if group == "record":
            dims = schema.DATASETS[path].dims if path in schema.DATASETS else ()
            shape = (len(updates), seeds, variants, *(lengths.get(dim, -1) for dim in dims[2:]))
            if dims[:2] != ("seed", "update") or len(array.shape) != len(shape):
                return f"`{path}`"
            if any(wanted not in (-1, length) for length, wanted in zip(array.shape, shape, strict=True)):
                return f"`{path}` of shape {array.shape}"
            if array.dtype.kind not in "if":
                return f"`{path}`"
            if wrong := row_problem(path, array):
                return wrong
    curves = (name for name in schema.REQUIRED if name.startswith("curves/"))
    if updates.size and (absent := [name for name in curves if f"record/{name}" not in history]):
        return f"`{absent[0]}` is missing"
    return _jacobian_problem(history, updates, (seeds, variants), config) or _rest(
        history, (seeds, variants), config
    )


def _jacobian_problem(
    history: Mapping[str, np.ndarray], updates: np.ndarray, members: tuple[int, int], config: RunConfig
) -> str:
    at = history.get("jacobian_update", np.array([], np.int64))
    if not _is_beginning(at, config.jacobian_updates()) or not np.isin(at, updates).all():
        return "its Jacobians' records"
    values, is_custom = history.get("jacobian_values"), config.network.is_users
    averages = {name: array for name, array in history.items() if name.startswith("jacobian_average/")}
    if not at.size:
        return "Jacobians without records" if values is not None or averages else ""
    leading = (len(at), *members)
    if not is_custom and (values is None or values.ndim != 5 or values.shape[:4] != (*leading, config.depth)):
        return "its Jacobians"
    for name, array in averages.items():
        path = f"jacobian/{name.partition('/')[2]}_singular_value"
        per_layer = path in schema.DATASETS and "layer" in schema.dims(path)
        if path not in schema.DATASETS or array.shape != (*leading, *([config.depth] if per_layer else [])):
            return f"`{name}`"
    return ""


def _rest(history: Mapping[str, np.ndarray], members: tuple[int, int], config: RunConfig) -> str:
    """What is wrong with the classified test examples and pre-training."""
    correct = history.get("test_correct")
    if correct is not None and (
        correct.shape[:2] != members or correct.ndim != 3 or not np.isin(correct, (0, 1)).all()
    ):
        return "`test_correct`"
    pretrained, errors = history.get("pretrained"), history.get("reconstruction_errors")
    most = config.depth * config.pretrain_updates if config.pretrain != "none" else 0
    if pretrained is not None and (pretrained.shape != (1,) or not 0 <= pretrained[0] <= most):
        return "its pre-training"
    shape = (*members, config.depth, len(config.pretrain_records()))
    if (pretrained is None) != (errors is None) or (errors is not None and errors.shape != shape):
        return "its pre-training"
    return ""


def _is_beginning(values: np.ndarray, of: Sequence[int]) -> bool:
    return values.ndim == 1 and values.dtype.kind == "i" and values.tolist() == list(of[: len(values)])


def _is_fact(value: object) -> bool:
    """A number, or a short word that can be shown."""
    return isinstance(value, int) or (isinstance(value, str) and len(value) < 200 and value.isprintable())


def _is_count(value: object, most: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most
