"""Runs say how long their training took: all of its parts, and the processors' time where it is known."""

from __future__ import annotations

import pytest
from training.test_resume import StopAt, config_of

from xavier_cli.runs.store import read_run
from xavier_cli.training.engine import loop
from xavier_cli.training.engine.records import join_seeds
from xavier_cli.training.resumable import train_to_file

SETTINGS = {"depth": 2, "width": 6, "updates": 40, "test_examples": 10}


def parts(make_run, *times):
    told = [{"device": "cpu", **each} for each in times]
    return [make_run(**SETTINGS, seeds=f"{i},", provenance=each) for i, each in enumerate(told)]


def test_joined_runs_took_as_long_as_all_of_them(make_run):
    first = {"train_seconds": 1.5, "compile_seconds": 2.0, "processor_seconds": 3.0}
    joined = join_seeds(parts(make_run, first, {**first, "train_seconds": 10.0}), (0, 1))

    assert joined.provenance == {
        "device": "cpu",
        "train_seconds": 11.5,
        "compile_seconds": 4.0,
        "processor_seconds": 6.0,
    }


def test_a_time_that_one_part_does_not_say_is_not_known(make_run):
    both, one = {"train_seconds": 1.0, "processor_seconds": 3.0}, {"train_seconds": 1.0}
    joined = join_seeds(parts(make_run, both, one), (0, 1))

    assert joined.provenance == {"device": "cpu", "train_seconds": 2.0}


@pytest.mark.usefixtures("compiled_once")
def test_processor_time_is_said_unless_another_process_began(training_data, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "FIRST_SEGMENT", 7)
    monkeypatch.setattr(loop, "SEGMENT_SECONDS", 0.0)
    config, path = config_of(), tmp_path / "run.h5"
    train_to_file(config, training_data, path, hooks=StopAt(30).hooks)
    assert read_run(path).provenance["processor_seconds"] > 0
    train_to_file(config, training_data, path)

    assert read_run(path).status == "complete"
    assert "processor_seconds" not in read_run(path).provenance
