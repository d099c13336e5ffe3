"""Tests how programs take turns, by a clock that moves only where a program runs."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from xavier_cli.training.bench import turns
from xavier_cli.training.bench.turns import LEAD_UPDATES, Timed, segment_updates, take_turns
from xavier_cli.training.engine.loop import SEGMENT_SECONDS


class Program:
    """Takes `launch` seconds a call, `update` for each update, and `cold` more after another program."""

    def __init__(self, clock, update, launch=0.0, cold=0.0):
        self.clock, self.update, self.launch, self.cold = clock, update, launch, cold
        self.calls = []

    def run(self, updates):
        self.calls.append(updates)
        self.clock.now += self.launch + updates * self.update
        if self.clock.last is not self:
            self.clock.now += self.cold
        self.clock.last = self


@pytest.fixture
def clock(monkeypatch):
    made = SimpleNamespace(now=0.0, last=None)
    monkeypatch.setattr(turns, "time", SimpleNamespace(perf_counter=lambda: made.now))
    return made


@pytest.mark.parametrize("update", [0.0005, 0.004, 0.05, 3.0])
def test_a_turn_is_as_long_as_training_s_segments(clock, update):
    count = segment_updates(Timed(Program(clock, update, launch=0.002).run, 1), longest=5000)

    assert count == pytest.approx(max(1, SEGMENT_SECONDS / update), rel=0.05)


def test_no_turn_goes_on_past_a_record(clock):
    assert segment_updates(Timed(Program(clock, 1e-5).run, 1), longest=1053) == 1053


def test_compiling_does_not_shorten_turns(clock):
    program = Program(clock, 0.004, cold=30.0)

    assert segment_updates(Timed(program.run, 1), longest=5000) == pytest.approx(250, abs=10)


def test_what_a_program_pays_after_another_one_is_not_counted(clock):
    one, other = (Program(clock, 0.001, cold=0.7) for _ in range(2))
    found = take_turns({"one": Timed(one.run, 4), "other": Timed(other.run, 1)}, {"one": 50, "other": 80}, 3)

    assert one.calls == [LEAD_UPDATES, 50] * 3
    assert other.calls == [LEAD_UPDATES, 80] * 3
    assert found["one"].median == pytest.approx(0.001 / 4)
    assert found["other"].median == pytest.approx(0.001)


def test_rounds_are_told_by_their_median_and_range(clock):
    speeds = iter([0.01, 0.03, 0.02])

    def run(updates):
        clock.now += updates * next(speeds)

    found = take_turns({"it": Timed(run, 1, lead=0)}, {"it": 5}, 3)

    assert found["it"] == pytest.approx((0.02, 0.01, 0.03))
