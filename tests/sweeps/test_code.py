"""The files of custom functions on their way to workers that lack them."""

from __future__ import annotations

import sys

import pytest

from xavier_cli.sweeps import code as sending
from xavier_cli.sweeps.code import code_at_hand, read_code
from xavier_cli.vocabulary.user_code import load_user_function
from xavier_cli.vocabulary.user_functions import UserFunctionError, place_file, text_digest, with_imports

NETS = "from parts_of_nets import number\n\ndef net():\n    return number\n"


@pytest.fixture
def code(tmp_path, monkeypatch):
    """A file and what it imports, read; then both are gone, and the working folder is another."""
    (tmp_path / "here" / "deep").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here" / "deep")
    (tmp_path / "here" / "nets.py").write_text(NETS)
    (tmp_path / "here" / "parts_of_nets.py").write_text("number = 7\n")
    monkeypatch.setattr(sending, "_imported", {})
    monkeypatch.delitem(sys.modules, "parts_of_nets", raising=False)
    read = read_code(["../nets.py", "json"])
    digest = text_digest(with_imports("../nets.py"))
    for path in (tmp_path / "here").glob("*.py"):
        path.unlink()
    (tmp_path / "there").mkdir()
    monkeypatch.chdir(tmp_path / "there")
    yield read, digest
    sys.modules.pop("parts_of_nets", None)


def test_a_function_runs_where_its_files_are_not_and_nothing_is_left(code, tmp_path):
    read, digest = code
    with pytest.raises(UserFunctionError, match=r"`\.\./nets.py` cannot be read"):
        load_user_function("../nets.py:net")

    with code_at_hand(read):
        assert text_digest(with_imports("../nets.py")) == digest
        assert load_user_function("../nets.py:net")() == 7

    assert set(read.files) == {"nets.py", "parts_of_nets.py"}
    assert read.places == {"../nets.py": "nets.py"}
    assert not list((tmp_path / "there").iterdir())
    with pytest.raises(UserFunctionError):
        text_digest("../nets.py")


def test_files_that_are_the_same_here_are_used_where_they_lie(code, tmp_path):
    read, _ = code
    for path, text in read.files.items():
        (read.root / path).write_bytes(text)

    with code_at_hand(read):
        assert place_file("../nets.py") == read.root / "nets.py"


def test_an_import_that_a_worker_has_loaded_with_another_text_is_refused(code):
    read, _ = code
    other = sending.Code(read.root, {**read.files, "parts_of_nets.py": b"number = 8\n"}, read.places)

    with code_at_hand(read):
        assert load_user_function("../nets.py:net")() == 7
    refused = pytest.raises(UserFunctionError, match=r"`parts_of_nets.py` has changed.*restart the workers")
    with refused, code_at_hand(other):
        pass


def test_without_custom_functions_there_is_nothing_to_send():
    assert read_code([]).files == {}
