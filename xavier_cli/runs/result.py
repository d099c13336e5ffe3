"""Defines what a file without training holds in memory: a configuration, arrays, and where they come from.

Each kind of such a file is a room of its own beside this one, and a row in `runs.kinds`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from xavier_cli.config.canonical import HashedSettings
from xavier_cli.runs.dataset import Schema
from xavier_cli.runs.record import Status


class ResultConfig(HashedSettings):
    """All that decides the numbers of a result."""

    @property
    @abstractmethod
    def title(self) -> str:
        """A short description in words."""

    @abstractmethod
    def file_stem(self) -> str:
        """The file's name without suffix: its content, then 8 hex digits of the hash."""

    @abstractmethod
    def lengths(self) -> dict[str, int]:
        """The lengths of the scales that the configuration decides, by path."""

    @abstractmethod
    def fixed_scales(self) -> dict[str, np.ndarray]:
        """The scales that the configuration decides, by path; each has the shape `(length,)`."""


@dataclass(frozen=True)
class Result:
    """The content of one file; `arrays` by path, as `schema` says."""

    config: ResultConfig
    arrays: Mapping[str, np.ndarray]
    status: Status = "complete"
    created_utc: str = ""
    provenance: Mapping[str, Any] = field(default_factory=dict)
    path: Path | None = None

    kind: ClassVar[str]
    """What the reader process is asked for, and the command of a recipe that makes it."""
    noun: ClassVar[str]
    """What it is called, without an article."""
    schema: ClassVar[Schema]
    config_type: ClassVar[type[ResultConfig]]

    def __getitem__(self, name: str) -> np.ndarray:
        return self.arrays[name]

    @classmethod
    def problem(
        cls, config: ResultConfig, shapes: Mapping[str, tuple[int, ...]], partial: bool = False
    ) -> str:
        """What is wrong with datasets of these shapes under `config`; see `Schema.problem`."""
        return cls.schema.problem(config.lengths(), shapes, partial)
