"""The house stays as DESIGN draws it: floors, form, types, names that lead somewhere, an instant start."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from typer import Typer

import xavier_cli
from xavier_cli.cli.app import COMMANDS
from xavier_cli.vocabulary.lookup import ACTIVATIONS, DATA_SETS, INITIALIZERS, find, load

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
HEAVY = {"jax", "h5py", "numpy", "matplotlib", "scipy", "optax", "rich.table"}


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "command",
    [
        ("ruff", "format", "--check", "."),
        ("ruff", "check", "."),
        ("mypy",),
        ("lint-imports", "--no-cache"),
    ],
    ids=["format", "lint", "types", "floors"],
)
def test_the_checkers_have_nothing_to_say(command):
    done = run(str(BIN / command[0]), *command[1:])

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_planted_upward_import_is_caught(tmp_path):
    package = tmp_path / "xavier_cli"
    for source in (ROOT / "xavier_cli").rglob("*.py"):
        copy = package / source.relative_to(ROOT / "xavier_cli")
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(source.read_text())
    (tmp_path / "pyproject.toml").write_text((ROOT / "pyproject.toml").read_text())
    with (package / "statistics" / "estimate.py").open("a") as file:
        file.write("\nimport xavier_cli.cli.app\n")
    done = subprocess.run(
        [BIN / "lint-imports", "--no-cache"], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode != 0
    assert "xavier_cli.statistics.estimate" in done.stdout


def test_one_room_alone_knows_hdf5():
    rooms = [
        str(source.relative_to(ROOT / "xavier_cli"))
        for source in (ROOT / "xavier_cli").rglob("*.py")
        if re.search(r"^\s*(import|from) h5py\b", source.read_text(), re.MULTILINE)
    ]

    assert rooms == ["runs/hdf5.py"]


@pytest.mark.parametrize(
    "arguments", ["--help", "--version", "train --help", "compare --help", "init show --help", "tarin"]
)
def test_nothing_heavy_is_imported_before_a_command_body(arguments):
    code = (
        "import sys\nfrom xavier_cli.cli import main\n"
        f"sys.argv = ['xavier', *{arguments.split()!r}]\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        f"print('HEAVY', sorted(set(sys.modules) & {HEAVY - {'rich.table'}!r}))"
    )
    done = run(sys.executable, "-c", code)

    assert done.stdout.strip().endswith("HEAVY []"), done.stdout + done.stderr


@pytest.mark.parametrize("table", [INITIALIZERS, ACTIVATIONS])
def test_every_name_leads_to_a_function_of_that_name(table):
    for name, word in table.items():
        assert load(word.function).__name__ == name


@pytest.mark.parametrize("table", [INITIALIZERS, ACTIVATIONS, DATA_SETS])
def test_no_alias_means_two_things(table):
    aliases = [alias for word in table.values() for alias in (word.name, *word.aliases)]

    assert len(aliases) == len(set(aliases))
    assert all(find("word", alias, table) in table.values() for alias in aliases)


def test_the_list_of_commands_says_what_each_commands_own_help_says():
    for name, summary in COMMANDS.items():
        command = getattr(import_module(f"xavier_cli.cli.commands.{name}"), name)
        own = command.info.help if isinstance(command, Typer) else command.__doc__

        assert own is not None
        assert own.strip().splitlines()[0] == summary


def test_every_error_that_may_leave_the_package_is_one_of_its_own():
    """A library user catches `XavierError`; private classes never leave their file."""
    for source in (ROOT / "xavier_cli").rglob("*.py"):
        module = ".".join(source.relative_to(ROOT).with_suffix("").parts)
        for node in ast.parse(source.read_text()).body:
            if isinstance(node, ast.ClassDef) and node.name.endswith("Error") and node.name[0] != "_":
                assert issubclass(getattr(import_module(module), node.name), xavier_cli.XavierError), (
                    node.name
                )
