"""A folder of its own for every test that reads files."""

import pytest

from xavier_cli.runs.reader import shared_reader


@pytest.fixture
def in_own_folder(tmp_path, monkeypatch):
    """Works in the test's folder; the process that reads files starts there."""
    shared_reader().close()
    monkeypatch.chdir(tmp_path)
    yield
    shared_reader().close()
