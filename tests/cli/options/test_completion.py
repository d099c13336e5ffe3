"""Tests completion in bash, zsh and fish."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from xavier_cli.cli.options import completion

ROOT = Path(__file__).parents[3]
HEAVY = {"jax", "h5py", "numpy", "matplotlib", "scipy", "optax"}
CODE = (
    "import sys\nfrom xavier_cli.cli import main\nsys.argv = ['xavier']\n"
    "try:\n    main()\nfinally:\n"
    f"    print('HEAVY', sorted(set(sys.modules) & {HEAVY!r}), file=sys.stderr)"
)
# Past what is told at once.
APP = CODE.replace("xavier_cli.cli import", "xavier_cli.cli.app import")
SHELLS = ("bash", "zsh", "fish")


def asked(shell: str, line: str) -> dict[str, str]:
    return {
        "bash": {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1)},
        "zsh": {"_TYPER_COMPLETE_ARGS": line},
        "fish": {"_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"},
    }[shell]


def offered(shell: str, line: str, folder: Path, code: str = CODE) -> str:
    environment = {
        **os.environ,
        **asked(shell, line),
        "_XAVIER_COMPLETE": f"complete_{shell}",
        "XAVIER_RUNS_DIR": str(folder),
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.stderr.strip() == "HEAVY []"
    return done.stdout


@pytest.mark.parametrize(
    ("line", "words", "others"),
    [
        ("xavier comp", ["compare"], ["train"]),
        ("xavier train --act ", ["tanh", "softsign", "sigmoid"], ["normalized"]),
        ("xavier train --init n", ["normalized"], ["standard"]),
        ("xavier probe --data m", ["mnist"], ["shapeset"]),
        ("xavier train --scale p", ["paper"], ["tiny"]),
        ("xavier reproduce table", ["table-1"], ["figure-1"]),
        ("xavier sweep figure-1", ["figure-1", "figure-12"], ["table-1"]),
        ("xavier compare --select lr,de", ["lr,depth"], ["lr,width"]),
        ("xavier compare a", ["a-run", "another"], ["hidden", "note", ".h5"]),
        ("xavier check a-", ["a-run"], ["another"]),
        ("xavier act show so", ["softsign"], ["tanh"]),
        ("xavier init show st", ["standard"], ["normalized"]),
    ],
)
def test_bash_is_offered_what_begins_so(tmp_path, line, words, others):
    for name in ("a-run.h5", "another.h5", ".a-hidden.h5", "a-note.txt"):
        (tmp_path / name).touch()
    out = offered("bash", line, tmp_path).split()

    assert set(words) <= set(out)
    assert not set(others) & set(out)
    assert not any("hidden" in word or "note" in word for word in out)


@pytest.mark.parametrize("shell", SHELLS)
@pytest.mark.parametrize(
    "line",
    [
        "xavier train --act s",
        "xavier probe --bias-init ",
        "xavier sweep fig",
        "xavier compare a",
        "xavier show ",
    ],
)
def test_what_is_told_at_once_is_what_typer_would_tell(shell, line, tmp_path, monkeypatch, capsys):
    """The slow twin loads the command."""
    for name in ("a-run.h5", "another.h5"):
        (tmp_path / name).touch()
    monkeypatch.setenv("XAVIER_RUNS_DIR", str(tmp_path))
    for name, value in {**asked(shell, line), "_XAVIER_COMPLETE": f"complete_{shell}"}.items():
        monkeypatch.setenv(name, value)
    assert completion.answer()

    assert capsys.readouterr().out.strip() == offered(shell, line, tmp_path, APP).strip()


@pytest.mark.parametrize(
    "line", ["xavier train --act 's", "xavier plot s", "xavier train --act x", "xavier", ""]
)
def test_the_rest_is_typers_to_answer(line, monkeypatch):
    for name, value in {**asked("bash", line), "_XAVIER_COMPLETE": "complete_bash"}.items():
        monkeypatch.setenv(name, value)

    assert not completion.answer()


@pytest.mark.parametrize("shell", SHELLS)
def test_every_shell_is_offered_activations(tmp_path, shell):
    out = offered(shell, "xavier train --act s", tmp_path)

    assert "sigmoid" in out
    assert "softsign" in out
    assert "tanh" not in out.replace("softsign", "")


def test_where_there_are_no_runs_the_shell_offers_files(tmp_path):
    assert offered("bash", "xavier compare x", tmp_path / "none").strip() == ""
