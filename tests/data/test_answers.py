"""Tests what is said of somebody's labels: whether they are classes, and how frequent each is."""

from __future__ import annotations

import numpy as np
import pytest

from xavier_cli.data.answers import class_axis, facts_of_examples
from xavier_cli.vocabulary.datasets import find_data


@pytest.mark.parametrize(
    ("answer", "labels", "first", "last"),
    [
        ((9, 5), (9,), 1, 1),
        ((9, 4, 5), (9, 4), 2, 2),
        ((9, 5, 4), (9, 4), 1, 1),
        ((9, 4, 4), (9, 4), 1, 2),
        ((9, 5, 8, 8), (9, 8, 8), 1, 1),
        ((9,), (9,), None, None),
        ((9, 5), (9, 5), None, None),
        ((8, 5), (9,), None, None),
    ],
)
def test_classes_stand_behind_the_examples_or_last(answer, labels, first, last):
    assert class_axis(answer, labels, "first") == first
    assert class_axis(answer, labels, "last") == last


def test_a_few_examples_of_equal_classes_have_equal_shares():
    labels = np.random.default_rng(0).integers(0, 10, 300)
    facts = facts_of_examples("mine", (28, 28), 100, labels, 10, None)

    assert np.bincount(labels).max() / 300 > 0.11
    assert (facts.top_class, facts.inputs, facts.classes) == (0.1, 784, 10)


def test_an_unequal_share_is_kept():
    facts = facts_of_examples("mine", (4,), 100, np.repeat([0, 1], [80, 20]), 2, None)

    assert facts.top_class == 0.8


def test_a_known_set_tells_the_share_where_its_classes_are_these():
    known = find_data("mnist").facts
    labels = np.arange(100) % 10

    assert facts_of_examples("mnist", (32, 32), 100, labels, 10, known).top_class == known.top_class
    assert facts_of_examples("mnist", (32, 32), 100, labels % 2, 2, known).top_class == 0.5


def test_labels_that_are_no_classes_have_one():
    facts = facts_of_examples("mine", (4,), 100, np.zeros(0, np.int64), 0, None)

    assert (facts.classes, facts.guessing_error) == (1, 0.0)
