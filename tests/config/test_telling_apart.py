"""Few settings are said of rows, and those tell apart all rows that differ."""

import random

import pytest

from xavier_cli.config.telling_apart import telling, told_by_row


def distinct(columns, at):
    return len({tuple(columns[i][row] for i in at) for row in range(len(columns[0]))})


def test_what_follows_from_another_is_not_said():
    act, depth, lr = ["tanh", "tanh", "relu", "relu"], [5, 5, 4, 4], [0.03, 0.03, 0.1, 0.1]
    pretrain = ["dae", "none", "none", "none"]
    columns = [act, depth, lr, pretrain, [1, 1, 1, 2]]

    assert telling(columns, known=[0]) == [3, 4]
    assert told_by_row(columns, known=[0]) == [[3], [3], [4], [4]]


def test_one_row_needs_nothing():
    assert telling([["tanh"], [5]]) == []
    assert told_by_row([["tanh"], [5]], known=[0]) == [[]]
    assert telling([]) == []


@pytest.mark.parametrize("seed", range(50))
def test_all_that_differ_are_told_apart_by_all_rows_and_by_each(seed):
    draw = random.Random(seed)
    rows = draw.randint(1, 12)
    columns = [[draw.randint(0, 2) for _ in range(rows)] for _ in range(draw.randint(1, 6))]
    known = draw.sample(range(len(columns)), draw.randint(0, 1))
    found, each = telling(columns, known), told_by_row(columns, known)

    assert distinct(columns, [*known, *found]) == distinct(columns, range(len(columns)))
    said = {
        (*(columns[i][row] for i in known), *((i, columns[i][row]) for i in own))
        for row, own in enumerate(each)
    }
    assert len(said) == distinct(columns, range(len(columns)))
    # Nothing is said in vain.
    for i in found:
        assert distinct(columns, [*known, *(other for other in found if other != i)]) < len(said)
