"""Chooses the examples that networks are evaluated and measured on, evenly spread over a set."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from xavier_cli.data.moments import Standardizer, doubts, standardizer
from xavier_cli.data.sets import Examples, FiniteSet
from xavier_cli.vocabulary.datasets import DatasetInfo

PROBE_EXAMPLES = 300
"""So many test examples are those that tensors are measured on."""


@dataclass(frozen=True)
class HeldOut:
    """Examples that no network is trained on.

    Of `valid` and `test` the first so many that are asked for are evenly spread over the set; `probe` are
    test examples, too. `test_order` `(n,)` is the index in the set's own order of each test example.
    """

    valid: Examples
    test: Examples
    probe: Examples
    test_order: np.ndarray


def held_out(finite: FiniteSet, first: int) -> HeldOut:
    """Those of `finite`, whose `first` examples for validation and testing are spread over all."""
    valid_order, order = (spread_order(len(part.labels), first) for part in (finite.valid, finite.test))
    probe = spread_order(len(order), PROBE_EXAMPLES)[:PROBE_EXAMPLES]
    return HeldOut(
        _taken(finite.valid, valid_order), _taken(finite.test, order), _taken(finite.test, probe), order
    )


def standardized(
    finite: FiniteSet, name: str, is_asked: bool, pixel_range: tuple[float, float]
) -> tuple[FiniteSet, DatasetInfo, Standardizer | None]:
    """`finite` standardized if that `is_asked`, its facts, and the standardizer or None.

    The digest is that of the set called `name` as read.
    """
    facts = finite.facts(name)
    scale = standardizer(finite.train, name) if is_asked else None
    if scale:
        train, valid, test = (scale.examples(part) for _, part in finite.parts())
        finite = replace(finite, train=train, valid=valid, test=test)
        note = (
            f"standardized: mean {scale.mean:.4g} and deviation {scale.deviation:.4g} of the training pixels"
        )
        facts = facts.model_copy(
            update={"notes": (*facts.notes, note), "standardized": (scale.mean, scale.deviation)}
        )
    return finite, facts.model_copy(update={"warnings": doubts(finite, pixel_range)}), scale


def spread_over(n: int, count: int) -> np.ndarray:
    """The indices of `count` of n examples, evenly spaced from the first on; shape `(count,)`."""
    return np.arange(count) * n // count


def spread_order(n: int, first: int) -> np.ndarray:
    """A permutation of n examples, `(n,)`, whose first `first` are evenly spaced over all of them."""
    leading = spread_over(n, min(first, n))
    return np.concatenate([leading, np.setdiff1d(np.arange(n), leading)])


def _taken(examples: Examples, order: np.ndarray) -> Examples:
    return Examples(examples.pixels[order], examples.labels[order])
