"""A population too large for the memory is trained in batches, and ends in the same bits."""

from __future__ import annotations

import pytest
from training.test_resume import StopAt, assert_same_runs, config_of

from xavier_cli.runs.checkpoint import checkpoint_paths, read_checkpoint
from xavier_cli.runs.store import read_run
from xavier_cli.training import estimate, memory
from xavier_cli.training.engine import loop
from xavier_cli.training.resumable import train_to_file
from xavier_cli.training.train import SearchInterruptedError, train_together

pytestmark = pytest.mark.usefixtures("compiled_once")


def trained(config, training_data, path, **options):
    train_to_file(config, training_data, path, **options)
    assert [found.name for found in path.parent.iterdir()] == [path.name]
    return read_run(path)


@pytest.fixture
def folders(tmp_path):
    for name in ("whole", "batches"):
        (tmp_path / name).mkdir()
    return tmp_path / "whole" / "run.h5", tmp_path / "batches" / "run.h5"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("strategy", "settings", "members", "size"),
    [("map", {"seeds": 3}, 2, 2), ("sharded", {"seeds": 3, "lr": "0.05,0.1"}, 1, 2)],
    ids=["two of three", "a search"],
)
def test_batches_end_in_the_same_bits(training_data, folders, settings, members, size, strategy):
    config = config_of(**settings)
    whole = trained(config, training_data, folders[0], strategy=strategy)
    batches = trained(config, training_data, folders[1], strategy=strategy, member_batch=members)

    assert_same_runs(batches, whole)
    assert "member_batch" not in whole.provenance
    # In a search the rates of one seed are trained together.
    assert batches.provenance["member_batch"] == size


def test_a_training_in_batches_goes_on_in_the_batch_where_it_stopped(training_data, folders, monkeypatch):
    config, path = config_of(3), folders[1]
    monkeypatch.setattr(loop, "FIRST_SEGMENT", 7)
    monkeypatch.setattr(loop, "SEGMENT_SECONDS", 0.0)
    with pytest.raises(SearchInterruptedError, match="stopped in batch 2 of 3"):
        train_to_file(config, training_data, path, hooks=StopAt(50, "batch 2").hooks, member_batch=1)
    stages = read_checkpoint(checkpoint_paths(path)[0]).facts["stages"]
    # The same batches as before, whatever the option says now.
    resumed = trained(config, training_data, path, member_batch=3)

    assert list(stages) == ["seeds", "seeds_0001"]
    assert stages["seeds"]["updates"] == config.updates
    assert 50 <= stages["seeds_0001"]["updates"] < config.updates
    assert resumed.provenance["resumed_at"] == [stages["seeds_0001"]["updates"]]
    assert resumed.provenance["member_batch"] == 1
    assert_same_runs(resumed, trained(config, training_data, folders[0]))


@pytest.mark.slow
def test_configurations_trained_together_may_be_trained_in_batches(training_data):
    configs = [config_of(3, init=init) for init in ("standard", "normalized")]
    together = train_together(configs, training_data, strategy="map")
    batches = train_together(configs, training_data, strategy="map", member_batch=2)

    for one, other in zip(together, batches, strict=True):
        assert_same_runs(one, other)
        assert other.provenance["member_batch"] == 2


def test_as_many_are_trained_at_a_time_as_fit(monkeypatch):
    config = config_of(30)

    def with_room_for(members):
        monkeypatch.setattr(
            memory, "available_bytes", lambda: int(estimate.memory(config, members) / 0.8) + 1
        )
        return memory.fitting_members(config, 30)

    assert with_room_for(30) == 30
    assert with_room_for(29) == 29
    assert with_room_for(1) == 1
    monkeypatch.setattr(memory, "available_bytes", lambda: 10)
    assert memory.fitting_members(config, 30) == 1
