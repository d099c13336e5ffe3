"""The built wheel holds the whole package, and runs in an environment that has no checkout."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from xavier_cli.version import __version__

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "runs" / "golden" / "schema-1" / "run.h5.gz"


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    """The output of a successful command, in an environment without the checkout."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=cwd, env={**environment, "COLUMNS": "200"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", folder)
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory) -> Path:
    """The programs of an environment with the wheel; dependencies are found where the tests have theirs."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check")
    run(*pip, "install", "-q", "--no-deps", "--no-index", wheel)
    place = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip())
    # Looked at after the environment's own packages, and without the links to checkouts that lie there.
    theirs = dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))
    (place / "dependencies.pth").write_text("".join(f"{path}\n" for path in theirs))
    return folder / "bin"


def test_the_wheel_holds_the_package_and_the_recipes_and_nothing_else(wheel):
    def files(folder: str, called: str) -> set[str]:
        paths = (path for path in (ROOT / folder).rglob("*") if "__pycache__" not in path.parts)
        return {called + path.relative_to(ROOT / folder).as_posix() for path in paths if path.is_file()}

    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}

    assert wheel.name == f"xavier_cli-{__version__}-py3-none-any.whl"
    assert names == files("xavier_cli", "xavier_cli/") | files("recipes", "xavier_cli/shipped_recipes/")


def test_what_runs_is_the_wheel_and_not_the_checkout(environment, tmp_path):
    place = run(environment / "python", "-c", "import xavier_cli; print(xavier_cli.__file__)", cwd=tmp_path)

    assert Path(place).is_relative_to(environment.parent)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("xavier --version", [f"xavier {__version__}"]),
        ("python -m xavier_cli --version", [f"xavier {__version__}"]),
        ("xavier --help", ["train", "compare", "reproduce"]),
        ("xavier reproduce list", [path.stem for path in (ROOT / "recipes").glob("*.toml")]),
        ("xavier init list", ["normalized", "orthogonal"]),
        # Networks are found in the package, and the fixture by whatever pytest there is.
        ("xavier reproduce residual-explosion --dry-run", ["recipes/networks/resnet.py:resnet:", "to do"]),
        ("python -m pytest --help", ["--keep-initialization"]),
        # Files are read by a separate process, which gets the path of the packages.
        ("xavier show run.h5", ["test error"]),
    ],
)
def test_commands_of_the_wheel_answer_from_another_folder(command, said, environment, tmp_path):
    (tmp_path / "run.h5").write_bytes(gzip.decompress(GOLDEN.read_bytes()))
    program, *arguments = command.split(" ")
    answer = run(environment / program, *arguments, cwd=tmp_path)

    assert [word for word in said if word not in answer] == []
