"""Tests that paths which cannot be written are reported before training, without leaving files."""

from __future__ import annotations

import errno
import os

import pytest
from runs.test_run_faults import Faulty

from xavier_cli.config.run import RunConfig
from xavier_cli.errors import StorageError
from xavier_cli.files import publish
from xavier_cli.runs.store import read_run, write_run
from xavier_cli.training import resumable
from xavier_cli.training.engine.loop import TrainingHooks
from xavier_cli.training.resumable import train_group_to_files, train_to_file


def config_of(**settings):
    return RunConfig.of(**{"data": "mnist", "depth": 1, "width": 4, "updates": 10, "seeds": "1"} | settings)


class Trained(Exception):
    """Training began."""


@pytest.fixture(autouse=True)
def no_training(monkeypatch):
    """Whatever would train says so instead."""

    def train(*_, **__):
        raise Trained

    monkeypatch.setattr(resumable, "train", train)
    monkeypatch.setattr(resumable, "train_together", train)


def left(folder):
    return sorted(path.name for path in folder.rglob("*"))


def refused(path, training_data, words, **options):
    with pytest.raises(StorageError, match=words):
        train_to_file(config_of(), training_data, path, **options)


def test_where_all_is_well_training_begins_and_nothing_was_left(tmp_path, training_data):
    with pytest.raises(Trained):
        train_to_file(config_of(), training_data, tmp_path / "new" / "folder" / "run.h5")

    assert left(tmp_path) == []


def test_a_name_too_long_for_a_checkpoint_is_refused_and_the_longest_that_is_not_is_trained(
    tmp_path, training_data
):
    longest = 255 - len("...ckpt.1.0123456789ab.tmp")
    with pytest.raises(Trained):
        train_to_file(config_of(), training_data, tmp_path / ("x" * longest))
    refused(
        tmp_path / ("x" * (longest + 1)),
        training_data,
        "its checkpoint could not be written: File name too long",
    )
    refused(tmp_path / ("x" * 250), training_data, "File name too long")

    assert left(tmp_path) == []


def test_control_without_a_rehearsal_a_long_name_is_trained(tmp_path, training_data, monkeypatch):
    monkeypatch.setattr(resumable, "_rehearse", lambda *_: None)
    with pytest.raises(Trained):
        train_to_file(config_of(), training_data, tmp_path / ("x" * 250), resume=False)


def test_a_path_too_long_is_refused(tmp_path, training_data):
    refused(tmp_path.joinpath(*["x" * 200] * 25, "run.h5"), training_data, "File name too long")


def test_places_that_cannot_be_written_are_refused(tmp_path, training_data):
    (tmp_path / "folder.h5").mkdir()
    (tmp_path / "file").write_text("")
    refused(tmp_path / "folder.h5", training_data, "Is a directory")
    refused(tmp_path / "file" / "run.h5", training_data, "Not a directory")

    assert left(tmp_path) == ["file", "folder.h5"]


@pytest.mark.parametrize(
    "code", [errno.ENOSPC, errno.EROFS, errno.EACCES], ids=lambda code: errno.errorcode[code]
)
def test_a_fault_at_any_call_is_refused_and_what_lies_there_stays(
    tmp_path, training_data, monkeypatch, make_run, code
):
    path, old = tmp_path / "run.h5", make_run(depth=1, width=2, updates=10, records="3", only=("curves",))
    write_run(path, old)
    faulty = Faulty(monkeypatch, code)
    with pytest.raises(Trained):
        train_to_file(config_of(), training_data, path, resume=False)
    calls = faulty.count
    for k in range(1, calls + 1):
        faulty.arm(k, for_good=True)
        refused(path, training_data, os.strerror(code), resume=False)
        faulty.disarm()

    assert calls >= 10
    assert read_run(path).config == old.config
    assert left(tmp_path) == ["run.h5"]


@pytest.mark.parametrize("code", [errno.EPERM, errno.EACCES])
def test_a_file_that_may_not_be_replaced_is_refused(tmp_path, training_data, monkeypatch, code):
    # So it is of another user's file in a sticky folder, and of one that was made immutable.
    (tmp_path / "run.h5").write_text("another's")

    def refuse(path):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(publish.os, "rmdir", refuse)
    refused(tmp_path / "run.h5", training_data, os.strerror(code), resume=False)

    assert (tmp_path / "run.h5").read_text() == "another's"
    assert left(tmp_path) == ["run.h5"]


def test_what_another_user_owns_in_a_sticky_folder_is_refused(tmp_path):
    if os.getuid():
        pytest.skip("takes another user's file, which only root can make")
    folder = tmp_path / "sticky"
    folder.mkdir()
    folder.chmod(0o1777)
    (folder / "run.h5").write_text("root's")
    os.chdir(folder)
    os.seteuid(65534)
    try:
        with pytest.raises(StorageError, match=r"Operation not permitted|Permission denied"):
            publish.rehearse(folder.relative_to(folder) / "run.h5")
        publish.rehearse(folder.relative_to(folder) / "mine.h5")
    finally:
        os.seteuid(0)

    assert left(folder) == ["run.h5"]


def test_a_group_is_refused_whichever_of_its_files_cannot_be_written(tmp_path, training_data):
    (tmp_path / "b.h5").mkdir()
    configs = [config_of(init=init) for init in ("standard", "normalized")]
    with pytest.raises(StorageError, match=r"b\.h5` could not be written: Is a directory"):
        train_group_to_files(configs, training_data, [tmp_path / "a.h5", tmp_path / "b.h5"])

    assert left(tmp_path) == ["b.h5"]


def test_each_rate_of_a_search_that_is_kept_is_rehearsed(tmp_path, training_data):
    config = config_of(lr="0.01,0.0312345")
    rate = config.with_(lr=0.0312345, seeds=config.seeds[: config.search_seeds])
    (tmp_path / f"{rate.file_stem()}.h5").mkdir()
    with pytest.raises(StorageError, match="Is a directory"):
        train_to_file(config, training_data, tmp_path / "run.h5", keep_all=True)
    with pytest.raises(Trained):
        train_to_file(config, training_data, tmp_path / "run.h5")


def test_texts_that_no_file_could_hold_before_are_rehearsed(tmp_path, training_data):
    named = TrainingHooks(provenance={"command": "xavier train -o \udcff.h5"})
    with pytest.raises(Trained):
        train_to_file(config_of(), training_data, tmp_path / "ü\udcff.h5", hooks=named)
