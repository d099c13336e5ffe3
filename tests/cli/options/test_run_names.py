"""Runs that are named by the end of their name, most often by its hash."""

from __future__ import annotations

import shutil

import pytest


@pytest.fixture
def folder(shelf, tmp_path, monkeypatch):
    """A default folder of three runs, two of which end alike."""
    place = tmp_path / "named"
    place.mkdir()
    names = ("mnist-tanh-57dcef29", "mnist-relu-96cc2c0b", "mnist-tanh-12342c0b")
    for source, name in zip(sorted(shelf.glob("*.h5")), names, strict=True):
        shutil.copy(source, place / f"{name}.h5")
    monkeypatch.setenv("XAVIER_RUNS_DIR", str(place))
    monkeypatch.chdir(tmp_path)
    return place


@pytest.mark.parametrize("word", ["57dcef29", "-57dcef29", "ef29", "tanh-57dcef29", "57dcef29.h5"])
def test_the_end_of_a_name_names_the_run(xavier, folder, word):
    answer = xavier("ls", "-f", "json", "--", word)

    assert answer.code == 0, answer.err
    assert "mnist-tanh-57dcef29" in answer.out
    assert "96cc2c0b" not in answer.out


def test_two_runs_are_compared_by_their_hashes(xavier, folder):
    answer = xavier("diff", "57dcef29", "96cc2c0b")

    assert answer.code == 0, answer.err


def test_an_end_of_several_names_is_answered_with_them(xavier, folder):
    answer = xavier("show", "2c0b")

    assert answer.code == 5
    assert answer.err == (
        "xavier: `2c0b` ends the names of 2 runs: `mnist-relu-96cc2c0b`, `mnist-tanh-12342c0b`\n"
    )


@pytest.mark.parametrize("word", ["f29", "anh-57dcef29", "57dcef2", "29"])
def test_what_is_no_end_or_too_short_is_no_run(xavier, folder, word):
    answer = xavier("show", word)

    assert answer.code == 5
    assert f"no run `{word}`" in answer.err


def test_a_hash_is_a_run_and_another_word_is_a_tag(xavier, folder):
    answer = xavier("tag", "57dcef29", "96cc2c0b", "ef29")

    assert answer.code == 0, answer.err
    listed = xavier("ls", "--where", "tag=ef29", "-f", "json").out
    assert "57dcef29" in listed
    assert "96cc2c0b" in listed
