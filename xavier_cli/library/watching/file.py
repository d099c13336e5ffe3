"""Publishes a watched training as a run file, whole each time, and takes up one that is there already."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from xavier_cli.config.run import RunConfig
from xavier_cli.errors import ConfigError
from xavier_cli.library.watching.settings import other_settings
from xavier_cli.runs.errors import ResumeError
from xavier_cli.runs.reader import read_run
from xavier_cli.runs.record import Run, Status
from xavier_cli.runs.store import write_run
from xavier_cli.runs.watched import Record, records_of, watched_run
from xavier_cli.version import __version__
from xavier_cli.vocabulary.datasets import DatasetInfo
from xavier_cli.vocabulary.network_info import NetworkInfo

_LEAST_SHARE = 100
"""A file is published again once so many times as long has passed as publishing took."""


def checked_path(path: str | os.PathLike[str]) -> Path:
    """The path of a run file that can be made; raises `ConfigError`."""
    place = Path(path)
    if place.suffix != ".h5":
        raise ConfigError(f"path: `{place}` is to end in `.h5`, as run files do")
    if place.is_dir():
        raise ConfigError(f"path: `{place}` is a folder: give a file in it")
    folder = place.parent
    if not folder.is_dir() and not folder.parent.is_dir():
        raise ConfigError(f"path: there is no folder `{folder}`: make it first")
    return place


class WatchedFile:
    """The run file of one watched training.

    **Arguments:** `config`, whose number of updates and weight layers are told when it is published.

    Raises `ResumeError` where the file there is of other settings, `RunFileError` where it is none.
    """

    def __init__(self, path: Path, config: RunConfig, is_length_known: bool):
        self.path, self._config, self._is_length_known = path, config, is_length_known
        self._began = time.perf_counter()
        self._published, self._took = 0.0, 0.0
        self._created = datetime.now(UTC).isoformat(timespec="milliseconds")
        self.looking_seconds = 0.0
        self.resumed_at: list[int] = []
        self._resumed_utc: list[str] = []
        self.old: Run | None = read_run(path) if path.exists() else None
        if self.old is not None:
            self._check(self.old)

    def _check(self, old: Run) -> None:
        if not old.config.is_watched:
            raise ResumeError(f"`{self.path}` holds a run of `xavier`'s own: give another file")
        if len(old.config.seeds) > 1:
            raise ResumeError(f"`{self.path}` holds several seeds: give a file for each")
        if differs := other_settings(old.config, self._config):
            raise ResumeError(
                f"`{self.path}` was watched with {differs}: give another file, or the same settings"
            )

    def taken_up(self, update: int) -> list[Record]:
        """The records before `update` of the file that is there, none where this is a new beginning."""
        if self.old is None:
            return []
        kept = [each for each in records_of(self.old) if each.update < update]
        if not any(each.update for each in kept):
            return []
        told = self.old.provenance.get("resumed_at", [])
        self.resumed_at = [*(told if isinstance(told, list) else []), kept[-1].update]
        self._resumed_utc = [*self.old.provenance.get("resumed_utc", []), self._created]
        self._created = self.old.created_utc or self._created
        return kept

    @property
    def is_time(self) -> bool:
        """Whether publishing would take a small share of the time since it was last done."""
        return time.perf_counter() - self._published >= _LEAST_SHARE * self._took

    def publish(
        self,
        records: list[Record],
        status: Status,
        *,
        edges: Mapping[str, np.ndarray],
        data: DatasetInfo,
        network: NetworkInfo,
        versions: Mapping[str, str],
    ) -> Run:
        """Write the run of these `records`; raises `StorageError`.

        A complete run that is there stays until this one is complete, or as far as it was.
        """
        began = time.perf_counter()
        last = records[-1].update
        updates = max(self._config.updates, last) if self._is_length_known else last
        provenance: dict[str, Any] = {
            "xavier": __version__,
            "python": platform.python_version(),
            "versions": dict(versions),
            "platform": platform.platform(),
            "train_seconds": round(began - self._began, 3),
            "looking_seconds": round(self.looking_seconds, 3),
        }
        if self.resumed_at:
            provenance |= {"resumed_at": self.resumed_at, "resumed_utc": self._resumed_utc}
        run = watched_run(
            self._config.with_(weight_layers=len(network.layers), updates=updates),
            records,
            edges,
            status=status,
            created_utc=self._created,
            data=data,
            network=network,
            provenance=provenance,
            tags=self.old.tags if self.old else (),
            note=self.old.note if self.old else "",
        )
        is_less = self.old is not None and self.old.status == "complete" and last < self.old.updates[-1]
        if status == "complete" or not is_less:
            write_run(self.path, run)
        self._published = time.perf_counter()
        self._took = self._published - began
        return run
