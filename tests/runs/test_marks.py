"""Tests tags and notes: in the run file, published whole, without touching a number."""

from __future__ import annotations

import errno
import json
import os
import stat
import threading
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from xavier_cli.errors import ConfigError, LockedError, StorageError
from xavier_cli.files import publish
from xavier_cli.files.locks import lock_output
from xavier_cli.runs import marks
from xavier_cli.runs.errors import RunFileError
from xavier_cli.runs.listing import list_runs
from xavier_cli.runs.marking import mark_run
from xavier_cli.runs.merge import merge_runs
from xavier_cli.runs.reader import read_run as read_apart
from xavier_cli.runs.store import read_run, write_run


@pytest.fixture
def path(make_run, tmp_path):
    place = tmp_path / "run.h5"
    write_run(place, make_run(depth=1, width=2, updates=10, records="3", seeds=2, only=("curves",)))
    return place


def attributes(path: Path) -> dict:
    with h5py.File(path) as file:
        return {name: value.tobytes() for name, value in file.attrs.items() if name != "marks_json"}


def test_marks_are_in_the_file_and_change_nothing_else(path):
    before, header = read_run(path), attributes(path)
    mark_run(path, ["paper", "draft"], note="the one in\n Table 2")
    after = read_run(path)

    assert (after.tags, after.note) == (("paper", "draft"), "the one in Table 2")
    assert attributes(path) == header
    assert after.config == before.config
    assert all(array.tobytes() == after[name].tobytes() for name, array in before.arrays.items())
    # The process that reads files for the commands says the same, of a copy too.
    copy = path.with_name("copy.h5")
    copy.write_bytes(path.read_bytes())
    assert (read_apart(copy).tags, read_apart(copy).note) == (after.tags, after.note)


def test_without_marks_the_file_is_what_it_was_to_the_byte(path):
    before = path.read_bytes()
    mark_run(path, ["paper"], note="x")
    assert path.read_bytes() != before

    mark_run(path, remove=["paper"], note="")
    assert path.read_bytes() == before


def test_tags_are_kept_once_in_order_and_a_note_stays_until_it_is_replaced(path):
    mark_run(path, ["b", "a"], note="first")
    mark_run(path, ["a", "c"], ["b"])
    assert (read_run(path).tags, read_run(path).note) == (("a", "c"), "first")

    identity = path.stat().st_ino
    mark_run(path, ["a"], ["nowhere"])
    assert path.stat().st_ino == identity


def test_the_order_of_runs_and_permissions_stay_but_the_time_shows_a_change(path, make_run):
    other = path.with_name("other.h5")
    write_run(other, make_run(depth=1, width=2, updates=10, records="3", only=("curves",)))
    os.utime(path, ns=(10**18, 10**18))
    os.utime(other, ns=(10**18, 10**18 + 10**9))
    path.chmod(0o640)
    mark_run(path, ["paper"])

    assert list_runs(path.parent) == [path, other]
    assert path.stat().st_mtime_ns != 10**18
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize(
    "tag", ["", "two words", "a,b", "-x", "a/b", "run.h5", "x" * 41, "\x1b[31m", "a\udce9"]
)
def test_what_can_be_no_tag_is_refused(path, tag):
    before = path.read_bytes()

    with pytest.raises(ConfigError, match="should be a word"):
        mark_run(path, [tag])
    assert path.read_bytes() == before


def test_too_many_tags_and_too_long_a_note_are_refused(path):
    with pytest.raises(ConfigError, match="51 tags are over 50"):
        mark_run(path, [f"t{i}" for i in range(51)])
    with pytest.raises(ConfigError, match="1,001 characters"):
        mark_run(path, note="x" * 1001)


def test_a_run_that_is_being_written_is_refused_with_its_writer(path):
    with lock_output(path), pytest.raises(LockedError, match=f"being written by process {os.getpid()}"):
        mark_run(path, ["paper"])
    assert read_run(path).tags == ()


def test_a_read_only_run_is_refused_and_stays(path):
    path.chmod(0o444)

    with pytest.raises(StorageError, match="is read-only"):
        mark_run(path, ["paper"])
    assert read_run(path).tags == ()


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_a_full_disk_leaves_the_run_as_it_was(path, monkeypatch, call):
    before = path.read_bytes()

    def full(*_, **__):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(publish.os, call, full)
        with pytest.raises(StorageError, match="No space left"):
            mark_run(path, ["paper"])
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["run.h5"]


def test_damaged_files_and_others_are_refused(path):
    content = path.read_bytes()
    content = content[: len(content) // 2]
    damaged = path.with_name("damaged.h5")
    damaged.write_bytes(content)
    path.with_name("text.h5").write_text("hello")

    for name in ("damaged.h5", "text.h5", "nowhere.h5"):
        with pytest.raises(RunFileError):
            mark_run(path.with_name(name), ["paper"])
    assert damaged.read_bytes() == content


def test_what_a_later_version_added_is_not_lost(path):
    with h5py.File(path, "a") as file:
        file["curves/of_tomorrow"] = np.zeros(3)
    before = path.read_bytes()

    with pytest.raises(StorageError, match=r"would lose: `curves/of_tomorrow`"):
        mark_run(path, ["paper"])
    assert path.read_bytes() == before


def test_a_link_stays_and_what_it_leads_to_is_marked(path, tmp_path):
    link = tmp_path / "link.h5"
    link.symlink_to("run.h5")
    mark_run(link, ["paper"])

    assert link.is_symlink()
    assert read_run(path).tags == ("paper",)


def test_readers_find_a_whole_run_while_it_is_marked(path):
    done, wrong = threading.Event(), []

    def read():
        while not done.is_set():
            try:
                read_run(path)
            except RunFileError as error:
                wrong.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(10):
        mark_run(path, [f"t{number}"])
    done.set()
    reader.join()

    assert wrong == []
    assert len(read_run(path).tags) == 10


@pytest.mark.parametrize(
    ("told", "tags", "note"),
    [
        ("nonsense", (), ""),
        ("[" * 100_000, (), ""),
        ("[1]", (), ""),
        ('{"tags": "paper", "note": 3}', (), ""),
        ('{"tags": ["a", 3, "b c", "a", "\\u001b[31m"], "later": 1}', ("a",), ""),
        (json.dumps({"tags": [f"t{i}" for i in range(99)]}), tuple(f"t{i}" for i in range(50)), ""),
        (json.dumps({"note": "x" * 1001}), (), ""),
        (json.dumps({"note": "red \x1b[31m\n‮ alert"}), (), "red ? alert"),
    ],
)
def test_marks_that_somebody_else_wrote_make_no_run_unreadable_and_are_harmless(path, told, tags, note):
    with h5py.File(path, "a") as file:
        content = told.encode()
        file.attrs.create("marks_json", np.bytes_(content), dtype=h5py.string_dtype("utf-8", len(content)))
    run = read_apart(path)

    assert (run.tags, run.note) == (tags, note)


def test_of_merged_runs_the_marks_that_all_have_stay(make_run):
    first, second = (
        replace(
            make_run(depth=1, width=2, updates=10, records="3", seeds=seeds, only=("curves",)),
            tags=tags,
            note="same",
        )
        for seeds, tags in (("0,1", ("a", "b")), ("2,3", ("b", "c")))
    )
    (merged,), _ = merge_runs([first, second])

    assert (merged.tags, merged.note) == (("b",), "same")


def test_marks_survive_as_text(path):
    assert marks.from_json(marks.to_json(("a", "b.c"), "ü")) == (("a", "b.c"), "ü")
