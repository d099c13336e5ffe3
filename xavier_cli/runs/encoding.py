"""Encodes runs, other results, checkpoints and diagnoses as JSON and plain arrays for the reader process.

The decoder trusts nothing: the other process may have been taken over by the file that it read. No pickle,
and nothing that names code; every text, type and shape is checked.
"""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, get_args

import numpy as np

from xavier_cli.config.experiments import read_config
from xavier_cli.config.run import RunConfig
from xavier_cli.runs import content, kinds, marks
from xavier_cli.runs.dataset import MAX_FILE_BYTES
from xavier_cli.runs.errors import NoTrainingError, ResumeError, RunFileError
from xavier_cli.runs.record import Run, Status
from xavier_cli.runs.result import Result, ResultConfig
from xavier_cli.vocabulary.datasets import DatasetInfo
from xavier_cli.vocabulary.network_info import NetworkInfo

MAX_JSON_BYTES = 2**25
MAX_ARRAYS = 20_000
# Those of run files and other results, and of the random keys in a checkpoint.
_TYPES = {np.dtype(row.dtype).str for row in content.ROWS.values()} | {"<u4"}
_LENGTH = struct.Struct("<Q")
_ERRORS: dict[str, type[RunFileError]] = {"file": RunFileError, "no training": NoTrainingError}

Data = dict[str, Any]


def send(descriptor: int, data: Mapping[str, Any], arrays: Sequence[np.ndarray]) -> None:
    """Write `data`, what JSON can hold, and then the numbers of `arrays`."""
    forms = [[array.dtype.str, list(array.shape)] for array in arrays]
    text = json.dumps({"data": data, "arrays": forms}).encode()
    pieces = [memoryview(_LENGTH.pack(len(text))), memoryview(text), *map(_bytes_of, arrays)]
    for piece in pieces:
        rest = piece
        while rest:
            rest = rest[os.write(descriptor, rest) :]


def receive(read_into: Callable[[memoryview], None]) -> tuple[Data, list[np.ndarray]]:
    """What `send` was given; `read_into` fills a piece of memory with what comes next.

    Raises `ValueError` where it is nothing that `send` writes.
    """
    length = bytearray(_LENGTH.size)
    read_into(memoryview(length))
    (size,) = _LENGTH.unpack(length)
    if size > MAX_JSON_BYTES:
        raise ValueError("an answer that is too long")
    text = bytearray(size)
    read_into(memoryview(text))
    try:
        message = json.loads(text)
    except RecursionError:
        raise ValueError("an answer that is too deep") from None
    data, forms = message["data"], message["arrays"]
    if len(forms) > MAX_ARRAYS:
        raise ValueError("too many arrays")
    shapes = []
    for dtype, shape in forms:
        if dtype not in _TYPES or not all(isinstance(n, int) and 0 <= n <= MAX_FILE_BYTES for n in shape):
            raise ValueError("an array of no known type or shape")
        shapes.append((np.dtype(dtype), tuple(shape)))
    if sum(dtype.itemsize * math.prod(shape) for dtype, shape in shapes) > MAX_FILE_BYTES:
        raise ValueError("arrays that take too much memory")
    arrays = []
    for dtype, shape in shapes:
        array = np.empty(shape, dtype)
        read_into(_bytes_of(array))
        arrays.append(array)
    return data, arrays


def _bytes_of(array: np.ndarray) -> memoryview:
    """The numbers of a contiguous array as they lie in memory."""
    return np.ascontiguousarray(array).reshape(-1).view(np.uint8).data


def to_data(answer: object) -> tuple[Data, list[np.ndarray]]:
    """What `from_data` makes the same answer of; also of the errors that reading raises."""
    if isinstance(answer, Run | Result):
        config: RunConfig | ResultConfig = answer.config
        data = {
            "kind": "run" if isinstance(answer, Run) else answer.kind,
            "config": config.to_json(),
            "status": answer.status,
            "created_utc": answer.created_utc,
            "provenance": dict(answer.provenance),
            "names": list(answer.arrays),
        }
        if isinstance(answer, Run) and (answer.tags or answer.note):
            data |= {"tags": list(answer.tags), "note": answer.note}
        if isinstance(answer, Run) and answer.data:
            data["data"] = answer.data.to_json()
        if isinstance(answer, Run) and answer.network:
            data["network"] = answer.network.to_json()
        return data, list(answer.arrays.values())
    if isinstance(answer, ResumeError):
        return {"kind": "resume", "reason": str(answer)}, []
    if isinstance(answer, RunFileError):
        error = "no training" if isinstance(answer, NoTrainingError) else "file"
        return {"kind": "refused", "error": error, "reason": answer.reason}, []
    # Here alone: the process that asks for runs does without HDF5.
    from xavier_cli.runs.checkpoint import Checkpoint
    from xavier_cli.runs.rescue import Diagnosis

    if isinstance(answer, Checkpoint):
        facts = {"identity": dict(answer.identity), "facts": dict(answer.facts)}
        return {"kind": "checkpoint", **facts, "names": list(answer.arrays)}, list(answer.arrays.values())
    assert isinstance(answer, Diagnosis)
    rescued, arrays = to_data(answer.rescued) if answer.rescued else (None, [])
    plain = {name: value for name, value in vars(answer).items() if name not in ("path", "kind", "rescued")}
    plain |= {"parts": [[part.name, part.state, part.reason] for part in answer.parts]}
    return {"kind": "diagnosis", **plain, "rescued": rescued, "of": answer.kind}, arrays


def from_data(path: Path, question: str, data: Data, arrays: Sequence[np.ndarray]) -> Any:
    """The answer to `question` about the file at `path` that `to_data` made `data` and `arrays` of.

    Raises `ValueError`, `KeyError` or `TypeError` where they are nothing that it makes.
    """
    kind = data["kind"]
    if kind not in (question, "refused") and (kind, question) != ("resume", "checkpoint"):
        raise ValueError("an answer to something else")
    if kind == "refused":
        return _ERRORS[data["error"]](path, _text(data["reason"]))
    if kind == "resume":
        return ResumeError(_text(data["reason"]))
    if kind == "checkpoint":
        from xavier_cli.runs.checkpoint import ARRAY_NAME, Checkpoint

        identity, facts = _object(data["identity"]), _object(data["facts"])
        return Checkpoint(identity, facts, _named(data["names"], arrays, ARRAY_NAME.fullmatch))
    if kind == "diagnosis":
        from xavier_cli.runs.rescue import Diagnosis, Kind, Part, State

        rescued = None
        if data["rescued"] is not None:
            kind = _object(data["rescued"])["kind"]
            if kind not in ("run", *kinds.RESULTS):
                raise ValueError("a rescue that is none")
            rescued = from_data(path, kind, data["rescued"], arrays)
            if isinstance(rescued, RunFileError):
                raise ValueError("a rescue that is none")
        return Diagnosis(
            path,
            _one_of(Kind, data["of"]),
            bool(data["is_whole"]),
            problem=_text(data["problem"]),
            about=_text(data["about"]),
            parts=tuple(
                Part(_text(name), _one_of(State, state), _text(why)) for name, state, why in data["parts"]
            ),
            strangers=tuple(map(_text, data["strangers"])),
            rescued=None if rescued is None else replace(rescued, path=None),
            missed=_text(data["missed"]),
        )
    named = _named(data["names"], arrays, content.ROWS.__contains__)
    for name, array in named.items():
        if array.dtype != np.dtype(content.ROWS[name].dtype):
            raise ValueError(f"`{name}` of another type")
    status, created = _one_of(Status, data["status"]), _text(data["created_utc"])
    datetime.fromisoformat(created)
    provenance = _object(data["provenance"])
    if kind in kinds.RESULTS:
        result = kinds.RESULTS[kind]
        config = result.config_type.from_json(_text(data["config"]))
        _refuse_shapes(config, named)
        return result(config, named, status, created, provenance, path)
    if kind != "run":
        raise ValueError("an answer of no known kind")
    about = DatasetInfo.from_json(_text(data["data"])) if "data" in data else None
    network = NetworkInfo.from_json(_text(data["network"])) if "network" in data else None
    of = read_config(_text(data["config"]))
    _refuse_shapes(of, named)
    tags, note = marks.believed(data.get("tags"), data.get("note"))
    return Run(
        of, named, status, created, provenance, path, data=about, network=network, tags=tags, note=note
    )


def _refuse_shapes(config: RunConfig | ResultConfig, named: Mapping[str, np.ndarray]) -> None:
    if wrong := content.problem(config, {name: array.shape for name, array in named.items()}, partial=True):
        raise ValueError(wrong)


def _named(
    names: Sequence[str], arrays: Sequence[np.ndarray], is_name: Callable[[str], object]
) -> dict[str, np.ndarray]:
    if not all(isinstance(name, str) and is_name(name) for name in names):
        raise ValueError("an array without a known name")
    return dict(zip(names, arrays, strict=True))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def _object(value: object) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise TypeError("no object")
    return value


def _one_of(choices: Any, value: object) -> Any:
    for choice in get_args(choices):
        if choice == value:
            return choice
    raise ValueError("no known word")
