"""An empty value, as an unset variable of a shell leaves it, is never taken for nothing or for a folder."""

import pytest
import typer.main

from xavier_cli.cli.app import app, load_commands
from xavier_cli.cli.catalogue import COMMANDS
from xavier_cli.cli.terminal.usage_errors import FREE_TEXT


def commands(command, path=()):
    for name, each in getattr(command, "commands", {}).items():
        yield from commands(each, (*path, name))
    if not hasattr(command, "commands"):
        yield path, command


@pytest.fixture(scope="module")
def every_command():
    """Every command with its words: `("act", "show")`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(app, "registered_commands", [])
        patch.setattr(app, "registered_groups", [])
        load_commands(COMMANDS)
        return list(commands(typer.main.get_command(app)))


def takes_value(each):
    return not getattr(each, "is_flag", False) and each.metavar != FREE_TEXT


def assert_refused(answer, said, folder):
    assert (answer.code, answer.out) == (2, ""), (said, answer)
    assert len(answer.err.splitlines()) == 1, answer.err
    assert said in answer.err, answer.err
    assert not list(folder.iterdir())


@pytest.mark.parametrize("written", ["", " "])
def test_no_option_of_any_command_takes_an_empty_value(
    tmp_path, monkeypatch, xavier, every_command, written, count
):
    monkeypatch.chdir(tmp_path)
    tried = 0
    for path, command in every_command:
        for each in filter(takes_value, command.params):
            if each.param_type_name == "option":
                name = each.opts[-1]
                assert_refused(xavier(*path, name, written), f"{name} needs a value (", tmp_path)
                tried += 1
    assert tried > 200
    count(option_values_refused=tried)


def test_no_argument_of_any_command_is_empty(tmp_path, monkeypatch, xavier, every_command):
    monkeypatch.chdir(tmp_path)
    taking = [
        (path, each)
        for path, command in every_command
        for each in command.params
        if each.param_type_name == "argument"
    ]
    assert len(taking) > 15
    for path, each in taking:
        # The arguments before it.
        before = ["a"] * [other for p, other in taking if p == path].index(each)
        assert_refused(xavier(*path, *before, ""), " is empty", tmp_path)


def test_an_empty_value_among_others_is_refused(tmp_path, monkeypatch, xavier):
    monkeypatch.chdir(tmp_path)
    assert_refused(xavier("compare", "--where", "act=tanh", "--where="), "--where needs a value", tmp_path)
    assert_refused(xavier("rm", "a.h5", ""), "RUN is empty: run files", tmp_path)


def test_free_text_may_be_empty_and_help_is_given(shelf, xavier):
    assert xavier("tag", "tanh-normalized", "--note", "").code == 0
    assert xavier("plot", "curves", "--title", "", "-o", "a.png").code == 0
    assert "Usage" in xavier("bench", "--widths", "", "--help").out
