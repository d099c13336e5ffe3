"""Tests the rate of a training as a whole, by trainings in which only a clock moves."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from xavier_cli.config.run import RunConfig
from xavier_cli.training.bench import whole_training
from xavier_cli.training.bench.whole_training import time_training, typical_times, updates_per_record
from xavier_cli.training.engine.loop import Progress

UPDATE, RECORD, START, THREADS = 0.004, 1.5, 40.0, 7.0


@pytest.fixture
def train(monkeypatch):
    """Trainings by configuration and updates per segment; `updates` and `path` are those of the last."""
    clock = SimpleNamespace(now=0.0, updates=0, path=None, computed=0.0)

    def sleep(seconds):
        # Threads still have work to do that the first record left them.
        worked = min(seconds, THREADS - clock.computed)
        clock.now, clock.computed = clock.now + seconds, clock.computed + worked

    times = {"perf_counter": lambda: clock.now, "process_time": lambda: clock.computed, "sleep": sleep}
    monkeypatch.setattr(whole_training, "time", SimpleNamespace(**times))

    def session(config, segment):
        def train_to_file(path, hooks, resume):
            clock.path, clock.computed, done = path, 0.0, 0
            clock.now += START
            hooks.report(Progress("compiling", 0, config.updates, 2))
            for at in config.record_updates():
                while done < at and not hooks.stopped():
                    step = min(segment, at - done)
                    clock.now += step * UPDATE
                    clock.updates = done = done + step
                    hooks.report(Progress("training", done, config.updates, 2))
                # What the record costs passes within the next segment.
                clock.now += RECORD

        return SimpleNamespace(configs=(config,), train_to_file=train_to_file)

    return session, clock


@pytest.mark.parametrize("segment", [7, 250, 100_000])
@pytest.mark.parametrize("records", [1, 4])
def test_it_is_that_of_a_long_training(train, segment, records):
    session, clock = train
    config = RunConfig.of(seeds=2)
    each = time_training(session(config, segment), records, seconds=0).median

    assert each == pytest.approx((UPDATE + RECORD / updates_per_record(config)) / 2, rel=0.01)
    assert records * 1052 < clock.updates < (records + 2) * 1053 + 4 * min(segment, 1053)
    assert clock.computed == pytest.approx(THREADS)
    assert not clock.path.parent.exists()


def test_it_lasts_as_long_as_is_asked(train):
    session, clock = train
    time_training(session(RunConfig.of(seeds=2), 250), 1, seconds=30)

    # Three records in 5.7 s each are too few.
    assert clock.updates > 5 * 1053


def test_a_training_that_ends_before_is_enough(train):
    session, clock = train
    config = RunConfig.of(seeds=2, updates=40, records=9)
    each = time_training(session(config, 250), 4, seconds=1e6).median

    assert clock.updates == 40
    assert each == pytest.approx((UPDATE + RECORD / 5) / 2)


def test_a_machine_that_was_busy_for_a_while_slows_no_training(train):
    session, clock = train
    training = session(RunConfig.of(seeds=2), 250)
    quiet = time_training(training, 6, seconds=0)
    advance = training.train_to_file

    def busy_for_a_while(path, hooks, resume):
        def report(progress):
            clock.now += 2.0 * (3000 < progress.updates < 4000)
            hooks.report(progress)

        advance(path, SimpleNamespace(report=report, stopped=hooks.stopped), resume)

    training.train_to_file = busy_for_a_while
    busy = time_training(training, 6, seconds=0)

    assert busy.median == pytest.approx(quiet.median, rel=0.01)
    assert busy.slowest > 1.5 * quiet.slowest


def test_jacobians_count_by_their_share():
    often, seldom = [2.0, 2.0, 2.0, 9.0], [5.0, 5.0]

    assert typical_times([*often, *seldom], [False] * 4 + [True] * 2) == (3.0, 2.0, 9.0)
    assert typical_times([4.0], [True]) == (4.0, 4.0, 4.0)


def test_records_come_as_often_as_in_a_default_run():
    config = RunConfig.of()

    assert updates_per_record(config) == config.updates / 19
