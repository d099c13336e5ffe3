"""Tests the removal of runs: with what lies beside them, and never anything else."""

from __future__ import annotations

import os

import pytest

from xavier_cli.errors import LockedError, StorageError
from xavier_cli.files.locks import lock_output
from xavier_cli.runs.checkpoint import checkpoint_paths
from xavier_cli.runs.removal import plan_removal, remove_run
from xavier_cli.runs.weights import weights_path


@pytest.fixture
def run(tmp_path):
    """A run with all that may lie beside it, and neighbours whose names are alike."""
    path = tmp_path / "run.h5"
    for number, each in enumerate((path, *checkpoint_paths(path), weights_path(path)), 1):
        each.write_bytes(bytes(number * 100))
    for name in ("run2.h5", ".run2.h5.ckpt", "run2.weights.npz", "xrun.weights.npz", "run.h5.bak", "run.png"):
        (tmp_path / name).touch()
    return path


def left(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_run_goes_with_its_checkpoints_and_weights_and_nothing_else(run):
    planned = plan_removal(run)
    before = left(run.parent)
    remove_run(planned)

    assert planned.nbytes == 100 + 200 + 300 + 400
    assert set(before) - set(left(run.parent)) == {
        "run.h5",
        ".run.h5.ckpt",
        ".run.h5.ckpt.1",
        "run.weights.npz",
    }


def test_a_copy_without_its_ending_leaves_the_weights_of_the_run(run):
    copy = run.with_suffix("")
    copy.write_bytes(b"run")
    remove_run(plan_removal(copy))

    assert not copy.exists()
    assert weights_path(run).exists()


def test_a_run_that_is_being_written_stays(run):
    planned, before = plan_removal(run), left(run.parent)

    with lock_output(run), pytest.raises(LockedError, match=f"process {os.getpid()}"):
        remove_run(planned)
    assert left(run.parent) == before


def test_a_run_that_changed_after_it_was_shown_stays(run):
    planned, before = plan_removal(run), left(run.parent)
    new = run.with_name("new")
    new.write_bytes(b"trained meanwhile")
    new.rename(run)

    with pytest.raises(StorageError, match="has changed meanwhile"):
        remove_run(planned)
    assert left(run.parent) == before
    run.unlink()
    with pytest.raises(StorageError, match="No such file"):
        remove_run(planned)


def test_what_appeared_after_it_was_shown_stays(run):
    weights_path(run).unlink()
    planned = plan_removal(run)
    weights_path(run).touch()
    remove_run(planned)

    assert weights_path(run).exists()


def test_of_a_link_the_link_goes_and_its_target_stays(run, tmp_path):
    link = tmp_path / "link.h5"
    link.symlink_to(run)
    remove_run(plan_removal(link))

    assert not link.is_symlink()
    assert run.stat().st_size == 100
    assert weights_path(run).exists()


def test_what_cannot_be_removed_is_named(run, monkeypatch):
    planned = plan_removal(run)

    def refuse(self, missing_ok=False):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(run), "unlink", refuse)
    with pytest.raises(StorageError, match=r"run\.h5` could not be removed: Permission denied"):
        remove_run(planned)


def test_a_folder_where_weights_would_lie_stays_and_the_run_goes(run):
    weights = weights_path(run)
    weights.unlink()
    weights.mkdir()
    (weights / "mine.txt").touch()
    remove_run(plan_removal(run))

    assert not run.exists()
    assert (weights / "mine.txt").exists()
