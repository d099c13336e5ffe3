"""Tells whether networks give one answer for all test images, from which of them are right.

Predictions are not stored, only which test examples the last network of each seed gets right
(`final/test_correct`). All seeds are tested on the same images.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from xavier_cli.vocabulary.lookup import DATA_SETS

ONE_CLASS = 0.99
"""The least share of its predictions that a network with a constant answer gives to one class."""
_SIGMAS = 4.0


def class_shares(data: str) -> np.ndarray:
    """How often each class of Shapeset is: one or two objects, each of a kind at random (PAPER §1.1)."""
    shares = []
    for label in DATA_SETS[data.partition(":")[0]].labels:
        one, _, other = label.partition("+")
        shares.append(1 / 6 if not other else 1 / 18 if one == other else 1 / 9)
    return np.array(shares)


def class_entropy(data: str) -> float:
    """The loss of the best constant answer in nats: 2.110 for Shapeset."""
    shares = class_shares(data)
    return float(-(shares * np.log(shares)).sum())


class OneAnswer(NamedTuple):
    """Which networks give 99 % or more of their answers to one class, and which certainly do not; `(S,)`."""

    yes: np.ndarray
    no: np.ndarray


def gives_one_answer(correct: np.ndarray, data: str) -> OneAnswer:
    """Whether networks give 99 % or more of their answers to one class, from `correct`, `(S, N)`.

    Each deviates from a constant answer on 1 % of the images at most. So it is right on the share of one
    class, up to 1 % and the sampling error of the test set; two of them differ in being right on at most 2 %
    if the class is the same, and are both right on at most 2 % if it is not; and no more different answers
    are right on a share than there are classes of it. One whose answer depends on the image is right on part
    of what the others are right on. `no` is who is right on another share, or breaks this with more than half
    of those that are not; who breaks it with fewer is neither. Nobody is `yes` where no two are right on the
    same images: five seeds choose one of the three most frequent classes twice.
    """
    right = correct.astype(np.float64)
    number, deviates = right.shape[1], 1 - ONE_CLASS
    common = right @ right.T / number
    own = np.diag(common)
    same = own[:, None] + own[None] - 2 * common <= 2 * deviates
    is_new = ~np.tril(same, -1).any(axis=1)
    of_a_class = np.zeros(len(right), bool)
    for share, classes in zip(*np.unique(class_shares(data), return_counts=True), strict=True):
        noise = _SIGMAS * math.sqrt(share * (1 - share) / number)
        near = np.abs(own - share) <= deviates + noise
        if (near & is_new).sum() <= classes:
            of_a_class |= near
    breaks = (~same & (common > 2 * deviates) & of_a_class).sum(axis=1)
    others = of_a_class.sum() - of_a_class
    is_seen_twice = bool((same.sum(axis=1) > 1).any())
    return OneAnswer(of_a_class & (breaks == 0) & is_seen_twice, ~of_a_class | (breaks > others / 2))
