"""Tests at which updates records are due, where the length of a training is known and where it is not."""

from __future__ import annotations

from itertools import pairwise

import pytest

from xavier_cli.config.run import RunConfig
from xavier_cli.errors import ConfigError
from xavier_cli.library.watching.schedule import RecordTimes


def due(records, updates=None, until=2000):
    config = RunConfig.of(net="watched:network", records=records, updates=updates or 0)
    times, found = RecordTimes(config, updates is not None), [0]
    while found[-1] < until:
        found.append(times.next_after(found[-1]))
    return found[:-1] if found[-1] > until else found


def test_of_a_known_length_they_are_those_of_train():
    for records in ("20", "log:12", "every:300"):
        config = RunConfig.of(records=records, updates=1000)
        assert tuple(due(records, 1000, 1000)) == config.record_updates()


def test_of_unknown_length_they_go_on():
    assert due("every:500") == [0, 500, 1000, 1500, 2000]
    assert due("log:20")[:8] == [0, 1, 2, 5, 10, 22, 46, 100]
    late = [each for each in due("log:20", until=10**8) if each > 10**6]
    assert len(late) >= 4
    assert all(1.5 < after / before < 3 for before, after in pairwise(late))


def test_evenly_spaced_ones_need_a_length():
    with pytest.raises(ConfigError, match="20 evenly spaced records need `updates=`"):
        due("20")
