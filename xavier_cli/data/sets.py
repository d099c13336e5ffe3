"""What a finite data set is: bytes and labels in three parts; and how reading one can fail."""

from __future__ import annotations

from dataclasses import dataclass, field
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
