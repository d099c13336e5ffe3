"""Tests cache folders: atomic writes, bounds, temporaries of killed writers, and files of others."""

from __future__ import annotations

import errno
import os
import re
import signal
import subprocess
import sys
from dataclasses import replace

import pytest

from xavier_cli.files import publish
from xavier_cli.files.caches import Cache, Size, compiled_programs, decoded_data, jax_programs

A, B, C = (f"{letter * 16}.npz" for letter in "abc")


@pytest.fixture
def cache(tmp_path) -> Cache:
    return Cache("data", "numbers", tmp_path / "numbers", re.compile(r"[a-c]{16}\.npz"), 2500)


def put(cache: Cache, name: str, content: bytes = bytes(1000), used: float | None = None) -> None:
    cache.put(name, len(content), lambda file: file.write(content))
    if used is not None:
        os.utime(cache.path / name, (used, used))


def names(cache: Cache) -> list[str]:
    return sorted(os.listdir(cache.path))


def test_what_is_put_is_read_and_the_folder_is_this_users_alone(cache):
    put(cache, A, b"numbers")
    with cache.open(A) as file:
        assert file.read() == b"numbers"
    assert cache.path.stat().st_mode & 0o777 == 0o700
    assert names(cache) == [A]
    assert cache.size() == Size(1, 7)


def test_what_was_not_used_for_longest_goes_first(cache):
    for number, name in enumerate((A, B, C)):
        put(cache, name, used=number)
    cache.open(A).close()
    cache.prune()

    assert names(cache) == [A, C]


def test_what_is_larger_than_the_bound_drives_nothing_out(cache):
    put(cache, A)
    put(cache, B, bytes(3000))
    cache.prune()

    assert names(cache) == [A]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "full"), KeyboardInterrupt()])
def test_a_full_disk_and_an_interrupt_leave_nothing_behind(cache, error):
    def fail(file):
        file.write(bytes(10))
        raise error

    for _ in range(2):
        try:
            cache.put(A, 10, fail)
        except KeyboardInterrupt:
            assert isinstance(error, KeyboardInterrupt)

    assert names(cache) == []


WRITER = """
import re, sys, time
from pathlib import Path
from xavier_cli.files import publish
from xavier_cli.files.caches import Cache
def write(file):
    file.write(bytes(500)); file.flush(); print("begun", flush=True); time.sleep(60)
Cache("data", "", Path(sys.argv[1]), re.compile("x"), 2500).put("a" * 16 + ".npz", 500, write)
"""


def test_what_a_kill_left_is_swept_and_what_is_being_written_is_not(cache, monkeypatch):
    def begin() -> subprocess.Popen[str]:
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, cache.path], stdout=subprocess.PIPE, text=True
        )
        assert writer.stdout is not None
        assert writer.stdout.readline() == "begun\n"
        return writer

    killed, alive = begin(), begin()
    try:
        killed.send_signal(signal.SIGKILL)
        killed.wait()
        # Temporaries of earlier versions, which held no locks.
        for name in ("tmp0abc_z12", "tmp0abc_z13.tmp"):
            (cache.path / name).write_bytes(bytes(7))
        assert len(names(cache)) == 4
        assert cache.size().files == 4
        # Later than a writer needs to lock what it made.
        monkeypatch.setattr(publish, "FRESH_SECONDS", 0.0)
        put(cache, B)
        assert B in names(cache)
        assert len(names(cache)) == 4
        assert cache.clear() == Size(3, 1014)
        assert len(names(cache)) == 1
    finally:
        for writer in (killed, alive):
            writer.kill()
            writer.wait()
            writer.stdout.close()
    publish.sweep(cache.path)
    assert names(cache) == []


def test_only_files_of_ours_are_removed(cache, tmp_path):
    outside = tmp_path / "mine.npz"
    outside.write_bytes(bytes(9000))
    (tmp_path / B).write_bytes(bytes(9000))
    put(cache, A)
    (cache.path / B).symlink_to(outside)
    (cache.path / C).mkdir()
    (cache.path / f".{C}.{'0' * 16}.tmp").symlink_to(outside)
    (cache.path / "thesis.tex").write_text("years of work")
    (cache.path / "folder").symlink_to(tmp_path)
    replace(cache, most_bytes=0).prune()
    put(cache, A)

    assert cache.clear() == Size(1, 1000)
    assert names(cache) == sorted([B, C, f".{C}.{'0' * 16}.tmp", "folder", "thesis.tex"])
    assert outside.stat().st_size == (tmp_path / B).stat().st_size == 9000
    with pytest.raises(OSError):
        cache.open(B)
    # Writing to a link replaces the link, not its target.
    put(cache, B, b"new")
    assert outside.stat().st_size == 9000
    assert not (cache.path / B).is_symlink()


def test_a_folder_that_is_a_link_loses_files_of_ours_alone(cache, tmp_path):
    documents = tmp_path / "documents"
    documents.mkdir(mode=0o700)
    (documents / "thesis.tex").write_text("years of work")
    cache.path.symlink_to(documents)
    put(cache, A)

    assert cache.clear() == Size(1, 1000)
    assert names(cache) == ["thesis.tex"]


def test_what_is_not_there_is_empty(cache):
    assert cache.size() == cache.clear() == Size(0, 0)
    cache.prune()
    assert not cache.path.exists()
    cache.path.write_text("a file")
    put(cache, A)
    assert cache.size() == Size(0, 0)
    assert not cache.make()


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777, 0o1777])
def test_a_folder_that_others_can_write_to_is_not_trusted(cache, mode):
    put(cache, A)
    cache.path.chmod(mode)

    assert cache.problem() == "can be written to by other users"
    assert not cache.make()
    put(cache, B)
    assert names(cache) == [A]
    # Permissions are not repaired: the content may come from another user.
    assert cache.path.stat().st_mode & 0o7777 == mode


def test_a_folder_or_file_of_another_user_is_not_trusted(cache, monkeypatch):
    put(cache, A)
    me = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: me + 1)

    assert cache.problem() == "belongs to another user"
    assert not cache.make()
    with pytest.raises(PermissionError):
        cache.open(A)


def test_a_folder_that_others_can_only_read_becomes_private(cache):
    cache.path.mkdir(mode=0o755)
    cache.path.chmod(0o755)

    assert cache.make()
    assert cache.path.stat().st_mode & 0o777 == 0o700


def test_the_names_in_use_are_ours():
    program, digest = "0123456789abcdef" * 2, "0123456789abcdef" * 4
    assert compiled_programs(None).ours.fullmatch(f"{program}.program")
    assert compiled_programs("/x").ours.fullmatch(f"{program}.set")
    assert jax_programs().ours.fullmatch(f"jit_convert_element_type-{digest}-cache")
    assert decoded_data().ours.fullmatch(A)
    assert str(compiled_programs("/x").path) == "/x/xavier"
