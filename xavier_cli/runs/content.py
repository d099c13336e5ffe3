"""Encodes a run as the contents of a file: arrays as stored, their digests, the texts beside them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, get_args

import numpy as np

from xavier_cli.config.run import RunConfig
from xavier_cli.errors import ConfigError
from xavier_cli.runs import contradictions, kinds, marks, schema
from xavier_cli.runs.dataset import Schema
from xavier_cli.runs.errors import RunFileError
from xavier_cli.runs.record import Run, Status
from xavier_cli.runs.result import Result, ResultConfig
from xavier_cli.sanitize import utf8, utf8_throughout
from xavier_cli.vocabulary.datasets import DatasetInfo
from xavier_cli.vocabulary.network_info import NetworkInfo

# Every dataset that a file of ours may hold.
ROWS = schema.DATASETS | kinds.DATASETS

# The root attributes that reading needs, those that older files lack, and those for people and other
# programs, which have to be texts all the same.
LATER_TEXTS = ("data_json", "network_json", marks.ATTRIBUTE)
PEOPLES_TEXTS = ("title", "Conventions")
HEADER_TEXTS = ("status", "created_utc", "config_json", "config_sha256", "digests_json", "provenance_json")


class Header(NamedTuple):
    """All of a run but its arrays, and the arrays' digests by path."""

    config: RunConfig | ResultConfig
    status: Status
    created_utc: str
    provenance: dict[str, Any]
    digests: dict[str, object]
    data: DatasetInfo | None = None
    network: NetworkInfo | None = None
    tags: tuple[str, ...] = ()
    note: str = ""


def schema_of(config: RunConfig | ResultConfig) -> Schema:
    """Which of the tables a file of `config` follows."""
    return kinds.kind_of_config(config).schema if isinstance(config, ResultConfig) else schema.SCHEMA


def problem(config: RunConfig | ResultConfig, shapes: Mapping[str, tuple[int, ...]], partial: bool) -> str:
    """What is wrong with datasets of these shapes under `config`; see `Schema.problem`."""
    if isinstance(config, ResultConfig):
        return kinds.kind_of_config(config).problem(config, shapes, partial)
    return schema.problem(config, shapes, partial)


def as_stored(run: Run | Result) -> dict[str, np.ndarray]:
    """The arrays of `run` with the types of the schema, scales first.

    Raises `ValueError` where `run` does not follow the schema, a number does not fit its type, or cannot be.
    """
    shapes = {name: np.shape(array) for name, array in run.arrays.items()}
    wrong = problem(run.config, shapes, partial=False)
    if wrong:
        raise ValueError(wrong)
    stored = {}
    for name in sorted(run.arrays, key=lambda name: (not ROWS[name].is_scale, name)):
        array, dtype = np.asarray(run.arrays[name]), np.dtype(ROWS[name].dtype)
        if not np.can_cast(array.dtype, dtype, "same_kind"):
            raise ValueError(f"`{name}` is {array.dtype}, not {dtype}")
        # What single precision cannot hold is stored as infinite, as the network has it.
        with np.errstate(over="ignore"):
            stored[name] = np.ascontiguousarray(array.astype(dtype))
        if dtype.kind != "f" and not np.array_equal(stored[name], array):
            raise ValueError(f"`{name}` does not fit {dtype}")
    facts = run.data if isinstance(run, Run) else None
    wrong = contradictions.problem(run.config, stored, run.status, facts)
    wrong = wrong or (contradictions.facts_problem(facts) if facts else "")
    if wrong:
        raise ValueError(wrong)
    return stored


def texts(run: Run | Result, digests: Mapping[str, str]) -> dict[str, str]:
    """The root attributes of `run` that are text, none empty."""
    created = run.created_utc or datetime.now(UTC).isoformat(timespec="milliseconds")
    if wrong := contradictions.time_problem(created):
        raise ValueError(f"`created_utc` {wrong}")
    facts = {"data_json": run.data.to_json()} if isinstance(run, Run) and run.data else {}
    if isinstance(run, Run) and run.network:
        facts["network_json"] = run.network.to_json()
    if isinstance(run, Run) and (run.tags or run.note):
        facts[marks.ATTRIBUTE] = marks.to_json(run.tags, run.note)
    return facts | {
        "title": utf8(_title(run.config)),
        "Conventions": schema.CONVENTIONS,
        "created_utc": created,
        "status": run.status,
        "config_json": run.config.to_json(),
        "config_sha256": hashlib.sha256(run.config.to_json().encode()).hexdigest(),
        "digests_json": json.dumps(digests, sort_keys=True),
        "provenance_json": json.dumps(utf8_throughout(dict(run.provenance)), sort_keys=True),
    }


def _title(config: RunConfig | ResultConfig) -> str:
    if isinstance(config, ResultConfig):
        return config.title
    return f"{config.dataset.stem} {config.title}".replace("×", "x").replace(", ", " ")


def header(path: Path, text: Mapping[str, str]) -> Header:
    """What the `HEADER_TEXTS` of the file at `path` say.

    Raises `RunFileError`, or `ValueError` where a text is not of its form.
    """
    if hashlib.sha256(text["config_json"].encode()).hexdigest() != text["config_sha256"]:
        raise RunFileError(path, "is damaged: its configuration does not match its digest")
    digests, provenance = json.loads(text["digests_json"]), json.loads(text["provenance_json"])
    kind = kinds.kind_of_datasets(digests)
    of: type[RunConfig | ResultConfig] = kind.config_type if kind else RunConfig
    try:
        config = of.from_json(text["config_json"])
    except ConfigError as error:
        raise RunFileError(path, f"its configuration is not known here: {error}") from error
    for status in get_args(Status):
        if status == text["status"] and isinstance(digests, dict) and isinstance(provenance, dict):
            if wrong := contradictions.time_problem(text["created_utc"]):
                raise ValueError(f"`created_utc` {wrong}")
            facts = DatasetInfo.from_json(text["data_json"]) if "data_json" in text else None
            if facts and (wrong := contradictions.facts_problem(facts)):
                raise ValueError(f"its data set {wrong}")
            if wrong := contradictions.provenance_problem(provenance):
                raise ValueError(f"its provenance {wrong}")
            network = NetworkInfo.from_json(text["network_json"]) if "network_json" in text else None
            if wrong := contradictions.network_problem(config, network):
                raise ValueError(f"its network {wrong}")
            told = marks.from_json(text[marks.ATTRIBUTE]) if marks.ATTRIBUTE in text else ((), "")
            return Header(config, status, text["created_utc"], provenance, digests, facts, network, *told)
    raise RunFileError(path, "is damaged: its attributes make no sense")
