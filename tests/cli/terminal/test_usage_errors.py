"""A mistake on the command line is one line with what is meant, or with the choices."""

from pathlib import Path

import pytest

from xavier_cli.cli.catalogue import COMMANDS
from xavier_cli.vocabulary import lookup, other_words


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("run", "`xavier train`"),
        ("results", "`xavier compare`"),
        ("list", "`xavier ls`"),
        ("benchmark", "`xavier bench`"),
        ("activations", "`xavier act list`"),
        ("tarin", "`train`"),
        ("nonsense", "`xavier --help` lists the commands"),
        ("act tanh", "`xavier act show` or `xavier act list`"),
        ("act shwo", "`show`"),
        ("config --width 3", "`xavier config show --width`"),
        ("init --fan-in 3", "`xavier init show --fan-in`"),
        ("--width 3", "`xavier train --width`"),
        ("data --data-dir x", "`xavier data list --data-dir`"),
    ],
)
def test_what_is_not_there_is_answered_with_what_is_meant(xavier, typed, meant):
    answer = xavier(*typed.split())

    assert answer.code == 2
    assert meant in answer.err
    assert answer.err.count("\n") == 1
    assert answer.out == ""


def test_hints_for_commands_name_commands_that_there_are():
    for word, hint in other_words._HINTS["command"].items():
        assert word not in COMMANDS
        named = hint.split("`xavier ")[1].split("`")[0].split()[0]
        assert named in {*COMMANDS, "--version"}, hint


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("reproduce", ["RECIPE is missing", "table-1", "figure-11"]),
        ("sweep", ["RECIPE is missing", "table-1", "figure-11"]),
        ("init show", ["NAME is missing", *lookup.INITIALIZERS]),
        ("act show", ["NAME is missing", *lookup.ACTIVATIONS]),
        ("data fetch", ["NAME is missing", "mnist", "cifar10"]),
        ("data show", ["NAME is missing", "mnist", "small-imagenet"]),
        ("diff", ["A is missing", "mine"]),
        ("diff mine", ["B is missing", "mine"]),
        ("verify", ["RUN is missing"]),
        ("doctor", ["FILE is missing"]),
    ],
)
def test_an_argument_that_is_missing_is_one_line_with_the_choices(xavier, tmp_path, monkeypatch, typed, says):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XAVIER_RUNS_DIR", raising=False)
    Path("runs").mkdir()
    Path("runs", "mine.h5").touch()
    answer = xavier(*typed.split())

    assert answer.code == 2
    assert all(each in answer.err for each in says), answer.err
    # It is generated, not downloaded.
    assert typed != "data fetch" or "shapeset" not in answer.err
    assert answer.err.count("\n") == 1
