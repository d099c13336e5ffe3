"""Tests the session of the GPU benchmark: budgets that end, trainings that are stopped, results saved."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import gpu_session

# Says that it trains, and stops as `xavier train` does; `deaf` does not listen.
TRAINS = """
import signal, sys, time
def stop(number, frame):
    if "deaf" not in sys.argv:
        print("interrupted at update 1,234 of 5,000; last record at 1,000; results are in run.h5", flush=True)
        sys.exit(143)
signal.signal(signal.SIGTERM, stop)
print("training   1% 10:00 left", flush=True)
time.sleep(60)
"""


@pytest.fixture(autouse=True)
def trains(monkeypatch):
    monkeypatch.setattr(gpu_session, "XAVIER", [sys.executable, "-c", TRAINS])


@pytest.mark.parametrize("stop_after", [0.0, None])
def test_a_training_is_stopped_when_asked_or_when_its_time_is_up(tmp_path, stop_after):
    training = gpu_session.Training([], tmp_path / "log", stop_after=stop_after)
    training.run(time.monotonic() + (60 if stop_after is not None else 1.5))

    assert (training.returncode, training.stopped_at) == (143, 1234)
    assert training.was_late == (stop_after is None)


def test_a_training_that_does_not_stop_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(gpu_session, "STOP_SECONDS", 0.2)
    training = gpu_session.Training(["deaf"], tmp_path / "log", stop_after=0.0).run(time.monotonic() + 60)

    assert (training.returncode, training.stopped_at) == (-9, None)


def test_no_training_is_begun_when_time_is_up(tmp_path):
    training = gpu_session.Training([], tmp_path / "log").run(time.monotonic() - 1)

    assert training.was_late
    assert training.returncode is None
    assert not (tmp_path / "log").exists()


def test_every_step_is_in_the_file_at_once_beside_those_of_before(tmp_path):
    gpu_session.Session(tmp_path, tiny=True, budget=60).keep("checks", "one", {"holds": True})
    later = gpu_session.Session(tmp_path, tiny=True, budget=0)
    done = later.has_time("measure", "two", 1.0)

    assert not done
    assert json.loads((tmp_path / "results.json").read_text()) == {
        "checks": {"one": {"holds": True}},
        "measure": {"two": "not measured: the budget is spent"},
    }
