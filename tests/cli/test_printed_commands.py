"""Every command that xavier prints is one that its own parser takes, over runs of every kind."""

from __future__ import annotations

import ast
import html
import re
import shlex
from pathlib import Path

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st

import xavier_cli
from xavier_cli.cli.app import app, load_commands
from xavier_cli.cli.catalogue import COMMANDS
from xavier_cli.config.command_text import train_command
from xavier_cli.config.run import RunConfig
from xavier_cli.runs.store import write_run
from xavier_cli.vocabulary.shipped import shipped_folder

OWN = "def wave(s):\n    return s / (1 + s * s)\n"


@pytest.fixture(scope="module")
def parse():
    """A function that parses a command's words as the program does, runs nothing, and returns the options."""
    registered = app.registered_commands, app.registered_groups
    app.registered_commands, app.registered_groups = [], []
    load_commands(COMMANDS)
    command = typer.main.get_command(app)
    app.registered_commands, app.registered_groups = registered

    def options(text: str) -> dict[str, object]:
        program, *words = shlex.split(text)
        assert program == "xavier"
        if words[0] == "help":
            # `help train` is `train --help`; `COMMAND` stands for any.
            return {}
        context, at = None, command
        context = at.make_context("xavier", words)
        while hasattr(at, "resolve_command"):
            name, at, rest = at.resolve_command(context, [*context._protected_args, *context.args])
            context = at.make_context(name, rest, parent=context)
        return context.params

    return options


def literals(path: Path) -> list[str]:
    """Every text in a module, what stands in braces replaced by a word."""
    found = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.JoinedStr):
            found.append(
                "".join(
                    str(getattr(part, "value", "")) if isinstance(part, ast.Constant) else "NAME"
                    for part in node.values
                )
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value)
    return found


def told() -> list[str]:
    """The commands in messages and help, and in recipes."""
    house = Path(xavier_cli.__file__).parent
    texts = [text for path in house.rglob("*.py") for text in literals(path)]
    texts += [path.read_text() for path in shipped_folder().glob("*.toml")]
    commands = [each for text in texts for each in re.findall(r"`(xavier [a-z][^`]*)`", text)]
    commands += [each for text in texts for each in re.findall(r"^ {4,}(xavier [a-z].*)$", text, re.M)]
    return sorted({re.split(" ?[;>&]", " ".join(each.split()))[0] for each in commands})


@pytest.mark.parametrize("command", told())
def test_what_messages_and_help_speak_of_is_taken(parse, command):
    try:
        parse(command)
    except Exception as error:
        # `xavier train --data` in a sentence is a name; only what is not there must not be named.
        # Without a command of its own, `xavier data` shows its help and exits.
        wants_more = type(error).__name__ in ("MissingParameter", "Exit")
        if not wants_more and "requires an argument" not in str(error):
            raise


def typed(parse, command):
    given = parse(command)
    return RunConfig.of(
        **{
            name: value
            for name, value in given.items()
            if value is not None and name in RunConfig.model_fields
        }
    )


@settings(max_examples=150, deadline=None)
@given(
    act=st.sampled_from(["tanh", "prelu", "leaky_relu:slope=0.123456789", "sigmoid"]),
    init=st.sampled_from(["normalized", "normal:std=0.0212345678,output=zeros", "standard,1=zeros"]),
    data=st.sampled_from(["shapeset", "mnist", "images:a folder", "shapeset:1000"]),
    coding=st.sampled_from([None, "0,1", "-1,1", "-0.1234567891,3"]),
    depth=st.integers(1, 9),
    width=st.sampled_from([1, 300, 1000]),
    lr=st.floats(1e-8, 1e3) | st.lists(st.floats(1e-8, 1e3), min_size=2, max_size=4, unique=True),
    seeds=st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=4, unique=True),
    clip=st.sampled_from([0.0, 0.123456789123]),
    update_rule=st.sampled_from(["auto", "plain"]),
    residual=st.booleans(),
    init_gain=st.sampled_from(["paper", "auto", 1.23456789]),
    updates=st.integers(0, 10**6),
)
def test_the_command_of_a_configuration_makes_it(parse, **chosen):
    config = RunConfig.of(**{name: value for name, value in chosen.items() if value is not None})

    assert typed(parse, train_command(config)) == config


@pytest.fixture
def kinds(tmp_path, monkeypatch, make_run):
    """Runs of every kind: diverged, with a user function, searched, of one seed, pre-trained."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XAVIER_RUNS_DIR", raising=False)
    (tmp_path / "my own.py").write_text(OWN)
    small = {"width": 8, "seeds": "3"}
    write_run(tmp_path / "runs" / "-own one.h5", make_run(act="my own.py:wave", diverged=[1], **small))
    write_run(tmp_path / "runs" / "search.h5", make_run(lr="0.01,0.02,0.04", **small))
    write_run(
        tmp_path / "runs" / "layers.h5", make_run(width="8,7", coding="0,1", seeds="7,", lr=0.0123456789)
    )
    write_run(tmp_path / "runs" / "bad.h5", make_run(final_error=0.9, residual=True, act="sigmoid", **small))
    write_run(tmp_path / "runs" / "pre.h5", make_run(pretrain="dae", normalization="none", depth=2, **small))
    write_run(
        tmp_path / "runs" / "cut.h5", make_run(records_done=3, status="interrupted", seeds="2", width=9)
    )
    return tmp_path


def test_what_is_printed_about_runs_is_taken(kinds, xavier, parse):
    """`check` and `report` once named `--sources`, an option that does not exist."""
    answer = xavier("check", "runs", "-f", "json")
    printed = re.findall(r"\"(xavier train [^\"]*)\"", answer.out.replace('\\"', ""))
    printed += re.findall(r"(?:next: |      )(xavier .*)", answer.err)
    assert xavier("report", "runs", "-o", "report.html").code in (0, 4)
    page = html.unescape(re.sub("<[^>]*>", "\n", (kinds / "report.html").read_text()))
    printed += re.findall(r"^\s*(xavier (?:train|report) .*)$", page, re.M)
    for name in (kinds / "runs").iterdir():
        printed += re.findall(
            r"(?:next: |      |Try `)(xavier [^`\n]*)", xavier("show", name, width=2000).err
        )

    assert sum("my own.py:wave" in command for command in printed) >= 2
    assert any(command.startswith("xavier report") for command in printed)
    for command in printed:
        parse(command)
