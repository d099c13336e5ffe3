"""Finite data sets as bytes and labels, read from files that are already there."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np


class DataMissingError(Exception):
    """A data set whose files are not there."""


class DataDamagedError(Exception):
    """A data set whose files are there, but not what they should be."""


class Examples(NamedTuple):
    """Bytes of shape `(n, inputs)` and labels of shape `(n,)`."""

    pixels: np.ndarray
    labels: np.ndarray


@dataclass(frozen=True)
class FiniteSet:
    """A data set in its three parts; `checksums` are the SHA-256 of the files' content."""

    train: Examples
    valid: Examples
    test: Examples
    checksums: dict[str, str] = field(default_factory=dict)


def load_set(name: str, data_dir: Path | None) -> FiniteSet:
    """The finite data set called `name` out of `data_dir`.

    Raises `DataMissingError` and `DataDamagedError`, which name the file.
    """
    from xavier_cli.data import mnist

    return {"mnist": mnist.load}[name](data_dir)
