"""What is put at a run's file while it is trained stays, and the training is not lost."""

from __future__ import annotations

import pytest

from xavier_cli.config.run import RunConfig
from xavier_cli.errors import StorageError
from xavier_cli.runs.checkpoint import checkpoint_paths, has_checkpoint
from xavier_cli.runs.errors import CheckpointError, ResumeError, RunFileError
from xavier_cli.runs.store import read_run, write_run
from xavier_cli.sweeps.work import _line
from xavier_cli.training.engine import autosave, loop
from xavier_cli.training.engine.loop import TrainingHooks
from xavier_cli.training.resumable import train_group_to_files, train_to_file

pytestmark = pytest.mark.usefixtures("compiled_once")


def config_of(**settings) -> RunConfig:
    usual = {"data": "mnist", "depth": 2, "width": 10, "updates": 60, "records": "4", "lr": 0.1, "seeds": 2}
    return RunConfig.of(**usual | {"eval_examples": 200, "jacobian_examples": 0} | settings)


def puts(path, content):
    """Hooks of a training during which somebody puts `content` at `path`."""

    def report(progress):
        if progress.updates >= 20 and not path.exists():
            path.write_text(content)

    return TrainingHooks(report)


@pytest.mark.parametrize("saves_often", [False, True])
def test_what_is_put_there_meanwhile_stays_and_the_training_is_resumed(
    training_data, tmp_path, monkeypatch, saves_often
):
    config, path, notes = config_of(), tmp_path / "run.h5", []
    monkeypatch.setattr(loop, "FIRST_SEGMENT", 7)
    monkeypatch.setattr(loop, "SEGMENT_SECONDS", 0.0)
    if saves_often:
        monkeypatch.setattr(autosave, "SECONDS", 0.0)
        monkeypatch.setattr(autosave, "COSTS", 0.0)
        monkeypatch.setattr("xavier_cli.runs.own_file.OwnFile.is_in_the_way", property(puts_late(path)))
    hooks = TrainingHooks() if saves_often else puts(path, "mine")
    with pytest.raises(StorageError, match="is not replaced: it was put there meanwhile"):
        train_to_file(config, training_data, path, hooks=hooks)
    assert path.read_text() == "mine"
    assert has_checkpoint(path)

    path.unlink()
    run = train_to_file(config, training_data, path, note=notes.append)
    assert notes == ["resuming after 60 updates"]
    assert run.status == read_run(path).status == "complete"


def puts_late(path):
    """An answer to whether something is in the way, the first of which comes with something."""

    def answer(own):
        path.write_text("mine")
        return True

    return answer


def test_of_a_group_the_others_are_written(training_data, tmp_path):
    configs = [config_of(init=init) for init in ("standard", "normalized")]
    paths = [tmp_path / f"{config.init}.h5" for config in configs]
    with pytest.raises(StorageError, match=r"standard\.h5` is not replaced"):
        train_group_to_files(configs, training_data, paths, hooks=puts(paths[0], "mine"))

    assert paths[0].read_text() == "mine"
    assert read_run(paths[1]).status == "complete"


def test_a_searched_rates_own_file_is_looked_at_before_training(training_data, tmp_path, make_run):
    config, path = config_of(lr=(0.01, 0.1), seeds=3, search_seeds=2), tmp_path / "run.h5"
    train_to_file(config, training_data, path, keep_all=True)
    rate = next(each for each in tmp_path.iterdir() if each.name.endswith(".h5") and each != path)
    for each in tmp_path.iterdir():
        if each != rate:
            each.unlink()
    rate.write_text("mine")

    with pytest.raises(RunFileError):
        train_to_file(config, training_data, path, keep_all=True)
    assert rate.read_text() == "mine"
    assert not path.exists()
    train_to_file(config, training_data, path, keep_all=True, resume=False)
    assert read_run(rate).status == "complete"


def test_another_run_is_refused_before_training_and_without_a_checkpoint(training_data, tmp_path, make_run):
    path, hooks = tmp_path / "run.h5", TrainingHooks(lambda progress: pytest.fail("it was trained"))
    write_run(path, make_run(config_of(width=11), only=("curves",), test_examples=10))
    before = path.read_bytes()

    with pytest.raises(ResumeError, match="was trained with width 11, not 10"):
        train_to_file(config_of(), training_data, path, hooks=hooks)
    with pytest.raises(ResumeError, match="was trained with width 11, not 10"):
        train_group_to_files([config_of()], training_data, [path], hooks=hooks)
    assert path.read_bytes() == before
    assert [each.name for each in tmp_path.iterdir()] == ["run.h5"]


def test_a_sweep_names_the_checkpoint_of_another_training(training_data, tmp_path):
    path = tmp_path / "run.h5"
    stop = []
    hooks = TrainingHooks(lambda progress: stop.append(1) if progress.updates else None, lambda: bool(stop))
    train_to_file(config_of(), training_data, tmp_path / "other.h5", hooks=hooks)
    checkpoint_paths(tmp_path / "other.h5")[0].rename(checkpoint_paths(path)[0])

    with pytest.raises(CheckpointError) as caught:
        train_to_file(config_of(width=11), training_data, path)
    assert "width 10, not 11: `--force` starts again" in str(caught.value)
    # A sweep has no such option.
    assert _line(caught.value).endswith(
        f"width 10, not 11: without `{checkpoint_paths(path)[0]}` it is trained from the beginning"
    )
