"""Long answers on a terminal go through the user's pager."""

import io

import pytest

from xavier_cli.cli.terminal import pager

LONG = "a line\n" * 100


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def __init__(self, file):
        super().__init__()
        self.file = file

    def isatty(self):
        return True

    def fileno(self):
        return self.file.fileno()


@pytest.fixture
def terminal(tmp_path, monkeypatch):
    monkeypatch.setenv("LINES", "24")
    monkeypatch.setenv("COLUMNS", "80")
    with (tmp_path / "screen").open("w") as file:
        monkeypatch.setattr(pager, "results", lambda: Terminal(file))
        yield tmp_path / "screen"


def test_what_does_not_fit_the_screen_goes_through_the_pager(terminal, monkeypatch):
    monkeypatch.setenv("PAGER", "sed s/^/paged:/")

    assert pager.shown_in_pager(LONG)
    assert terminal.read_text() == "paged:a line\n" * 100


@pytest.mark.parametrize(
    ("text", "program"), [("short\n", "sed p"), (LONG, ""), (LONG, "cat"), (LONG, "none-such")]
)
def test_otherwise_nothing_is_paged(terminal, monkeypatch, text, program):
    monkeypatch.setenv("PAGER", program)

    assert not pager.shown_in_pager(text)
    assert terminal.read_text() == ""


def test_a_pager_that_is_left_early_is_no_error(terminal, monkeypatch):
    monkeypatch.setenv("PAGER", "true")

    assert pager.shown_in_pager("x" * 10_000_000 + "\n" * 50)


def test_in_a_pipe_nothing_is_paged(monkeypatch):
    monkeypatch.setattr(pager, "results", io.StringIO)

    assert not pager.shown_in_pager(LONG)
