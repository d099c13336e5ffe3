"""The house stays as DESIGN draws it: checks that see, floors, names that lead somewhere, a quick start."""

from __future__ import annotations

import ast
import dataclasses
import importlib.util
import inspect
import pkgutil
import platform
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from typer import Typer
from typer.models import ArgumentInfo

import xavier_cli
from xavier_cli.cli import app as cli_app
from xavier_cli.cli.catalogue import COMMANDS
from xavier_cli.cli.options import completion
from xavier_cli.cli.options.run_files import RunsArgument
from xavier_cli.vocabulary.lookup import ACTIVATIONS, DATA_SETS, INITIALIZERS, find, load

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent
HEAVY = {"jax", "h5py", "numpy", "matplotlib", "scipy", "optax", "rich.table"}


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


SMALL_HOUSE = """
[tool.ruff]
line-length = 110
[tool.ruff.lint]
select = ["F"]
[tool.mypy]
files = ["xavier_cli"]
[tool.importlinter]
root_package = "xavier_cli"
[[tool.importlinter.contracts]]
name = "floors"
type = "layers"
containers = ["xavier_cli"]
layers = ["up", "down"]
"""


@pytest.mark.parametrize(
    ("planted", "failed"),
    [
        ("", []),
        ("number = 'one'\n", ["format"]),
        ("import json\n", ["lint"]),
        ('number: int = "one"\n', ["types"]),
        ("import xavier_cli.up\n\nprint(xavier_cli.up)\n", ["floors"]),
        ("import json\nimport xavier_cli.up\nnumber: int = 'one'\n", ["format", "lint", "types", "floors"]),
    ],
    ids=["nothing", "format", "lint", "types", "floors", "all"],
)
def test_each_check_prints_what_it_found_and_hides_no_other(planted, failed, tmp_path):
    (tmp_path / "pyproject.toml").write_text(SMALL_HOUSE)
    for folder in ("xavier_cli", "tests"):
        (tmp_path / folder).mkdir()
    for name, text in {"__init__": "", "up": "", "down": planted}.items():
        (tmp_path / "xavier_cli" / f"{name}.py").write_text(text)
    check = tmp_path / "tests" / "check.py"
    check.write_text((ROOT / "tests" / "check.py").read_text())
    done = run(sys.executable, str(check), "platform")

    verdicts = dict(re.findall(r"^(format|lint|types|floors): (ok|failed)$", done.stdout, re.MULTILINE))
    assert [name for name, verdict in verdicts.items() if verdict == "failed"] == failed
    assert len(verdicts) == 4
    assert done.stdout.count("down") >= len(failed)
    # What comes after the checks runs all the same.
    assert platform.platform() in done.stdout
    assert done.returncode == bool(failed), done.stdout + done.stderr
    assert done.stderr == (f"failed: {', '.join(failed)}\n" if failed else "")


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


def sources(*rooms: str) -> Iterator[tuple[str, ast.Module]]:
    for room in rooms:
        for source in sorted((ROOT / "xavier_cli" / room).rglob("*.py")):
            yield str(source.relative_to(ROOT)), ast.parse(source.read_text(encoding="utf-8"))


def imported(module: ast.Module) -> set[str]:
    """The top of every package that `module` imports, anywhere in it."""
    found = set[str]()
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            found |= {each.name.partition(".")[0] for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found


def test_an_answer_is_a_value_that_knows_no_terminal():
    files = list(sources("views", "report"))

    assert len(files) > 30
    for name, module in files:
        assert not imported(module) & {"typer", "rich"}, name


# How text is taken apart. What people type, files' names and CSS are read so; what is displayed never is.
READ_BACK = {"startswith", "endswith", "removeprefix", "removesuffix", "partition", "rpartition", "split"}
# They write `.05` for 0.05.
NUMBERS = {"xavier_cli/views/numbers.py", "xavier_cli/views/comparison_rules.py"}
READS_TEXT = {
    "xavier_cli/views/filters.py": "conditions as people type them",
    "xavier_cli/views/deviations.py": "the name of a dataset",
    "xavier_cli/views/initialization.py": "the name of a dataset",
    "xavier_cli/report/pictures.py": "the name of a dataset",
    "xavier_cli/report/colours.py": "colours in a drawing",
    "xavier_cli/views/numbers.py": "a coding as people type it",
    "xavier_cli/views/folding.py": "the path of a parameter",
    "xavier_cli/report/elements.py": "an attribute's name, and which part of a sentence is code",
}


def test_no_view_parses_what_is_displayed():
    for name, module in sources("views", "report"):
        for node in ast.walk(module):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                called = node.func.attr
                is_of_re = isinstance(node.func.value, ast.Name) and node.func.value.id == "re"
                # Without arguments it is padding that goes.
                strips = called in ("strip", "lstrip", "rstrip") and node.args and name not in NUMBERS
                if called in READ_BACK or is_of_re or strips:
                    assert name in READS_TEXT, f"{name}:{node.lineno}: a cell has its value beside its text"
            if isinstance(node, ast.Match) and name not in READS_TEXT:
                subject = ast.unparse(node.subject)
                assert not re.search("title|head", subject), f"{name}:{node.lineno}"


def test_no_command_builds_its_answer_itself():
    files = list(sources("cli/commands", "cli/options"))

    assert len(files) > 30
    for name, module in files:
        calls = (node.func for node in ast.walk(module) if isinstance(node, ast.Call))
        built = {func.id for func in calls if isinstance(func, ast.Name)} & {
            "Page",
            "Table",
            "Column",
            "Cell",
        }
        assert not built, f"{name} builds {built}: that is for a module of `views`"


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
        assert load(word.function).__name__ in (name, *word.aliases)


@pytest.mark.parametrize("table", [INITIALIZERS, ACTIVATIONS, DATA_SETS])
def test_no_alias_means_two_things(table):
    aliases = [alias for word in table.values() for alias in (word.name, *word.aliases)]

    assert len(aliases) == len(set(aliases))
    assert all(find("word", alias, table) in table.values() for alias in aliases)


def test_the_list_of_commands_says_what_each_commands_own_help_says():
    for name, row in COMMANDS.items():
        command = getattr(import_module(f"xavier_cli.cli.commands.{name}"), name)
        own = command.info.help if isinstance(command, Typer) else command.__doc__

        assert own is not None
        assert own.strip().splitlines()[0] == row.summary


def test_the_list_of_commands_says_which_take_runs_and_complete_them():
    for name, row in COMMANDS.items():
        command = getattr(import_module(f"xavier_cli.cli.commands.{name}"), name)
        if isinstance(command, Typer):
            continue
        taken = [each.annotation for each in inspect.signature(command, eval_str=True).parameters.values()]
        arguments = [each for each in taken if isinstance(each.__metadata__[0], ArgumentInfo)]

        offered = [each.__metadata__[0].autocompletion for each in arguments[:1]]
        assert (row.first == "runs") == (offered == [completion.runs]), name
        assert row.reads_runs or RunsArgument not in arguments, name


def test_every_error_that_may_leave_the_package_is_one_of_its_own():
    """A library user catches `XavierError`; private classes never leave their file."""
    for source in (ROOT / "xavier_cli").rglob("*.py"):
        module = ".".join(source.relative_to(ROOT).with_suffix("").parts)
        for node in ast.parse(source.read_text()).body:
            if isinstance(node, ast.ClassDef) and node.name.endswith("Error") and node.name[0] != "_":
                assert issubclass(getattr(import_module(module), node.name), xavier_cli.XavierError), (
                    node.name
                )


# Types and import-linter see no path that stands as text: each is followed here.
A_MODULE = re.compile(r"xavier_cli(\.\w+)*\.?(:\w+)?")
A_FUNCTION = re.compile(r"[a-z_]\w*(\.\w+)*:[A-Za-z_]\w*")


def paths_in_the_source() -> Iterator[tuple[str, str]]:
    """Every text in the source that is a module's path or the beginning of one, and where it stands."""
    for source in sorted((ROOT / "xavier_cli").rglob("*.py")):
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
            text = getattr(node, "value", None) if isinstance(node, ast.Constant) else None
            if isinstance(text, str) and A_MODULE.fullmatch(text):
                yield f"{source.relative_to(ROOT)}:{node.lineno}", text


def lacks_its_framework(name: str) -> bool:
    """Whether a module is for networks of a framework that is not installed here."""
    # `look` is what asks for PyTorch.
    if name.startswith("xavier_cli.pytorch.") and name != "xavier_cli.pytorch.look":
        return importlib.util.find_spec("torch") is None
    frameworks = {"linen": "flax", "nnx": "flax", "equinox": "equinox", "haiku": "haiku"}
    adapters, _, framework = name.rpartition(".")
    if adapters != "xavier_cli.nn.adapters" or framework not in frameworks:
        return False
    return importlib.util.find_spec(frameworks[framework]) is None


def every_module() -> Iterator[object]:
    for found in pkgutil.walk_packages(xavier_cli.__path__, "xavier_cli."):
        if not found.name.endswith("__main__") and not lacks_its_framework(found.name):
            yield import_module(found.name)


def functions_in_tables() -> dict[str, str]:
    """Every text like `module:function` in a row of a module's table, and which row it is."""
    found: dict[str, str] = {}
    for module in every_module():
        for name, table in list(vars(module).items()):
            rows = table.values() if isinstance(table, dict) else table
            for row in rows if isinstance(rows, list | tuple | type({}.values())) else ():
                fields = dataclasses.fields(row) if dataclasses.is_dataclass(row) else ()
                for field in fields if not isinstance(row, type) else ():
                    text = getattr(row, field.name)
                    if isinstance(text, str) and A_FUNCTION.fullmatch(text):
                        found[text] = f"{name}: {getattr(row, 'name', '')}.{field.name}"
    return found


def test_every_path_of_a_module_that_stands_as_text_leads_there():
    paths = list(paths_in_the_source())

    assert len(paths) > 20
    for where, text in paths:
        module, _, attribute = text.partition(":")
        try:
            loaded = import_module(module.rstrip("."))
        except ImportError as error:
            pytest.fail(f"{where}: `{text}`: {error}")
        assert not attribute or hasattr(loaded, attribute), f"{where}: `{text}`"


def test_every_function_that_a_table_names_is_there():
    functions = functions_in_tables()

    # Initializers, activations, optimizers, data sets, figures, claims.
    assert len(functions) > 100
    for function, where in functions.items():
        try:
            assert callable(load(function)), where
        except (ImportError, AttributeError) as error:
            pytest.fail(f"{where}: `{function}`: {error}")


def test_every_command_is_loaded_from_where_it_lives(monkeypatch):
    monkeypatch.setattr(cli_app.app, "registered_commands", [])
    monkeypatch.setattr(cli_app.app, "registered_groups", [])
    cli_app.load_commands(COMMANDS)

    loaded = [each.name for each in (*cli_app.app.registered_commands, *cli_app.app.registered_groups)]
    assert sorted(loaded) == sorted(COMMANDS)


def test_every_name_of_the_package_is_brought_when_asked_for():
    for name in xavier_cli.__all__:
        assert getattr(xavier_cli, name) is not None, name


def test_what_is_built_and_installed_is_there():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

    for script in project["project"]["scripts"].values():
        assert callable(load(script)), script
    assert "__version__" in (ROOT / project["tool"]["hatch"]["version"]["path"]).read_text()


ROOMS = [path.name for path in (ROOT / "xavier_cli").iterdir() if (path / "__init__.py").exists()]
A_FILE = re.compile(rf"`((?:{'|'.join(ROOMS)})/[\w/]*?(?:\.py|/))(?:: ([\w, `]+))?`")
# `config.act` and `data.shape` are of values that are called like their rooms.
DOTTED = re.compile(rf"`((?:{'|'.join({*ROOMS} - {'config', 'data'})})(?:\.[a-z]\w*)+)`")


def test_every_file_that_the_readme_names_is_there_and_has_what_it_says():
    named = A_FILE.findall((ROOT / "README.md").read_text())

    assert len(named) > 15
    for path, functions in named:
        place = ROOT / "xavier_cli" / path
        assert place.exists(), path
        for function in re.findall(r"\w+", functions):
            assert re.search(rf"^(def|class) {function}\b", place.read_text(), re.M), f"{path}: {function}"


def test_every_module_that_docstrings_and_comments_name_is_there():
    sources = [*(ROOT / "xavier_cli").rglob("*.py"), *(ROOT / "tests").rglob("*.py")]
    for source in sources:
        for name in DOTTED.findall(source.read_text()):
            module, attribute = name.rpartition(".")[::2]
            place = ROOT / "xavier_cli" / Path(*name.split("."))
            home = ROOT / "xavier_cli" / Path(*module.split(".")).with_suffix(".py")

            is_there = place.with_suffix(".py").exists() or place.is_dir()
            is_file = attribute in ("html", "h5", "toml")
            assert is_there or is_file or (home.exists() and attribute in home.read_text()), (
                f"{source.name}: `{name}`"
            )
