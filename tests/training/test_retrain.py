"""Part of a run trained again is the run, and what was changed in it shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from xavier_cli.config.run import RunConfig
from xavier_cli.errors import ConfigError
from xavier_cli.runs.deviation import differences
from xavier_cli.training import retrain
from xavier_cli.training.train import train
from xavier_cli.vocabulary.networks import WATCHED
from xavier_cli.vocabulary.user_functions import UserFunctionError

pytestmark = pytest.mark.usefixtures("compiled_once")


@pytest.fixture(scope="module")
def run(training_data, compiled_once):
    config = RunConfig.of(
        data="mnist", depth=2, width=10, updates=120, records="4", eval_examples=200, seeds=3, lr=0.1
    )
    return train(config, training_data)[0]


@pytest.fixture(autouse=True)
def _same_data(monkeypatch, training_data):
    monkeypatch.setattr(retrain, "prepare", lambda config, data_dir: training_data)


def test_all_of_it_is_the_same_to_the_bit(run):
    again = retrain.train_again(run, None)
    found = differences(run, again)

    assert again.updates.tolist() == run.updates.tolist()
    assert {each.group for each in found} >= {"curves", "activation", "weight", "jacobian", "final"}
    assert all(each.same_bits and each.relative == each.absolute == 0 for each in found)


def test_a_slice_of_it_is_the_same_to_the_bit(run):
    again = retrain.train_again(run, None, seeds=(2,), updates=100)

    assert again.updates.tolist() == [0, 40, 80]
    assert again.seeds.tolist() == [2]
    assert all(each.same_bits for each in differences(run, again))


def test_without_time_one_record_after_the_start_is_compared(run, monkeypatch):
    monkeypatch.setattr(retrain, "SECONDS", -1.0)

    assert retrain.train_again(run, None).updates.tolist() == [0, 40]


@pytest.mark.parametrize(
    ("name", "place", "value", "relative"),
    [
        ("curves/test_loss", (1, 1), 7.0, 0.5),
        ("weight/std", (0, 2, 0), np.nan, 1e300),
        ("final/diverged_at", (2,), 30, 1.0),
    ],
)
def test_what_was_changed_shows_in_its_group_alone(run, name, place, value, relative):
    arrays = {**run.arrays, name: run[name].copy()}
    arrays[name][place] = value
    found = {
        each.group: each for each in differences(replace(run, arrays=arrays), retrain.train_again(run, None))
    }
    changed = found.pop(name.partition("/")[0])

    assert changed.worst == name
    assert changed.relative > relative
    assert all(each.same_bits for each in found.values())


def test_a_value_that_moved_to_the_next_bin_is_rounding(run):
    counts = run["weight/histogram"].copy()
    full = int(counts[0, 0, 1].argmax())
    counts[0, 0, 1, full] -= 1
    counts[0, 0, 1, full + 1] += 1
    changed = replace(run, arrays={**run.arrays, "weight/histogram": counts})
    (found,) = [each for each in differences(changed, run) if each.group == "weight"]

    assert not found.same_bits
    assert found.relative == 1 / counts[0, 0].sum(axis=-1).max()


def test_what_the_run_does_not_have_is_refused_by_name(run):
    with pytest.raises(ConfigError, match="seeds: the run has no seed 7"):
        retrain.train_again(run, None, seeds=(0, 7))
    other = replace(run, data=run.data.model_copy(update={"sha256": "1" * 64}))
    with pytest.raises(ConfigError, match="data: the files of mnist"):
        retrain.train_again(other, None)


def test_a_watched_training_is_refused_before_its_data_are_looked_for(run):
    watched = replace(run, config=RunConfig.of(net=f"{WATCHED}:Sequential", weight_layers=3, updates=20))
    with pytest.raises(UserFunctionError, match="`watch` recorded"):
        retrain.train_again(watched, None)
