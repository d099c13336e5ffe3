import os
from dataclasses import replace

import pytest

from xavier_cli.config.run import RunConfig
from xavier_cli.runs.errors import RunFileError
from xavier_cli.runs.listing import list_runs, newest_command, run_path
from xavier_cli.runs.many import read_runs
from xavier_cli.runs.store import read_run, write_run


@pytest.fixture
def put(make_run, tmp_path):
    """A function that writes a small run of a command, a given number of seconds after noon."""

    def write(name, command, second, **settings):
        settings = {"depth": 1, "width": 2, "updates": 10, "only": ("curves",), **settings}
        created = f"2025-01-02T12:00:{second:02d}.000+00:00"
        provenance = {"command_id": command} if command else {}
        write_run(tmp_path / name, make_run(**settings, created_utc=created, provenance=provenance))
        os.utime(tmp_path / name, (second, second))
        return tmp_path / name

    return write


def test_runs_are_listed_the_oldest_first(put, tmp_path):
    put("b.h5", "x", 1)
    put("a.h5", "x", 2)
    put("c.h5", "x", 0)
    for name in (".a.h5.lock", ".a.h5.12@host.tmp", ".hidden.h5", "notes.txt", "a.h5.bak"):
        (tmp_path / name).write_text("")

    assert [path.name for path in list_runs(tmp_path)] == ["c.h5", "b.h5", "a.h5"]


def test_a_configurations_file_is_found_under_the_name_of_another_version(tmp_path):
    config = RunConfig.of(optimizer="adam", batch_size=128)
    new = tmp_path / f"shapeset-tanh-normalized-d5w300-lr0.03-adam-b128-{config.sha256()[:8]}.h5"
    old = tmp_path / f"shapeset-tanh-normalized-d5w300-lr0.03-{config.sha256()[:8]}.h5"
    if config.file_stem() != new.stem:
        new = tmp_path / f"{config.file_stem()}.h5"
    other = RunConfig.of(optimizer="adam")

    assert run_path(tmp_path, config) == new
    assert run_path(tmp_path / "nowhere", config).name == new.name
    # An interrupted training may have left its checkpoint alone.
    checkpoint = tmp_path / f".{old.name}.ckpt"
    checkpoint.touch()
    assert run_path(tmp_path, config) == old
    checkpoint.unlink()
    old.touch()
    (tmp_path / f"{old.stem}.weights.npz").touch()
    assert run_path(tmp_path, config) == old
    assert run_path(tmp_path, other).name == f"{other.file_stem()}.h5"
    new.touch()
    assert run_path(tmp_path, config) == new


def test_a_probe_is_found_under_the_name_that_said_zero_updates(tmp_path):
    config = RunConfig.of(updates=0)
    old = tmp_path / f"shapeset-tanh-normalized-d5w300-lr0.03-u0-{config.sha256()[:8]}.h5"

    assert "u0" not in run_path(tmp_path, config).name
    old.touch()
    assert run_path(tmp_path, config) == old


def odd_entries(folder):
    """What may lie in a folder under a run's name, and is none; a path and why it cannot be read."""
    (folder / "folder.h5").mkdir()
    (folder / "dangling.h5").symlink_to("nowhere")
    (folder / "loop.h5").symlink_to("loop.h5")
    (folder / "long.h5").symlink_to("x" * 300)
    (folder / "through.h5").symlink_to("c.h5/below")
    os.mkfifo(folder / "pipe.h5")
    return {
        "folder.h5": "is not a file",
        "dangling.h5": "No such file or directory",
        "loop.h5": "Too many levels of symbolic links",
        "long.h5": "File name too long",
        "through.h5": "Not a directory",
        "pipe.h5": "is not a file",
    }


def test_an_odd_entry_is_listed_and_is_its_own_failure(put, tmp_path):
    good = put("c.h5", "x", 1)
    odd = odd_entries(tmp_path)
    paths = list_runs(tmp_path)
    read = dict(zip(paths, read_runs(paths, ()), strict=True))

    assert {path.name for path in paths} == {"c.h5", *odd}
    assert read[good].path == good
    assert {path.name: error.reason for path, error in read.items() if path != good} == odd
    assert newest_command(tmp_path)[0] == [good]


def test_there_are_no_runs_where_there_is_no_folder(tmp_path):
    assert list_runs(tmp_path / "runs") == []
    assert newest_command(tmp_path / "runs") == ([], [])


def test_a_file_is_no_folder_of_runs(tmp_path):
    (tmp_path / "runs").write_text("")

    with pytest.raises(RunFileError, match="Not a directory"):
        list_runs(tmp_path / "runs")


def test_all_runs_of_the_newest_command_are_found(put, tmp_path):
    put("old.h5", "first", 1)
    sweep = [put("c.h5", "second", 2), put("a.h5", "second", 5), put("b.h5", "second", 9)]
    put("between.h5", "first", 7)

    assert newest_command(tmp_path) == (sweep, [])
    assert newest_command([tmp_path / "old.h5", sweep[0]]) == ([sweep[0]], [])


def test_a_run_without_a_command_stands_alone(put, tmp_path):
    put("a.h5", "", 1)
    newest = put("b.h5", "", 2)

    assert newest_command(tmp_path)[0] == [newest]


def test_a_resumed_run_is_of_the_command_that_resumed_it_last(put, tmp_path):
    resumed, newer = put("a.h5", "resumed", 1), put("b.h5", "between", 5)
    assert newest_command(tmp_path)[0] == [newer]
    run = read_run(resumed)
    again = {**run.provenance, "resumed_utc": ["2031-01-01T00:00:00+00:00"]}
    write_run(resumed, replace(run, provenance=again))

    assert newest_command(tmp_path)[0] == [resumed]
    assert read_run(resumed).created_utc == run.created_utc


def test_unreadable_files_are_passed_over_with_a_note(put, tmp_path):
    good = put("good.h5", "x", 1)
    (tmp_path / "bad.h5").write_text("junk")

    found, notes = newest_command(tmp_path)

    assert found == [good]
    assert len(notes) == 1
    assert "bad.h5" in notes[0]


def test_files_without_training_are_passed_over(put, tmp_path):
    trained = put("trained.h5", "train", 1)
    put("probed.h5", "probe", 2, updates=0)

    assert newest_command(tmp_path) == ([trained], [])
