"""Says what the labels of somebody's examples are: classes, and where these stand in a network's answer."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.special import chdtrc

from xavier_cli.vocabulary.datasets import DatasetInfo

_MOST_CLASSES = 10_000
_CONTRADICTED = 0.01


def class_axis(
    answer: tuple[int, ...], labels: tuple[int, ...], prefers: Literal["first", "last"] = "last"
) -> int | None:
    """The axis of an answer of this shape that classes stand on, for whole labels of that shape.

    An axis behind the examples, as PyTorch has it, or the last, `prefers` where both would do; None where the
    answer is no set of logits for these labels.
    """
    if len(answer) != len(labels) + 1 or answer[0] != labels[0]:
        return None
    fits = {"first": answer[2:] == labels[1:], "last": answer[:-1] == labels}
    if not any(fits.values()):
        return None
    return 1 if fits["first"] and (prefers == "first" or not fits["last"]) else len(answer) - 1


def facts_of_examples(
    name: str,
    shape: tuple[int, ...],
    examples: int,
    labels: np.ndarray,
    classes: int,
    known: DatasetInfo | None,
) -> DatasetInfo:
    """The facts of a data set of which only examples are known, `classes` 0 where its labels are none.

    **Arguments:** `shape` of one example, of which there are so many `examples`; `labels`, whole numbers of
    any shape; `known`, what a table says of the set of this name, which tells the most frequent class where
    it has as many classes.
    """
    inputs = max(int(np.prod(shape)), 1)
    if not 0 < classes <= _MOST_CLASSES:
        return DatasetInfo(
            name=name, inputs=inputs, classes=1, labels=("0",), top_class=1.0, shape=(), test=examples
        )
    if known is not None and known.classes == classes:
        top, words = known.top_class, known.labels
    else:
        top, words = _most_frequent(labels, classes), tuple(map(str, range(classes)))
    return DatasetInfo(
        name=name, inputs=inputs, classes=classes, labels=words, top_class=top, shape=(), test=examples
    )


def _most_frequent(labels: np.ndarray, classes: int) -> float:
    """The share of the most frequent class: of equal ones, where the counts do not contradict that (1 %).

    The largest of the counts of a few examples is larger than the largest share.
    """
    counts = np.bincount(labels[(labels >= 0) & (labels < classes)].ravel(), minlength=classes)
    expected = counts.sum() / classes
    if expected == 0:
        return 1 / classes
    distance = float(((counts - expected) ** 2).sum() / expected)
    if classes == 1 or chdtrc(classes - 1, distance) >= _CONTRADICTED:
        return 1 / classes
    return float(counts.max() / counts.sum())
