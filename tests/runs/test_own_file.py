"""At the file of a configuration only its own run is replaced, whatever lies there and whenever it came."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest

from xavier_cli.config.run import RunConfig
from xavier_cli.errors import StorageError
from xavier_cli.runs.checkpoint import checkpoint_paths
from xavier_cli.runs.errors import ResumeError, RunFileError
from xavier_cli.runs.own_file import OwnFile, finished_run, in_the_way, made_at
from xavier_cli.runs.store import read_run, write_run
from xavier_cli.runs.surface import SurfaceConfig
from xavier_cli.runs.weights import parameter_shapes, weights_path

SMALL = {"depth": 1, "width": 3, "updates": 10, "records": "2", "seeds": "1"}
CONFIG = RunConfig.of(**SMALL)


@pytest.fixture
def small(make_run):
    """A function that makes a small run."""

    def make(config=CONFIG, **more):
        return make_run(config, only=("curves",), test_examples=10, **more)

    return make


def with_weights(run, value=0.0):
    shapes = parameter_shapes(run.config, 1024, 9).items()
    return replace(run, weights={name: np.full((1, *shape), value, np.float32) for name, shape in shapes})


def put(kind, path, small, plausible_surface):
    """Something of this `kind` at `path` that is not the run of `CONFIG`."""
    if kind == "another run":
        write_run(path, small(CONFIG.with_(width=4)))
    elif kind == "another run, interrupted":
        write_run(path, small(CONFIG.with_(width=4), status="interrupted", records_done=1))
    elif kind == "the same with other seeds":
        write_run(path, small(CONFIG.with_(seeds=(0, 1))))
    elif kind == "a loss surface":
        write_run(path, plausible_surface())
    elif kind == "damaged":
        write_run(path, small())
        path.write_bytes(path.read_bytes()[:-100])
    elif kind == "text":
        path.write_text("mine")
    elif kind == "empty":
        path.touch()
    elif kind == "a folder":
        path.mkdir()
    elif kind == "a pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("nowhere")


IN_THE_WAY = {
    "another run": (ResumeError, "another run, trained with width 4, not 3"),
    "another run, interrupted": (ResumeError, "another run, trained with width 4, not 3"),
    "the same with other seeds": (ResumeError, "another run, trained with seeds [0, 1], not [0]"),
    "a loss surface": (RunFileError, "it holds a loss surface, not a run"),
    "damaged": (RunFileError, "it is damaged or not a run file"),
    "text": (RunFileError, "it is damaged or not a run file"),
    "empty": (RunFileError, "it is damaged or not a run file"),
    "a folder": (RunFileError, "it is a folder"),
    "a pipe": (RunFileError, "it is not a file"),
    "a link to nowhere": (RunFileError, "it is a link that leads nowhere"),
}


def state(path):
    """What would show that `path` was touched."""
    status = os.lstat(path)
    return status.st_ino, status.st_mtime_ns, status.st_size


@pytest.mark.parametrize("kind", IN_THE_WAY)
def test_what_is_not_its_own_run_is_refused_and_stays(tmp_path, small, plausible_surface, kind):
    path = tmp_path / "run.h5"
    put(kind, path, small, plausible_surface)
    before = state(path)
    refused, said = IN_THE_WAY[kind]

    with pytest.raises(refused) as caught:
        OwnFile(path, CONFIG)
    assert in_the_way(caught.value).startswith(f"`{path}` is in the way: {said}")
    assert in_the_way(caught.value).endswith("; move it away")
    with pytest.raises(refused):
        finished_run(path, CONFIG)
    assert state(path) == before


def test_its_own_run_is_found_complete_or_not(tmp_path, small):
    path = tmp_path / "run.h5"
    assert made_at(path, CONFIG) is None
    assert OwnFile(path, CONFIG).former is None
    write_run(path, small(status="interrupted", records_done=1))
    assert made_at(path, CONFIG).status == "interrupted"
    assert finished_run(path, CONFIG) is None
    OwnFile(path, CONFIG).write(small())
    assert finished_run(path, CONFIG).config == CONFIG


def test_of_results_another_configurations_is_refused_too(tmp_path, plausible_surface):
    path = tmp_path / "surface.h5"
    write_run(path, plausible_surface(points=7))

    assert made_at(path, SurfaceConfig.of(points=7, examples=2)).config.points == 7
    with pytest.raises(ResumeError, match=r"was made with points 7, not 9"):
        made_at(path, SurfaceConfig.of(points=9, examples=2))


def test_what_is_asked_to_replace_replaces(tmp_path, small, plausible_surface):
    path = tmp_path / "run.h5"
    put("text", path, small, plausible_surface)
    own = OwnFile(path, CONFIG, replaces=True)
    own.write(small())

    assert read_run(path).config == CONFIG


@pytest.mark.parametrize("kind", IN_THE_WAY)
def test_what_is_put_there_meanwhile_stays(tmp_path, small, plausible_surface, kind):
    path = tmp_path / "run.h5"
    own = OwnFile(path, CONFIG)
    own.write(small(status="running", records_done=1))
    path.unlink()
    put(kind, path, small, plausible_surface)
    before = state(path)

    assert own.is_in_the_way
    with pytest.raises(StorageError, match=r"is not replaced: it was put there meanwhile|a pipe"):
        own.write(small())
    assert state(path) == before
    assert [each.name for each in tmp_path.iterdir()] == ["run.h5"]


def test_what_is_put_there_at_the_last_moment_stays(tmp_path, small, monkeypatch):
    from xavier_cli.runs import store

    path, read = tmp_path / "run.h5", store.read_any
    own = OwnFile(path, CONFIG)

    def verified(temporary, *more):
        path.write_text("mine")
        return read(temporary, *more)

    monkeypatch.setattr(store, "read_any", verified)
    with pytest.raises(StorageError, match="is not replaced"):
        own.write(small())
    assert path.read_text() == "mine"


def test_its_own_run_may_be_copied_touched_or_removed_meanwhile(tmp_path, small):
    path = tmp_path / "run.h5"
    own = OwnFile(path, CONFIG)
    own.write(small(status="running", records_done=1))
    os.utime(path)
    own.write(small(status="running", records_done=1))
    copy = path.read_bytes()
    path.unlink()
    own.write(small(status="running", records_done=1))
    path.unlink()
    path.write_bytes(copy)
    own.write(small())

    assert read_run(path).status == "complete"


def test_weights_of_another_run_stay(tmp_path, small):
    path = tmp_path / "run.h5"
    other = with_weights(small(CONFIG.with_(lr=0.5)), 1.0)
    write_run(tmp_path / "other.h5", other)
    os.rename(weights_path(tmp_path / "other.h5"), weights_path(path))
    kept = weights_path(path).read_bytes()

    with pytest.raises(RunFileError, match=r"run\.weights\.npz`: is not the weights file of `run\.h5`"):
        OwnFile(path, CONFIG, has_weights=True)
    # Who keeps no weights leaves them there.
    OwnFile(path, CONFIG).write(small())
    assert weights_path(path).read_bytes() == kept
    with pytest.raises(RunFileError):
        OwnFile(path, CONFIG, has_weights=True)
    OwnFile(path, CONFIG, replaces=True, has_weights=True).write(with_weights(small()))
    assert weights_path(path).read_bytes() != kept


@pytest.mark.parametrize("kind", ["text", "empty", "a folder", "a link to nowhere"])
def test_what_is_no_weights_file_at_all_stays(tmp_path, small, plausible_surface, kind):
    path = tmp_path / "run.h5"
    put(kind, weights_path(path), small, plausible_surface)
    before = state(weights_path(path))

    with pytest.raises(RunFileError, match="is not the weights file"):
        OwnFile(path, CONFIG, has_weights=True)
    OwnFile(path, CONFIG).write(small())
    assert state(weights_path(path)) == before


def test_weights_put_there_meanwhile_stay(tmp_path, small):
    path = tmp_path / "run.h5"
    own = OwnFile(path, CONFIG, has_weights=True)
    weights_path(path).write_text("mine")

    with pytest.raises(StorageError, match=r"run\.weights\.npz` is not replaced: it was put there meanwhile"):
        own.write(with_weights(small()))
    assert weights_path(path).read_text() == "mine"
    assert not path.exists()


def test_its_own_weights_are_replaced_also_where_its_run_was_never_written(tmp_path, small):
    path = tmp_path / "run.h5"
    write_run(path, with_weights(small()))
    # Killed between the two, after the last checkpoint.
    path.unlink()
    with pytest.raises(RunFileError):
        OwnFile(path, CONFIG, has_weights=True)
    checkpoint_paths(path)[0].touch()
    OwnFile(path, CONFIG, has_weights=True).write(with_weights(small()))
    # Damaged, but the run says that they are its own.
    weights_path(path).write_bytes(weights_path(path).read_bytes()[:-100])
    OwnFile(path, CONFIG, has_weights=True).write(with_weights(small()))
    with np.load(weights_path(path), allow_pickle=False) as arrays:
        assert arrays["seed0/output/bias"].shape == (9,)
    checkpoint_paths(path)[0].unlink()
    # A run without weights leaves none beside it.
    OwnFile(path, CONFIG).write(small())
    assert not weights_path(path).exists()
