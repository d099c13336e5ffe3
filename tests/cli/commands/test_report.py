"""`xavier report` at the front door: what it writes, what it says, how it ends."""

import html
import os
import re
import shlex

import pytest

from xavier_cli.report import pictures


@pytest.fixture(autouse=True)
def no_figures(monkeypatch):
    """Figures have tests of their own, and take the most time."""
    monkeypatch.setattr(pictures, "_KINDS", {})


def test_its_path_is_all_that_stdout_carries_and_all_runs_are_in_it(xavier, shelf):
    answer = xavier("report")
    text = (shelf.parent / "report.html").read_text(encoding="utf-8")

    assert (answer.code, answer.out) == (0, "report.html\n")
    assert answer.err == "reading 3 runs in `runs`\n"
    assert "3 configurations on shapeset" in text
    assert "tanh-standard.h5" in text
    assert str(shelf.parent) not in text


def test_it_goes_where_it_is_asked_to_and_says_the_same_from_anywhere(xavier, shelf, monkeypatch):
    files = [shelf / name for name in ("tanh-normalized.h5", "tanh-standard.h5")]
    xavier("report", *files, "-o", "new/a.html")
    monkeypatch.chdir("new")
    xavier("report", *(os.path.relpath(each) for each in files), "-o", "b.htm")

    pages = [(shelf.parent / "new" / name).read_text(encoding="utf-8") for name in ("a.html", "b.htm")]
    # All but the command that makes it here.
    assert len({re.sub("xavier report .*", "", each) for each in pages}) == 1
    assert sorted(os.listdir()) == ["a.html", "b.htm"]


def test_the_command_of_a_page_makes_it(xavier, shelf):
    """It once looked for every run in `runs/`, and wrote to `report.html`."""
    os.rename(shelf / "tanh-normalized.h5", "my run.h5")
    xavier("report", "my run.h5", "-o", "a page.html")
    before = (shelf.parent / "a page.html").read_bytes()
    command = html.unescape(re.search("xavier report .*?(?=<)", before.decode())[0])
    assert command == "xavier report 'my run.h5' -o 'a page.html'"
    os.remove("a page.html")

    assert xavier(*shlex.split(command)[1:]).code == 0
    assert (shelf.parent / "a page.html").read_bytes() == before


def test_a_bad_file_is_named_and_hides_nothing(xavier, shelf):
    (shelf / "bad.h5").write_bytes(b"no run")
    answer = xavier("report", "runs")
    text = (shelf.parent / "report.html").read_text(encoding="utf-8")

    assert (answer.code, answer.out) == (4, "report.html\n")
    assert "bad.h5" in answer.err
    assert re.search(r"not read: <code[^>]*>runs/bad\.h5</code>", text)
    assert "3 configurations" in text


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["runs/bad.h5"], 5, "`runs/bad.h5`"),
        (["nowhere.h5"], 5, "nowhere.h5"),
        (["-o", "page.pdf"], 2, "should end in .html"),
        (["-o", "runs"], 2, "is a folder"),
        (["-o", "runs/bad.h5/page.html"], 6, "could not be written"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_writes_nothing(xavier, shelf, arguments, code, said):
    (shelf / "bad.h5").write_bytes(b"no run")
    before = sorted(os.listdir(shelf.parent))
    answer = xavier("report", *arguments)

    assert (answer.code, answer.out) == (code, "")
    assert said in answer.err
    assert sorted(os.listdir(shelf.parent)) == before


def test_without_any_run_it_says_how_to_make_one(xavier, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("XAVIER_RUNS_DIR", raising=False)
    answer = xavier("report")

    assert (answer.code, answer.out) == (2, "")
    assert "`xavier train` makes one" in answer.err


def test_a_device_is_written_to_and_not_named(xavier, shelf):
    answer = xavier("report", shelf, "-o", "/dev/null")

    assert (answer.code, answer.out) == (0, "")
    assert os.path.exists("/dev/null")
