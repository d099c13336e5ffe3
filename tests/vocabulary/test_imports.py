"""The files that a file imports from its own folder, which its digest covers."""

from __future__ import annotations

import pytest

from xavier_cli.config.run import RunConfig
from xavier_cli.vocabulary.imports import imported_files
from xavier_cli.vocabulary.user_functions import UserFunctionError


@pytest.fixture
def folder(tmp_path):
    files = {
        "nets.py": "import os, blocks\nfrom parts import attention\ndef f(): import late\n",
        "blocks.py": "from parts.norm import x\n",
        "late.py": "",
        "parts/__init__.py": "",
        "parts/attention.py": "from . import norm\nfrom .. import outside\n",
        "parts/norm.py": "import nets\nx = 1\n",
        "unused.py": "",
        "broken.py": "def (",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_files_are_found_through_others_and_within_functions(folder):
    names = [str(file.relative_to(folder)) for file in imported_files(folder / "nets.py")]
    assert names == ["blocks.py", "late.py", "parts/__init__.py", "parts/attention.py", "parts/norm.py"]
    assert imported_files(folder / "broken.py") == []
    # A module of a package sees the whole package.
    inner = imported_files(folder / "parts" / "attention.py")
    assert {file.name for file in inner} >= {"norm.py", "nets.py", "blocks.py"}


def test_the_digest_of_a_network_covers_what_it_imports(folder):
    config = RunConfig.of(net=f"{folder}/nets.py:f")
    config.check_code()
    (folder / "unused.py").write_text("changed = 1")
    config.check_code()
    (folder / "parts" / "norm.py").write_text("x = 2\n")
    with pytest.raises(UserFunctionError, match="or what it imports has changed since"):
        config.check_code()
    again = RunConfig.of(net=f"{folder}/nets.py:f")
    assert again.sha256() != config.sha256()
