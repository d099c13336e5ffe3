"""Fixtures of the pins: their snapshots, how to write these again, and the command itself.

`WRITE_PINS=1 python -m pytest tests/pins` writes every snapshot as things are now; the difference in the
repository then says what changed on the outside. A snapshot holds nothing of the machine it was written on.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from xavier_cli.cli import main
from xavier_cli.cli.app import app

WRITES = bool(os.environ.get("WRITE_PINS"))


@dataclass(frozen=True)
class Answer:
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def snapshot() -> Callable[..., Any]:
    """`snapshot(name, content)`: what is pinned under `name`; `content`, written there, where asked for.

    Of a `.txt` the text, else what the JSON says.
    """

    def pinned(name: str, content: Any) -> Any:
        path = Path(__file__).with_name(name)
        is_text = path.suffix == ".txt"
        if WRITES:
            text = content if is_text else json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False)
            path.write_text(text.rstrip("\n") + "\n", encoding="utf-8")
        text = path.read_text(encoding="utf-8")
        return text if is_text else json.loads(text)

    return pinned


@pytest.fixture
def alone(tmp_path, monkeypatch) -> Path:
    """An empty current folder, without anybody's settings, data or caches."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("XAVIER_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", os.devnull)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def xavier(alone, monkeypatch, capsys) -> Callable[..., Answer]:
    """The command on 80 columns: takes its arguments, answers with exit code, stdout and stderr."""
    for name, value in {"COLUMNS": "80", "NO_COLOR": "1", "TERM": "dumb", "LC_ALL": "C.UTF-8"}.items():
        monkeypatch.setenv(name, value)

    def run(*arguments: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["xavier", *map(str, arguments)])
        # Else a page of help says how these tests were started.
        monkeypatch.setattr(sys.modules["__main__"], "__package__", None)
        # Every start adds its commands, which another process would not see.
        monkeypatch.setattr(app, "registered_commands", [])
        monkeypatch.setattr(app, "registered_groups", [])
        with pytest.raises(SystemExit) as left:
            main()
        captured = capsys.readouterr()
        return Answer(int(left.value.code or 0), captured.out, captured.err)

    return run
