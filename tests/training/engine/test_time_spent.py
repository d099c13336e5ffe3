"""Every second of a training is in one part: the parts add up to the whole, also over several processes."""

from __future__ import annotations

from dataclasses import replace

import pytest
from training.test_resume import StopAt, config_of

from xavier_cli.runs.record import PARTS_OF_TIME, spent_seconds
from xavier_cli.runs.store import read_run
from xavier_cli.training.engine import loop, time_spent
from xavier_cli.training.engine.engine import Engine
from xavier_cli.training.engine.records import join_seeds
from xavier_cli.training.engine.time_spent import TimeSpent
from xavier_cli.training.resumable import train_group_to_files, train_to_file
from xavier_cli.training.train import train

pytestmark = pytest.mark.usefixtures("compiled_once")


@pytest.fixture
def pass_seconds(monkeypatch):
    """A clock that stands still, and a function that moves it on."""
    now = [100.0]
    monkeypatch.setattr(time_spent, "clock", lambda: now[0])

    def pass_(seconds: float) -> None:
        now[0] += seconds

    return pass_


def whole(run) -> float:
    return run.provenance["train_seconds"] + run.provenance["compile_seconds"]


def test_each_second_is_in_the_part_that_was_entered_last(pass_seconds):
    spent = TimeSpent({"updates": 10.0})
    pass_seconds(1)
    spent.enter("updates")
    pass_seconds(2)
    spent.enter("saving")
    pass_seconds(4)
    spent.assign("evaluation")
    pass_seconds(8)

    assert spent.seconds == dict.fromkeys(PARTS_OF_TIME, 0.0) | {
        "other": 1.0,
        "updates": 12.0,
        "evaluation": 12.0,
    }


def test_what_is_waited_for_says_which_part_it_is(training_data, monkeypatch, pass_seconds):
    # Each of the engine's methods takes a time of its own; the updates take theirs beside the records.
    costs = {"compile": 1000, "pretrain": 1, "advance": 7, "observe": 100, "host_state": 50}
    calls = dict.fromkeys(costs, 0)
    for name, cost in costs.items():
        real = getattr(Engine, name)

        def slow(self, *given, name=name, cost=cost, real=real, **named):
            calls[name] += 1
            pass_seconds(cost)
            return real(self, *given, **named)

        monkeypatch.setattr(Engine, name, slow)
    spent = spent_seconds(train(config_of(pretrain="dae", pretrain_updates=10), training_data)[0])

    assert spent["evaluation"] == 100 * calls["observe"] > 0
    # `start` compiles, too, if nobody did before.
    assert spent["compiling"] == 1000
    assert spent["updates"] == 7 * calls["advance"] > 0
    assert spent["pretraining"] == calls["pretrain"] > 0
    assert spent["saving"] == 50
    assert (spent["probes"], spent["other"]) == (0.0, 1000.0)


def test_the_host_that_keeps_the_devices_waiting_is_no_update(training_data, monkeypatch, pass_seconds):
    def look(_):
        pass_seconds(5)

    hooks = loop.TrainingHooks(look=look)
    for idle, part in ((False, "updates"), (True, "other")):
        monkeypatch.setattr(Engine, "is_idle", idle)
        run, _ = train(config_of(), training_data, hooks=hooks)
        # The last record is looked at after all updates.
        expected = dict.fromkeys(PARTS_OF_TIME, 0.0) | {"other": 5.0}
        expected[part] += 5.0 * (len(run.updates) - 1)
        assert spent_seconds(run) == expected


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"lr": "0.1,0.01", "search_seeds": 1},
        {"pretrain": "rbm", "pretrain_updates": 10, "act": "sigmoid"},
    ],
    ids=["plain", "search", "pre-training"],
)
def test_parts_add_up_to_the_whole(training_data, settings):
    run, _ = train(config_of(**settings), training_data)
    spent = spent_seconds(run)

    assert list(spent) == list(PARTS_OF_TIME)
    assert sum(spent.values()) == pytest.approx(whole(run), abs=1e-3)
    assert run.provenance["compile_seconds"] == spent["compiling"]
    assert all(spent[name] > 0 for name in ("updates", "evaluation", "probes"))
    assert (spent["pretraining"] > 0) == ("pretrain" in settings)


def test_a_resumed_training_took_all_of_its_pieces(training_data, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "FIRST_SEGMENT", 7)
    monkeypatch.setattr(loop, "SEGMENT_SECONDS", 0.0)
    config, path = config_of(), tmp_path / "run.h5"
    before = dict.fromkeys(PARTS_OF_TIME, 0.0)
    for updates in (30, 70, 0):
        hooks = StopAt(updates).hooks
        train_to_file(config, training_data, path, hooks=hooks)
        run = read_run(path)
        spent = spent_seconds(run)
        assert sum(spent.values()) == pytest.approx(whole(run), abs=1e-3)
        assert all(spent[name] > before[name] for name in ("updates", "evaluation"))
        before = spent
    assert run.status == "complete"


def test_a_group_and_its_published_runs_say_what_all_took_together(training_data, tmp_path):
    configs = [config_of(init=init) for init in ("normalized", "standard")]
    paths = [tmp_path / f"{number}.h5" for number in range(2)]
    train_group_to_files(configs, training_data, paths)
    first, second = map(read_run, paths)

    assert spent_seconds(first) == spent_seconds(second)
    assert sum(spent_seconds(first).values()) == pytest.approx(whole(first), abs=1e-3)


def test_joined_runs_spent_what_all_of_them_did(make_run):
    parts = [
        make_run(depth=2, width=6, updates=40, test_examples=10, seeds=f"{seed},", provenance=told)
        for seed, told in enumerate([{"seconds_spent": {"updates": 1.5, "other": 0.25}}] * 2)
    ]
    joined = join_seeds(parts, (0, 1))

    assert spent_seconds(joined) == dict.fromkeys(PARTS_OF_TIME, 0.0) | {"updates": 3.0, "other": 0.5}
    older = replace(parts[1], provenance={})
    assert spent_seconds(join_seeds([parts[0], older], (0, 1))) == {}


def test_what_a_later_version_tells_besides_is_other(make_run):
    told = {"seconds_spent": {"updates": 1.0, "thinking": 2.0}}
    run = make_run(depth=2, width=6, updates=40, test_examples=10, seeds=2, provenance=told)

    assert spent_seconds(run)["other"] == 2.0
