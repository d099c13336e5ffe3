"""Deaths of workers: which are held against their group, and which are not."""

from __future__ import annotations

import pytest

from xavier_cli.sweeps.workers import MOST_DEATHS, STARTS, TRIES, Deaths
from xavier_cli.training.engine.loop import Progress


def progress(updates: int, doing="training", phase="") -> Progress:
    return Progress(doing, updates, 1000, 1, phase=phase)


def die(deaths: Deaths, *reached: Progress) -> bool:
    """A worker begins, comes so far and dies."""
    deaths.began(0)
    for each in reached:
        deaths.progressed(0, each)
    return deaths.try_again(0)


@pytest.mark.parametrize("reached", [[], [progress(0, "compiling")], [progress(7)]])
def test_a_group_that_ends_its_workers_at_the_same_place_fails(reached):
    deaths = Deaths()

    assert [die(deaths, *reached) for _ in range(TRIES)] == [*[True] * (TRIES - 1), False]
    assert deaths.how_often(0) == TRIES


def test_a_group_that_comes_further_each_time_is_tried_again():
    deaths = Deaths()

    assert all(die(deaths, progress(at)) for at in range(10, 200, 10))
    # Another training of a search begins with no updates.
    assert die(deaths, progress(10, phase="lr 0.1"))
    assert [die(deaths, progress(10)) for _ in range(TRIES - 1)] == [*[True] * (TRIES - 2), False]


def test_a_group_is_not_tried_for_ever_however_far_it_comes():
    deaths = Deaths()

    assert [die(deaths, progress(at)) for at in range(1, MOST_DEATHS + 1)] == [
        *[True] * (MOST_DEATHS - 1),
        False,
    ]


def test_workers_killed_at_their_start_are_not_held_against_their_group():
    deaths = Deaths()

    assert all(deaths.try_again(0) for _ in range(STARTS - 1))
    assert all(die(deaths) for _ in range(TRIES - 1))
    assert not die(deaths)


def test_where_no_worker_can_start_the_sweep_ends():
    deaths = Deaths()

    assert [deaths.try_again(number % 2) for number in range(STARTS)] == [*[True] * (STARTS - 1), False]
    assert deaths.how_often(0) == STARTS
