"""Chooses the held-out examples where a set has none: a fixed share of every class."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

SHARE = 0.1
"""Of the training examples, for validation; where there is no test part, of all examples first for that."""


def marks(texts: Iterable[bytes]) -> np.ndarray:
    """Shape `(n,)`: a fixed random number for each of `texts`, which are distinct.

    Of the text itself, by SHA-256: the same on every machine, and whatever other examples there are.
    """
    # One at a time: a list of so many Python numbers would take ten times the memory.
    each = (int.from_bytes(hashlib.sha256(b"2010:" + text).digest()[:8], "big") for text in texts)
    return np.fromiter(each, np.uint64)


def held_out(labels: np.ndarray, marks: np.ndarray) -> np.ndarray:
    """Shape `(n,)` bool: of each class the `SHARE` with the lowest marks, at least one of several."""
    order = np.lexsort((marks, labels))
    counts = np.bincount(labels)
    rank = np.empty(len(labels), np.int64)
    rank[order] = np.arange(len(labels)) - (np.cumsum(counts) - counts)[labels[order]]
    wanted = np.where(counts > 1, np.maximum(1, np.round(SHARE * counts)), 0)
    chosen: np.ndarray = rank < wanted[labels]
    return chosen
