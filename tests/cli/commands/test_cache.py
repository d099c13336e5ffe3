"""`xavier cache`: what lies where, and removing it."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """This program's cache folder, with two programs, one of JAX's, a decoded and a fetched data set."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("JAX_COMPILATION_CACHE_DIR")
    for name, size in {
        f"programs/{'a' * 32}.program": 2_000_000,
        f"programs/{'b' * 32}.set": 500,
        f"jax/jit_add-{'c' * 64}-cache": 70_000,
        f"decoded/{'d' * 16}.npz": 9_000_000,
        "data/mnist/train-images-idx3-ubyte.gz": 1000,
        "programs/notes.txt": 10,
    }.items():
        path = tmp_path / "xavier" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bytes(size))
    return tmp_path / "xavier"


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)).split("/")[0] for path in folder.rglob("*") if path.is_file()}


def test_show_says_what_lies_where(xavier, folder):
    answer = xavier("cache", "show", "-f", "json")
    shown = json.loads(answer.out)

    assert shown["schema"] == "xavier.cache.show/1"
    assert [(each["cache"], each["files"], each["bytes"]) for each in shown["caches"]] == [
        ("programs", 2, 2_000_500),
        ("programs", 1, 70_000),
        ("data", 1, 9_000_000),
        ("theory", 0, 0),
        ("index", 0, 0),
    ]
    assert [each["path"] for each in shown["caches"]] == [
        str(folder / name) for name in ("programs", "jax", "decoded", "theory", "index")
    ]
    assert all(each["most_bytes"] >= 10**7 and not each["problem"] for each in shown["caches"])
    table = xavier("cache", "show", width=200).out
    assert "9.0 MB" in table
    assert str(folder / "decoded") in table
    assert xavier("cache", "show", "-f", "csv").out.count("\n") == 6


@pytest.mark.parametrize(
    ("what", "left", "freed"),
    [
        ((), {"data", "programs"}, 11_070_500),
        (("programs",), {"data", "decoded", "programs"}, 2_070_500),
        (("data",), {"data", "programs", "jax"}, 9_000_000),
    ],
)
def test_clear_removes_what_it_is_asked_to_and_says_what_was_freed(xavier, folder, what, left, freed):
    answer = xavier("cache", "clear", *what, "-f", "json")

    assert answer.code == 0
    assert json.loads(answer.out)["bytes"] == freed
    assert files(folder) == left
    # What `data fetch` got is no cache, and what somebody else put there is theirs.
    assert (folder / "programs" / "notes.txt").exists()
    assert json.loads(xavier("cache", "clear", *what, "-f", "json").out)["bytes"] == 0


def test_clear_asks_nothing_and_says_it_in_words(xavier, folder):
    assert "Freed 11.1 MB." in xavier("cache", "clear").out


def test_links_are_left_alone(xavier, folder, tmp_path):
    outside = tmp_path / "thesis"
    outside.mkdir()
    (outside / f"{'e' * 16}.npz").write_bytes(bytes(9))
    (folder / "decoded" / f"{'e' * 16}.npz").symlink_to(outside / f"{'e' * 16}.npz")
    (folder / "decoded" / "thesis").symlink_to(outside)
    xavier("cache", "clear")

    assert [path.stat().st_size for path in outside.iterdir()] == [9]
    assert len([*(folder / "decoded").iterdir()]) == 2


def test_a_misspelt_word_removes_nothing(xavier, folder):
    answer = xavier("cache", "clear", "program")

    assert answer.code == 2
    assert "did you mean `programs`" in answer.err
    assert "programs" in files(folder)


def test_what_cannot_be_removed_is_said(xavier, folder, monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("xavier_cli.files.caches.os.unlink", refuse)
    answer = xavier("cache", "clear")

    assert answer.code == 6
    assert answer.err.splitlines() == [
        f"xavier: `{folder / 'programs'}` could not be cleared: Permission denied"
    ]


def test_where_jax_was_told_of_a_folder_its_own_programs_stay(xavier, folder, tmp_path, monkeypatch):
    told = tmp_path / "told"
    (told / "xavier").mkdir(parents=True)
    (told / "xavier" / f"{'a' * 32}.set").write_bytes(bytes(5))
    (told / f"jit_add-{'c' * 64}-cache").write_bytes(bytes(7))
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(told))

    assert f"{told} (JAX_COMPILATION_CACHE_DIR)" in xavier("cache", "show", width=200).out
    assert json.loads(xavier("cache", "clear", "programs", "-f", "json").out)["bytes"] == 5
    assert (told / f"jit_add-{'c' * 64}-cache").exists()


def test_a_folder_that_others_can_write_to_is_named(xavier, folder):
    (folder / "programs").chmod(0o777)

    assert "can be written to by other users" in xavier("cache", "show", width=200).out


@pytest.mark.slow
def test_training_says_once_that_such_a_folder_is_not_used(folder):
    (folder / "programs").chmod(0o777)
    settings = shlex.split("--depth 1 --width 4 --updates 5 --records 2 --seeds 1 --eval-examples 100 -q")
    done = subprocess.run(
        [sys.executable, "-c", "from xavier_cli.cli import main; main()", "train", *settings],
        cwd=folder.parent,
        env={**os.environ, "XDG_CACHE_HOME": str(folder.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    said = [line for line in done.stderr.splitlines() if not line.lstrip().startswith(("next:", "xavier c"))]

    problem = f"`{folder / 'programs'}` can be written to by other users; remove that folder"
    assert said == [f"xavier: compiled programs are not cached: {problem}"]
    assert files(folder) >= {"jax", "data"}
